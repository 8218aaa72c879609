"""The commands `ablate` and `report`."""

from __future__ import annotations

import os
import sys
from dataclasses import fields
from pathlib import Path

from graphmarl.cli.parsing import PARTS, SLURM, Parser, parse
from graphmarl.experiment.ablate import holds_only, report_suffix, run_ablation, write_report
from graphmarl.experiment.grid_runs import Settings, commands, runs_of
from graphmarl.experiment.places import Place
from graphmarl.experiment.presets import preset_steps
from graphmarl.experiment.sweep import grid
from graphmarl.experiment.transfer import transfers
from graphmarl.experiment.tune_cells import Budget
from graphmarl.ranges import PositiveInt, Threads
from graphmarl.results.tables import printed

TUNE = "options to search before the runs, as --vary of tune; each cell has those it knows"
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
    text = "evaluate all runs also with messages cut, as in rank=80"
    names = ("--evaluate_cut", "--evaluate-cut")
    parser.add_argument(*names, nargs="+", default=[], metavar="NAME=NUMBER", help=text)
    parser.add_argument("--tune", nargs="+", default=[], metavar="PART.OPTION=RANGE", help=TUNE)
    parser.add_option("tune_budget", PositiveInt, "trials of each cell before its runs")
    parser.add_option("seeds", PositiveInt, "number of seeds", SEEDS)
    parser.add_options(Settings)
    parser.add_option("jobs", Threads, "runs at a time; on a cluster all without it", cores())
    parser.add_options(Place, skip=("slurm",))
    parser.add_argument("--slurm", nargs="+", metavar="NAME=VALUE", help=SLURM, default=[])
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
    shared.setdefault("steps", preset_steps(preset))
    place = Place(
        **{each: given[each] for each in ("on", "cpus", "gpus", "slurm") if each in given}
    )
    cells = grid(given["method"], given["env"], given["graph"], given["vary"], preset)
    changes = transfers(given["evaluate_env"], given["evaluate_graph"], given["evaluate_cut"])
    budget, jobs = Budget(given.get("tune_budget", 0), given["tune"]), given.get("jobs")
    jobs = jobs or (cores() if place.local else 0)
    settings, seeds = Settings(**shared), range(given.get("seeds", SEEDS))
    if given["print_commands"]:
        if budget.trials or changes:
            text = "--print-commands prints runs; leave out a search and other evaluations"
            raise ValueError(text)
        print("\n".join(commands(runs_of(cells, seeds, folder, settings))))
        return 0
    runs, failed = run_ablation(cells, seeds, folder, settings, jobs, place, budget, changes)
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


def cores() -> int:
    """Number of cores that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1
