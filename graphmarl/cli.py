"""The command line: `graphmarl train | evaluate | ablate | report | messages | methods | ...`."""

from __future__ import annotations

import argparse
import inspect
import os
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, NoReturn

import yaml
from jsonargparse import ArgumentParser
from matplotlib.figure import Figure

from graphmarl.envs import ENVS
from graphmarl.experiment.ablate import Settings, commands, run_grid, runs_of, write_report
from graphmarl.experiment.communication import cut_curve
from graphmarl.experiment.evaluate import evaluate, score
from graphmarl.experiment.recording import watch
from graphmarl.experiment.sweep import grid
from graphmarl.experiment.train import resume, train
from graphmarl.graphs import GRAPHS
from graphmarl.methods import METHODS
from graphmarl.resolver import lookup, split_name
from graphmarl.results.plots import draw_cut_curve, save_picture
from graphmarl.results.run import Run
from graphmarl.results.tables import printed
from graphmarl.visualization.animation import draw_frame, save_animation
from graphmarl.visualization.graphs import draw_legend

USAGE = """usage: graphmarl COMMAND [OPTIONS]

  train      train a method in an environment on a graph
  evaluate   play episodes with what a run has learned
  ablate     train a grid of methods, graphs and options with several seeds; one table, one picture
  report     print the table of an ablation again and redraw its picture
  messages   draw the return of a run against the share of its messages that is cut
  film       draw an episode of a run: the world, who hears whom and how much they attend
  methods    list the methods
  envs       list the environments
  graphs     list the graph builders

graphmarl train --method METHOD --env ENV --graph GRAPH --help shows the options of all three.
"""

TITLES: dict[str, tuple[str, dict[str, Any]]] = {
    "method": ("method", METHODS),
    "env": ("environment", ENVS),
    "graph": ("graph", GRAPHS),
}
EVALUATE = "episodes to play when training has ended; leaves evaluation.csv"
ABLATE = """Train every method on every graph under every combination of the varied options, with
several seeds. The same command again keeps what is finished and goes on with what is not."""
TABLES = {f"{part}s": table for part, (_, table) in TITLES.items()}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status. A person's mistake is one line, not a traceback."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    command, rest = (words[0], words[1:]) if words else ("", [])
    try:
        if command in TABLES:
            print(listing(TABLES[command]))
        elif command == "train":
            _train(rest)
        elif command == "evaluate":
            _evaluate(rest)
        elif command == "ablate":
            return _ablate(rest)
        elif command == "report":
            _report(rest)
        elif command == "messages":
            _messages(rest)
        elif command == "film":
            _film(rest)
        else:
            print(USAGE, end="")
            return 0 if command in ("", "-h", "--help") else 2
    except KeyboardInterrupt:
        print(f"graphmarl {command}: interrupted; what was saved is whole", file=sys.stderr)
        return 130
    except (ValueError, OSError, ImportError) as error:
        print(f"graphmarl {command}: {error}", file=sys.stderr)
        return 2
    return 0


def listing(table: dict[str, Any]) -> str:
    """One line for each entry: its name and the first sentence of its documentation."""
    width = max(len(name) for name in table)
    return "\n".join(
        f"{name:{width}}  {(inspect.getdoc(entry) or '').splitlines()[0]}"
        for name, entry in table.items()
    )


def _train(words: list[str]) -> None:
    """Train from names and options, from a file, or from where a run stopped."""
    first = argparse.ArgumentParser("graphmarl train", add_help=False, allow_abbrev=False)
    for name in ("resume", "config", *TITLES):
        first.add_argument(f"--{name}")
    chosen, rest = first.parse_known_args(words)
    if chosen.resume:
        parser = _parser("train --resume RUN")
        parser.add_function_arguments(resume, skip={"path"})
        parser.add_argument("--evaluate", type=int, help=EVALUATE)
        given = _parse(parser, rest)
    else:
        given = _configuration(vars(chosen), rest)
    episodes = given.pop("evaluate", None)
    if episodes is not None and episodes < 1:
        raise ValueError(f"evaluate is {episodes}; allowed are 1 and more episodes")
    run = resume(chosen.resume, **given) if chosen.resume else train(**given)
    if episodes is not None:
        score(run, episodes)
    print(run.path)


