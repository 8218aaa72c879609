"""Train the named settings of a family of benchmarks, and print and plot the table of results."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

from graphmarl.experiment.suite import Benchmark


def train_suite(
    description: str | None,
    benchmarks: Mapping[str, Benchmark],
    default: str,
    seeds: Sequence[int],
    episodes: int,
    arguments: Sequence[str] | None = None,
) -> None:
    """Train the settings that a command line names, then print and plot the table.

    Args:
        description: help text of the command.
        benchmarks: by name.
        default: the benchmark that is trained if none is named.
        seeds: of each setting, if none are named.
        episodes: of each evaluation, if their number is not given.
        arguments: the command line; that of this process without it.
    """
    given = _parse(description, benchmarks, default, seeds, episodes, arguments)
    benchmark, folder = benchmarks[given.task], Path(given.runs) / given.task
    if given.list:
        for name in given.rows:
            print(f"{name}: {benchmark.settings[name]}")
        return
    _train(benchmark, folder, given)


def _train(benchmark: Benchmark, folder: Path, given: argparse.Namespace) -> None:
    """Train what the command line names; the imports are here since `--help` is quick without."""
    import torch

    from graphmarl.experiment.ablate import report_suffix, run_seeds, write_report
    from graphmarl.experiment.communication import measure_cuts
    from graphmarl.experiment.policies import make_cut
    from graphmarl.results.run import Run
    from graphmarl.results.tables import printed

    for cut in given.cuts:
        make_cut(cut)
    torch.set_num_threads(given.threads)
    for name in given.rows:
        setting = benchmark.settings[name]
        run_seeds(
            name,
            setting.method,
            benchmark.env.format(reward=setting.reward),
            setting.graph,
            given.steps or benchmark.steps,
            given.seeds,
            str(folder),
            given.episodes,
            given.device,
        )
        for seed in given.seeds if given.cuts else ():
            measure_cuts(Run(folder / f"{name}-seed{seed}", trust=True), given.cuts, given.episodes)
    for policy in ("greedy", "stochastic"):
        rows = write_report(folder, policy, benchmark.metric, benchmark.lower_is_better)
        print(policy, printed(rows), sep="\n", flush=True)
        print(folder / f"report{report_suffix(policy, benchmark.metric)}.html")


def _parse(
    description: str | None,
    benchmarks: Mapping[str, Benchmark],
    default: str,
    seeds: Sequence[int],
    episodes: int,
    arguments: Sequence[str] | None,
) -> argparse.Namespace:
    """The command line, checked before anything is trained."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = f"one of {', '.join(benchmarks)}"
    parser.add_argument("--task", default=default, choices=benchmarks, metavar="TASK", help=names)
    parser.add_argument("--rows", nargs="+", default=None, help="settings; all without it")
    parser.add_argument("--list", action="store_true", help="print the settings, train nothing")
    parser.add_argument("--steps", type=int, default=None, help="environment steps of each run")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(seeds))
    parser.add_argument("--episodes", type=int, default=episodes, help="of each evaluation")
    parser.add_argument("--runs", default="runs", help="folder of the run folders")
    parser.add_argument("--cuts", nargs="+", default=[], help="message cuts to evaluate as well")
    parser.add_argument(
        "--device", default="cpu", help="device of networks, replay and environments"
    )
    parser.add_argument("--threads", type=int, default=1, help="threads of PyTorch")
    given = parser.parse_args(arguments)
    known = benchmarks[given.task].settings
    given.rows = given.rows or list(known)
    for name in given.rows:
        if name not in known:
            parser.error(f"{given.task} has no row {name}; it has {', '.join(known)}")
    return given
