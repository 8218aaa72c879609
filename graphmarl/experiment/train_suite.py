"""Train named settings of a family of benchmarks; print, plot and write the results.

With `--tune-budget TRIALS` options of each setting are searched before its seeds are trained, with
equally many trials and steps and the ranges of `suite_search` for all settings of a task. Trials
are kept in RUNS/TASK/tune-NAME, and runs with the best options are called NAME-tuned-seedN.

Imports are inside, since `--help` is quick without.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from graphmarl.experiment.suite_search import SuiteBudget
    from graphmarl.experiment.suite_types import Benchmark, Family
    from graphmarl.experiment.transfer import Transfer
    from graphmarl.experiment.tuner import Search
    from graphmarl.results.run import Run


def train_suite(
    family: str, description: str | None, arguments: Sequence[str] | None = None
) -> None:
    """Train the settings that a command line names, then print and plot the table.

    Args:
        family: name of the family in `SUITE`.
        description: help text of the command.
        arguments: the command line; that of this process without it.
    """
    parser = _parser(description)
    given = parser.parse_args(arguments)

    from graphmarl.experiment.suite import SUITE

    try:
        _complete(SUITE[family], given)
        if given.list:
            _list(SUITE[family], given)
        else:
            _train(SUITE[family].benchmarks[given.task], given)
    except ValueError as error:
        parser.error(str(error))


def _parser(description: str | None) -> argparse.ArgumentParser:
    """The options that all scripts have."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--task", help="what is trained on; --list shows all, with the default first")
    add(
        "--method",
        "--methods",
        nargs="+",
        metavar="NAME[:OPTIONS]",
        help="settings by the name of their row or method, with options to change; all without it",
    )
    add("--preset", nargs="+", metavar="TASK/ROW", help="settings of one task, instead of both")
    add("--graph", metavar="NAME[:OPTIONS]", help="graph builder instead of that of the settings")
    add("--env", metavar="OPTION=VALUE,...", help="options of the environment to change")
    add("--steps", type=int, help="environment steps of each run; those of the task without it")
    add("--seeds", type=int, nargs="+", help="seeds of each setting")
    add("--episodes", type=int, help="episodes of each evaluation")
    add("--device", default="cpu", help="device of networks, replay and environments")
    add("--threads", type=int, default=1, help="threads of PyTorch (%(default)s)")
    add("--runs", default="runs", help="run folders are RUNS/TASK/NAME-seedN (%(default)s)")
    add("--cuts", nargs="+", metavar="CUT", help="message cuts to evaluate as well, as in rank=80")
    add(
        "--evaluate-env",
        nargs="+",
        metavar="OPTION=VALUE,...",
        help="other environments to evaluate the runs in; {option: value, ...} changes several",
    )
    add("--tune-budget", type=int, metavar="TRIALS", help="search options of each setting first")
    add("--tune-steps", type=int, help="environment steps of each trial; those of runs without it")
    add(
        "--tune-vary",
        nargs="+",
        metavar="PART.OPTION=RANGE",
        help="what is searched, as --vary of `graphmarl tune`; by the kind of learner without it",
    )
    add("--list", action="store_true", help="print tasks, or the settings of --task; train nothing")
    return parser


def _complete(family: Family, given: argparse.Namespace) -> None:
    """Fill in what was not given.

    Raises:
        ValueError: a name that does not exist, or two that contradict each other.
    """
    from graphmarl.experiment.policies import make_cut
    from graphmarl.experiment.suite_types import TUNED

    tuned = given.tune_budget is not None
    given.named = given.task is not None or given.preset is not None or tuned
    if given.preset is not None:
        if given.task is not None or given.method is not None:
            raise ValueError("--preset names task and setting; it takes no --task or --method")
        words = [name.partition("/") for name in given.preset]
        if len({task for task, _, _ in words}) > 1:
            raise ValueError(
                f"presets are {', '.join(given.preset)}; allowed are those of one task"
            )
        given.task = words[0][0]
        given.method = [row for _, _, row in words if row] or None
    given.task = family.default if given.task is None else given.task
    if given.task not in family.benchmarks:
        from graphmarl.resolver import hint

        names = ", ".join(family.benchmarks)
        near = hint(given.task, family.benchmarks)
        raise ValueError(f"no task is called {given.task!r}; there are {names}{near}")
    rows = family.benchmarks[given.task].settings
    given.method = given.method or [row for row in rows if not (tuned and row.endswith(TUNED))]
    if again := [text for text in given.method if tuned and text.partition(":")[0].endswith(TUNED)]:
        raise ValueError(f"{again[0]} has the options of a search; allowed is what was searched")
    given.seeds = list(family.seeds) if given.seeds is None else given.seeds
    given.episodes = given.episodes or family.episodes
    given.cuts = list(family.cuts) if given.cuts is None else given.cuts
    for cut in given.cuts:
        make_cut(cut)
    for option in ("tune_steps", "tune_vary"):
        if getattr(given, option) is not None and not tuned:
            raise ValueError(f"--{option.replace('_', '-')} is of a search; add --tune-budget")


