"""The commands that read a run, `presets` and `info`."""

from __future__ import annotations

import sys

import torch
from matplotlib.figure import Figure

from graphmarl.cli.ablation import cores
from graphmarl.cli.parsing import Parser, parse
from graphmarl.experiment.communication import cut_curve
from graphmarl.experiment.evaluate import evaluate
from graphmarl.experiment.evaluation import checked_path
from graphmarl.experiment.inspection import Inspection, inspect
from graphmarl.experiment.inspection.recording import record_episode
from graphmarl.experiment.preset_texts import preset_text
from graphmarl.results.plots import draw_cut_curve, save_picture
from graphmarl.results.run import Run, versions
from graphmarl.visualization.animation import draw_frame, save_animation
from graphmarl.visualization.graphs import draw_legend


def evaluate_command(words: list[str]) -> None:
    """Evaluate a run on new episodes; prints its metrics, and writes them where asked."""
    examples = [
        "evaluate runs/NAME --episodes 100 --graph complete --out complete.csv",
        "evaluate runs/NAME --cut rank=80 --out cut.json",
    ]
    parser = Parser("evaluate", "Evaluate a trained policy on new episodes.", examples)
    parser.add_argument("run", help="the run folder")
    parser.add_option("out", str, "file for the metrics, .csv, or .json with every episode")
    parser.add_options(evaluate, skip=("run",))
    given = parse(parser, words)
    out = given.pop("out", None)
    if out is not None:
        checked_path(out)
    found = evaluate(**given)
    print(found)
    if out is not None:
        found.save(out, given)
        print(out)


def messages_command(words: list[str]) -> None:
    """Evaluate a run under growing message cuts; writes a table and a plot."""
    text = "Plot the return of a run against the percentage of message bits cut."
    parser = Parser("messages", text, ["messages runs/NAME --percents [0,50,100]"])
    parser.add_argument("run", help="the run folder")
    parser.add_options(cut_curve, skip=("run",))
    parser.add_options(evaluate, skip=("run", "cut"))
    given = parse(parser, words)
    run = Run(given.pop("run"))
    rows = cut_curve(run, **given)
    run.write_rows("messages.csv", [{k: f"{v:.6g}" for k, v in row.items()} for row in rows])
    save_picture(draw_cut_curve(rows), run.path / "messages.png")
    for row in rows:
        print("  ".join(f"{name} {value:.3f}" for name, value in row.items()))
    print(f"{run.path / 'messages.csv'} {run.path / 'messages.png'}")


def animate_command(words: list[str]) -> None:
    """Record an episode of a run; writes an animation and a picture of its last step."""
    text = "Animate an episode of a run with its agent graph and attention."
    parser = Parser("animate", text, ["animate runs/NAME --steps 50 --per_second 10"])
    parser.add_argument("run", help="the run folder")
    parser.add_options(save_animation, skip=("frames", "path", "size"))
    parser.add_options(record_episode, skip=("run",))
    given = parse(parser, words)
    run, speed = Run(given.pop("run")), given.pop("per_second", 5)
    frames = record_episode(run, **given)
    save_animation(frames, run.path / "episode.gif", speed)
    figure = Figure(figsize=(6, 6.4), layout="constrained")
    axes = draw_frame(frames[-1], figure.subplots())
    draw_legend(figure)
    save_picture(axes, run.path / "episode.png")
    print(f"{run.path / 'episode.gif'} {run.path / 'episode.png'}")


def inspect_command(words: list[str]) -> None:
    """Record episodes of a run; writes tables of edges, agents and steps, graphs and a page."""
    text = "Record what a policy computes, as tables of edges, agents and steps, and as graphs."
    examples = [
        "inspect runs/NAME --episodes 10 --html",
        "inspect runs/NAME --graph knn:k=2 --format csv",
    ]
    parser = Parser("inspect", text, examples)
    parser.add_argument("run", help="the run folder")
    parser.add_argument(
        "--html", action="store_true", help="also write a page with graphs and figures"
    )
    parser.add_options(Inspection.page, skip=("self",))
    parser.add_options(Inspection.write, skip=("self", "folder"))
    parser.add_options(inspect, skip=("run",))
    given = parse(parser, words)
    run, form, html = Run(given.pop("run")), given.pop("format", "parquet"), given.pop("html")
    options = {name: given.pop(name) for name in ("deletion_episodes",) if name in given}
    if options and not html:
        raise ValueError("deletion_episodes is an option of the page; give --html as well")
    inspection = inspect(run, **given)
    print(inspection)
    for path in inspection.write(run.path / "inspection", form):
        print(path)
    if html:
        path = run.path / "inspection" / "index.html"
        path.write_text(inspection.page(**options), encoding="utf-8")
        print(path)


def info_command(words: list[str]) -> None:
    """Print versions of packages, devices and threads."""
    parse(Parser("info", "Print versions of packages, devices and threads.", ["info"]), words)
    print(info())


def info() -> str:
    """Versions of packages, devices and threads, one a line, for bug reports."""
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    lines = versions() | {
        "platform": sys.platform,
        "devices": ", ".join(["cpu", *(torch.cuda.get_device_name(i) for i in range(count))]),
        "cores": str(cores()),
        "threads": str(torch.get_num_threads()),
    }
    width = max(map(len, lines))
    return "\n".join(f"{name:{width}}  {value}" for name, value in lines.items())


def presets_command(words: list[str]) -> None:
    """List the tasks that have presets, the presets of a task, or print the command of one."""
    text = "List the tasks with presets; with a TASK its presets, with TASK/NAME the whole command."
    examples = ["presets", "presets navigation", "presets navigation/dgn"]
    parser = Parser("presets", text, examples)
    parser.add_argument("name", nargs="?", help="TASK or TASK/NAME; all tasks without it")
    name = parse(parser, words).get("name")
    print(preset_text(name))
