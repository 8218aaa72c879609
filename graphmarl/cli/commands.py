"""The commands of the command line."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path

import torch
from matplotlib.figure import Figure

from graphmarl.cli.parsing import PARTS, Parser, first_sentence, parse
from graphmarl.cli.training import train_command
from graphmarl.experiment.ablate import holds_only, report_suffix, write_report
from graphmarl.experiment.communication import cut_curve
from graphmarl.experiment.evaluate import evaluate
from graphmarl.experiment.evaluation import checked_path
from graphmarl.experiment.grid_runs import Settings, commands, run_grid, runs_of
from graphmarl.experiment.inspection import Inspection, inspect
from graphmarl.experiment.inspection.recording import record_episode
from graphmarl.experiment.preset_texts import preset_text
from graphmarl.experiment.presets import preset_steps
from graphmarl.experiment.sweep import grid
from graphmarl.experiment.transfer import check_transfers, transfer_grid, transfers
from graphmarl.methods import METHODS, method_table
from graphmarl.ranges import PositiveInt, Threads
from graphmarl.results.markdown import markdown
from graphmarl.results.plots import draw_cut_curve, save_picture
from graphmarl.results.run import Run, versions
from graphmarl.results.tables import printed
from graphmarl.visualization.animation import draw_frame, save_animation
from graphmarl.visualization.graphs import draw_legend

SEEDS = 5
"""Seeds of an ablation without the option."""
ABLATE = """Train every method on every graph under every combination of the varied options, with
several seeds. The same command again keeps finished runs and continues interrupted ones."""


def ablate_parser() -> Parser:
    """A parser of the options of `ablate`."""
    parser = Parser(
        "ablate",
        ABLATE,
        [
            "ablate --name graphs --method dgn --env gather --graphs knn:k=3 complete none",
            "ablate --name width --method dgn --env gather --vary method.hidden=64,128 --jobs 2",
            "ablate --name nav --preset navigation --method dgn vpp --graphs knn:k=3 complete",
            "ablate --name size --preset navigation --method dgn --evaluate_env num_agents=30,100",
        ],
    )
    parser.add_argument("--name", required=True, help="name of the folder of all runs")
    parser.add_argument("--method", "--methods", nargs="+", required=True, metavar="NAME:OPTIONS")
    parser.add_argument("--env", metavar="NAME:OPTIONS")
    parser.add_option("preset", str, "task of `graphmarl presets`, whose settings methods have")
    parser.add_argument("--graph", "--graphs", nargs="+", default=[], metavar="NAME:OPTIONS")
    parser.add_argument("--vary", nargs="+", default=[], metavar="PART.OPTION=VALUE,VALUE")
    for part, words in (("env", "OPTION=VALUE,VALUE"), ("graph", "NAME:OPTIONS")):
        names = (f"--evaluate_{part}", f"--evaluate-{part}")
        text = f"evaluate all runs also with another {PARTS[part].title}"
        parser.add_argument(*names, nargs="+", default=[], metavar=words, help=text)
    parser.add_option("seeds", PositiveInt, "number of seeds", SEEDS)
    parser.add_options(Settings)
    parser.add_option("jobs", Threads, "runs at a time", cores())
    parser.add_argument("--runs", default="runs", help="where the folder is (%(default)s)")
    parser.add_argument("--policy", default="greedy", choices=("greedy", "stochastic"))
    parser.add_argument(
        "--print-commands", action="store_true", help="print the commands of the runs, run nothing"
    )
    return parser


def ablate_command(words: list[str]) -> int:
    """Train and evaluate a grid; returns 1 if a run has failed."""
    given = parse(ablate_parser(), words)
    shared = {field.name: given[field.name] for field in fields(Settings) if field.name in given}
    folder = Path(given["runs"]) / given["name"]
    preset = given.get("preset")
    cells = grid(given["method"], given["env"], given["graph"], given["vary"], preset)
    shared.setdefault("steps", preset_steps(preset))
    changes = transfers(given["evaluate_env"], given["evaluate_graph"])
    check_transfers(cells, changes)
    runs = runs_of(cells, range(given.get("seeds", SEEDS)), folder, Settings(**shared))
    if given["print_commands"]:
        if changes:
            raise ValueError("there is no command of one run that evaluates it elsewhere")
        print("\n".join(commands(runs)))
        return 0
    failed = run_grid(runs, given.get("jobs", cores()))
    transfer_grid(runs, changes)
    trust = str(holds_only(folder, runs)).lower()
    report_command([str(folder), "--policy", given["policy"], "--trust", trust])
    for name in failed:
        print(f"graphmarl ablate: {name} failed, see {folder / name / 'log.txt'}", file=sys.stderr)
    return 1 if failed else 0


def report_command(words: list[str]) -> None:
    """Print the table of ablations; writes it, their figures and a page."""
    text = "Print the table of ablations and suites, and write tables, figures and a page."
    examples = [
        "report runs/ABLATION --policy stochastic",
        "report runs/ONE runs/OTHER --out runs/both",
        "report runs/TRAFFIC --metric queue --lower_is_better true",
    ]
    parser = Parser("report", text, examples)
    parser.add_argument("folder", nargs="+", help="folders of ablations or suites")
    parser.add_options(write_report, skip=("folder",))
    given = parse(parser, words)
    print(printed(write_report(**given)))
    folder = Path(given.get("out") or given["folder"][0])
    end = report_suffix(given.get("policy", "greedy"), given.get("metric"))
    names = [f"table{end}.csv", f"ablation{end}.png"]
    names += [f"report{end}.html"] if given.get("html", True) else []
    print(*(folder / name for name in names))


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


def listing(table: Mapping[str, type]) -> str:
    """One line for each entry: its name and the first line of its documentation.

    Args:
        table: classes by name.
    """
    width = max(len(name) for name in table)
    return "\n".join(f"{name:{width}}  {first_sentence(entry)}" for name, entry in table.items())


def cores() -> int:
    """Number of cores that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def methods_command(words: list[str]) -> None:
    """Print the table of methods, for a terminal or as Markdown."""
    parser = Parser("methods", "List the methods and what they support.", ["methods"])
    parser.add_argument("--markdown", action="store_true", help="print a Markdown table")
    if parse(parser, words).get("markdown"):
        print(markdown_methods())
        return
    rows = method_table(METHODS)
    widths = {name: max(len(name), *(len(row[name]) for row in rows)) for name in rows[0]}
    for row in [dict(zip(rows[0], rows[0], strict=True)), *rows]:
        print("  ".join(row[name].ljust(width) for name, width in widths.items()).rstrip())


