"""What the scripts share that train the rows of a table, each with settings of its own."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import torch

from graphmarl.ablate import measure_cuts, run_seeds, write_report
from graphmarl.evaluate import make_cut
from graphmarl.results import printed
from graphmarl.run import Run

# Of `mamba_small`, for short runs and long episodes: a smaller model and smaller dreams, and less
# entropy, so that it gets further at first.
BRISK = "hidden=64,recurrent=64,starts=100,minibatch=600,entropy=0.03"


class Row(NamedTuple):
    """What a row of the table trains.

    Args:
        method: with its settings.
        reward: what the environment pays, if it can pay in several ways.
        graph: who hears whom; the method's own without it.
    """

    method: str
    reward: str = ""
    graph: str | None = None


class Task(NamedTuple):
    """What is trained.

    Args:
        env: with its settings; `{reward}` is the row's.
        steps: environment transitions of each run.
        rows: of the table, by name.
        measure: metric of an episode that is compared; the return without it.
    """

    env: str
    steps: int
    rows: Mapping[str, Row]
    measure: str | None = None


def command(
    doc: str | None, tasks: Mapping[str, Task], first: str, seeds: list[int], episodes: int
) -> None:
    """Train the rows that the command line asks for, and print and draw the table.

    Args:
        doc: what the script says of itself.
        tasks: by name.
        first: the task that is trained if none is named.
        seeds: of each row, if none are named.
        episodes: of each evaluation, if their number is not given.
    """
    given = _asked(doc, tasks, first, seeds, episodes)
    torch.set_num_threads(given.threads)
    task, folder = tasks[given.task], Path(given.runs) / given.task
    for name in given.rows:
        row = task.rows[name]
        if given.list:
            print(f"{name}: {row}")
            continue
        run_seeds(
            name,
            row.method,
            task.env.format(reward=row.reward),
            row.graph,
            given.steps or task.steps,
            given.seeds,
            str(folder),
            given.episodes,
        )
        for seed in given.seeds if given.cuts else ():
            measure_cuts(Run(folder / f"{name}-seed{seed}"), given.cuts, given.episodes)
    if not given.list:
        for policy in ("greedy", "stochastic"):
            rows = write_report(folder, policy, task.measure)
            print(policy, printed(rows), sep="\n", flush=True)
        print(folder / "ablation.png")


def _asked(
    doc: str | None, tasks: Mapping[str, Task], first: str, seeds: list[int], episodes: int
) -> argparse.Namespace:
    """What the command line asks for, all of which is checked before anything is trained."""
    parser = argparse.ArgumentParser(description=doc)
    parser.add_argument("--task", default=first, choices=tasks)
    parser.add_argument("--rows", nargs="+", default=None, help="rows of the table; all without it")
    parser.add_argument("--list", action="store_true", help="print the rows and train nothing")
    parser.add_argument("--steps", type=int, default=None)
    parser.add_argument("--seeds", type=int, nargs="+", default=seeds)
    parser.add_argument("--episodes", type=int, default=episodes)
    parser.add_argument("--runs", default="runs")
    parser.add_argument(
        "--cuts", nargs="+", default=[], help="messages that are cut in further evaluations"
    )
    parser.add_argument("--threads", type=int, default=1, help="of PyTorch")
    given = parser.parse_args()
    known = tasks[given.task].rows
    given.rows = given.rows or list(known)
    for name in given.rows:
        if name not in known:
            parser.error(f"{given.task} has no row {name}; it has {', '.join(known)}")
    try:
        for cut in given.cuts:
            make_cut(cut)
    except ValueError as error:
        parser.error(str(error))
    return given