def _ablate(words: list[str]) -> int:
    """Train and evaluate a grid; returns 1 if a run has failed."""
    parser = _Words("graphmarl ablate", description=ABLATE, allow_abbrev=False)
    parser.add_argument("--name", required=True, help="name of the folder of all runs")
    parser.add_argument("--method", "--methods", nargs="+", required=True, metavar="NAME:OPTIONS")
    parser.add_argument("--env", required=True, metavar="NAME:OPTIONS")
    parser.add_argument("--graph", "--graphs", nargs="+", default=[], metavar="NAME:OPTIONS")
    parser.add_argument("--vary", nargs="+", default=[], metavar="PART.OPTION=VALUE,VALUE")
    parser.add_argument("--seeds", type=int, default=5, help="how many, from 0 (%(default)s)")
    for name in ("steps", "episodes", "checkpoint_every", "device", "threads"):
        default = getattr(Settings, name)
        parser.add_argument(f"--{name}", type=type(default), default=default, help="%(default)s")
    parser.add_argument("--jobs", type=int, default=cores(), help="runs at a time (%(default)s)")
    parser.add_argument("--runs", default="runs", help="where the folder is (%(default)s)")
    parser.add_argument("--policy", default="greedy", choices=("greedy", "stochastic"))
    parser.add_argument(
        "--print-commands", action="store_true", help="print what would be run, and run nothing"
    )
    given = parser.parse_args(words)
    for name in ("seeds", "jobs", "threads"):
        if getattr(given, name) < 1:
            raise ValueError(f"{name} is {getattr(given, name)}; allowed are 1 and more")
    shared = {field.name: getattr(given, field.name) for field in fields(Settings)}
    cells = grid(given.method, given.env, given.graph, given.vary)
    folder = Path(given.runs) / given.name
    runs = runs_of(cells, range(given.seeds), folder, Settings(**shared))
    if given.print_commands:
        print("\n".join(commands(runs)))
        return 0
    failed = run_grid(runs, given.jobs)
    _report([str(folder), "--policy", given.policy])
    for name in failed:
        print(f"graphmarl ablate: {name} failed, see {folder / name / 'log.txt'}", file=sys.stderr)
    return 1 if failed else 0


def _report(words: list[str]) -> None:
    """Print the table of an ablation and redraw its picture, from its run folders."""
    parser = _parser("report")
    parser.add_argument("folder", help="the folder of the ablation")
    parser.add_function_arguments(write_report, skip={"folder"})
    given = _parse(parser, words)
    print(printed(write_report(**given)))
    folder = Path(given["folder"])
    print(f"{folder / 'table.csv'} {folder / 'ablation.png'}")


def _evaluate(words: list[str]) -> None:
    """Play episodes with what a run has learned."""
    parser = _parser("evaluate")
    parser.add_argument("run", help="the run folder")
    parser.add_function_arguments(evaluate, skip={"run"}, fail_untyped=False)
    print(evaluate(**_parse(parser, words)))


def _messages(words: list[str]) -> None:
    """Evaluate a run with growing shares of its messages cut; leaves a table and a picture."""
    parser = _parser("messages")
    parser.add_argument("run", help="the run folder")
    parser.add_argument("--percents", type=list[float], help="of 100 bits, how many are cut")
    parser.add_argument("--rule", type=str, help="the cut, such as rank={percent},within=graph")
    parser.add_function_arguments(evaluate, skip={"run", "cut"}, fail_untyped=False)
    given = _parse(parser, words)
    run = Run(given.pop("run"))
    rows = cut_curve(run, **given)
    run.write_rows("messages.csv", [{k: f"{v:.6g}" for k, v in row.items()} for row in rows])
    save_picture(draw_cut_curve(rows), run.path / "messages.png")
    for row in rows:
        print("  ".join(f"{name} {value:.3f}" for name, value in row.items()))
    print(f"{run.path / 'messages.csv'} {run.path / 'messages.png'}")