def _list(family: Family, given: argparse.Namespace) -> None:
    """Print the tasks of the family, or the settings that were named."""
    from graphmarl.experiment.presets import find_preset, preset_table

    if not given.named:
        tasks = [family.default, *(name for name in family.benchmarks if name != family.default)]
        print(preset_table().set_index("task").loc[tasks].reset_index().to_string(index=False))
        return
    _, searches = _searches(family.benchmarks[given.task], given)
    for text in given.method:
        found = find_preset(given.task, text.partition(":")[0])
        print(f"{found.name}: {found.method} in {found.env} on {found.shown_graph()}")
        if searches:
            print(f"  searched: {' '.join(searches[_values(text, given)[0]].vary)}")


def _train(benchmark: Benchmark, given: argparse.Namespace) -> None:
    """Train and evaluate what was named, then write the report."""
    import torch

    from graphmarl.experiment.ablate import report_suffix, run_seeds, write_report
    from graphmarl.experiment.sweep import PARTS, Cell
    from graphmarl.experiment.transfer import check_transfers, transfers
    from graphmarl.results.run import Run
    from graphmarl.results.tables import printed

    torch.set_num_threads(given.threads)
    folder = Path(given.runs) / given.task
    settings = [_values(text, given) for text in given.method]
    budget, searches = _searches(benchmark, given)
    changes = transfers(given.evaluate_env or ())
    check_transfers([Cell(name, *(v[part] for part in PARTS)) for name, v in settings], changes)
    if budget is not None:
        budget.keep(folder, given.seeds)
    for name, values in settings:
        if budget is not None:
            cell = budget.best(name, searches[name], folder)
            name, values = cell.name, values | {part: getattr(cell, part) for part in PARTS}
        run_seeds(
            name,
            **values,
            seeds=given.seeds,
            runs=str(folder),
            episodes=given.episodes,
            device=given.device,
        )
        for seed in given.seeds:
            _evaluate(Run(folder / f"{name}-seed{seed}", trust=True), changes, given)
    for policy in ("greedy", "stochastic"):
        rows = write_report(folder, policy, benchmark.metric, benchmark.lower_is_better)
        print(policy, printed(rows), sep="\n", flush=True)
        print(folder / f"report{report_suffix(policy, benchmark.metric)}.html")


def _evaluate(run: Run, changes: Sequence[Transfer], given: argparse.Namespace) -> None:
    """Evaluate a run with cut messages and in other environments."""
    from graphmarl.experiment.communication import measure_cuts
    from graphmarl.experiment.transfer import save_transfer

    for row in measure_cuts(run, given.cuts, given.episodes) if given.cuts else ():
        numbers = "  ".join(f"{key} {value}" for key, value in row.items() if value)
        print(f"{run.path.name}  {numbers}", flush=True)
    if changes:
        save_transfer(run, changes, given.episodes, given.device)


def _values(text: str, given: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    """The name of the runs of a setting, and method, environment, graph and steps."""
    from graphmarl.experiment.presets import find_preset, with_preset

    word, _, options = text.partition(":")
    found = find_preset(given.task, word)
    env = None if given.env is None else f"{found.env.split(':')[0]}:{given.env}"
    values = with_preset(given.task, text, env, given.graph, given.steps)
    parts = (found.name.partition("/")[2], options, given.graph, given.env)
    return "-".join(each.replace("/", "_").replace(":", "-") for each in parts if each), values


def _searches(
    benchmark: Benchmark, given: argparse.Namespace
) -> tuple[SuiteBudget | None, dict[str, Search]]:
    """The budget of the search before the runs, and the search of each setting, by name."""
    if given.tune_budget is None:
        return None, {}
    from graphmarl.checks import check_option
    from graphmarl.experiment.study import optuna_package
    from graphmarl.experiment.suite_search import SuiteBudget
    from graphmarl.ranges import PositiveInt

    check_option("", "--tune-budget", given.tune_budget, PositiveInt)
    check_option("", "--tune-steps", given.tune_steps, PositiveInt | None)
    optuna_package()
    steps = next(
        each for each in (given.tune_steps, given.steps, benchmark.steps) if each is not None
    )
    budget = SuiteBudget(
        given.tune_budget, steps, given.episodes, given.tune_vary or (), given.device
    )
    settings, typed = {}, {}
    env = None if given.env is None else f"env:{given.env}"
    for text in given.method:
        name, settings[name] = _values(text, given)
        typed[name] = (text, env, given.graph)
    return budget, budget.searches(benchmark, settings, typed)