def markdown_methods() -> str:
    """The table of methods as Markdown, as it stands in the README."""
    rows = method_table(METHODS)
    head = [name for name in rows[0] if name != "summary"]
    cells = [[f"`{row.pop('method')}`", row.pop("summary"), *row.values()] for row in rows]
    return "\n".join(markdown(["method", "summary", *head[1:]], cells))


def presets_command(words: list[str]) -> None:
    """List the tasks that have presets, the presets of a task, or print the command of one."""
    text = "List the tasks with presets; with a TASK its presets, with TASK/NAME the whole command."
    examples = ["presets", "presets navigation", "presets navigation/dgn"]
    parser = Parser("presets", text, examples)
    parser.add_argument("name", nargs="?", help="TASK or TASK/NAME; all tasks without it")
    name = parse(parser, words).get("name")
    print(preset_text(name))


def _list_command(part: str) -> Callable[[list[str]], int | None]:
    """The command that lists the entries of a part."""

    def command(words: list[str]) -> None:
        parse(Parser(f"{part}s", f"List the {PARTS[part].title}s.", [f"{part}s"]), words)
        print(listing(PARTS[part].table))

    return command


Command = Callable[[list[str]], int | None]
LISTINGS: dict[str, Command] = {f"{part}s": _list_command(part) for part in ("env", "graph")}
COMMANDS: dict[str, Command] = {
    "train": train_command,
    "evaluate": evaluate_command,
    "ablate": ablate_command,
    "report": report_command,
    "messages": messages_command,
    "animate": animate_command,
    "inspect": inspect_command,
    "methods": methods_command,
    **LISTINGS,
    "presets": presets_command,
    "info": info_command,
}