def _film(words: list[str]) -> None:
    """Play an episode of a run; leaves an animation and a picture of its last step."""
    parser = _parser("film")
    parser.add_argument("run", help="the run folder")
    parser.add_argument("--per_second", type=int, help="frames in a second")
    parser.add_function_arguments(watch, skip={"run"}, fail_untyped=False)
    given = _parse(parser, words)
    run, speed = Run(given.pop("run")), given.pop("per_second", 5)
    frames = watch(run, **given)
    save_animation(frames, run.path / "film.gif", speed)
    figure = Figure(figsize=(6, 6.4), layout="constrained")
    axes = draw_frame(frames[-1], figure.subplots())
    draw_legend(figure)
    save_picture(axes, run.path / "film.png")
    print(f"{run.path / 'film.gif'} {run.path / 'film.png'}")


def _configuration(chosen: dict[str, str | None], rest: list[str]) -> dict[str, Any]:
    """The arguments of `train`: those of the file, changed by those of the command line."""
    config: dict[str, Any] = {}
    if chosen["config"]:
        with open(chosen["config"]) as file:
            config = yaml.safe_load(file)
    parts: dict[str, tuple[str, dict[str, Any]]] = {}
    for part in TITLES:
        default = inspect.signature(train).parameters[part].default
        value = chosen[part] or config.pop(part, None) or default
        parts[part] = ("", {}) if value is None else split_name(value, part)
    if not parts["graph"][0]:
        method = lookup("method", parts["method"][0], METHODS)
        parts["graph"] = (method.default_graph, {})
    given = _parse(_train_parser({part: name for part, (name, _) in parts.items()}), rest)
    for part, (name, options) in parts.items():
        config[part] = {"name": name, **options, **given.pop(part, {})}
    return config | given


def _train_parser(names: dict[str, str]) -> ArgumentParser:
    """A parser that knows the options of the method, environment and graph that were named."""
    parser = _parser("train [--config FILE | --resume RUN]")
    parser.add_function_arguments(train, skip=set(TITLES))
    parser.add_argument("--evaluate", type=int, help=EVALUATE)
    for part, (title, table) in TITLES.items():
        cls = lookup(title, names[part], table)
        parser.add_class_arguments(cls, part, skip={"spec"}, fail_untyped=False)
        if part == "graph":
            parser.add_argument(
                "--graph.refresh", type=int, help="rebuild only every so many steps"
            )
            parser.add_argument("--graph.drop", type=float, help="probability that an edge is lost")
    for action in parser._actions:
        # What a constructor needs may be in the file or in the name; it asks for it itself.
        action.required = False
        if action.dest in TITLES:
            # The name was taken from the command line before; this entry is for the help alone.
            names_of = ", ".join(TITLES[action.dest][1])
            action.help, action.metavar = f"one of {names_of}", "NAME"
    return parser


class _Words(argparse.ArgumentParser):
    """Raises a person's mistake instead of ending the process."""

    def error(self, message: str) -> NoReturn:
        """A mistake is one line."""
        raise ValueError(message)


def cores() -> int:
    """Cores that this process may use."""
    some = getattr(os, "sched_getaffinity", None)
    return len(some(0)) if some else os.cpu_count() or 1


def _parser(command: str) -> ArgumentParser:
    return ArgumentParser(f"graphmarl {command}", exit_on_error=False, default_env=False)


def _parse(parser: ArgumentParser, words: list[str]) -> dict[str, Any]:
    """What was typed, and nothing else: defaults are left to those who own them.

    Raises:
        ValueError: an unknown option or a value of the wrong kind.
    """
    try:
        return parser.parse_args(words, defaults=False).as_dict()
    except argparse.ArgumentError as error:
        raise ValueError(str(error)) from error


if __name__ == "__main__":
    sys.exit(main())
