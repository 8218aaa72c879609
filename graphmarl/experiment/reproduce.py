"""Reproduction of the claims of the papers, at one of three budgets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from graphmarl.checks import checked
from graphmarl.experiment.communication import measure_cuts
from graphmarl.experiment.grid_runs import GridRun, Settings, run_grid, runs_of
from graphmarl.experiment.presets import find_preset
from graphmarl.experiment.suite import SUITE
from graphmarl.experiment.sweep import Cell
from graphmarl.experiment.transfer import named_transfer, save_transfer
from graphmarl.methods import find_method
from graphmarl.nn import CUTS
from graphmarl.resolver import hint, options_of, split_name
from graphmarl.results.claims import Claim, Finding, findings
from graphmarl.results.collect import COLLECTORS
from graphmarl.results.measured import Result, measured
from graphmarl.results.run import Run

Budget = Literal["smoke", "cpu", "full"]
SMOKE: dict[str, Any] = {
    "episodes": 2,
    "code_epochs": 1,
    "flow_epochs": 1,
    "learning_starts": 1,
    "batch_size": 4,
    "gradient_steps": 1,
    "epochs": 1,
}
"""Options of methods in a smoke run, where a method has them."""


def find_claims(names: Sequence[str], known: Sequence[Claim]) -> list[Claim]:
    """Claims by name.

    Args:
        names: names of claims, or `all`.
        known: all claims.

    Raises:
        ValueError: there is no such claim; names the nearest.
    """
    table = {claim.name: claim for claim in known}
    if list(names) == ["all"]:
        return list(known)
    for name in names:
        if name not in table:
            raise ValueError(
                f"no claim is called {name!r}{hint(name, table)}; allowed are all, "
                f"{', '.join(table)}"
            )
    return [table[name] for name in names]


def cell_of(task: str, row: str, budget: Budget) -> Cell:
    """A row of the suite as a cell, with few copies and small batches in a smoke run.

    Args:
        task: name of the task.
        row: name of the setting.
        budget: the budget.
    """
    found = find_preset(f"{task}/{row}")
    if budget != "smoke":
        return Cell(row, found.method, found.env, found.graph)
    name, options = split_name(found.method, "method")
    has = options_of(find_method(name))
    small = {key: value for key, value in SMOKE.items() if key in has}
    env, env_options = split_name(found.env, "environment")
    return Cell(
        row,
        {"name": name, **options, **small},
        {"name": env, **env_options, "num_envs": 2},
        found.graph,
    )


@checked
def claim_runs(claim: Claim, budget: Budget, folder: Path) -> list[GridRun]:
    """The runs that a claim needs.

    Args:
        claim: the claim.
        budget: `smoke` makes one trajectory of one seed on the first task, `cpu` has the steps and
            seeds of the suite, `full` those of the paper.
        folder: run folders are FOLDER/FAMILY/TASK/ROW-seedN.

    Raises:
        ValueError: an unknown budget, or a run of that name with other options.
    """
    family, runs = SUITE[claim.family], []
    for task in claim.tasks[:1] if budget == "smoke" else claim.tasks:
        steps = {"smoke": 1, "cpu": family.benchmarks[task].steps, "full": claim.steps}[budget]
        seeds = {"smoke": [0], "cpu": family.seeds, "full": range(claim.seeds)}[budget]
        settings = Settings(steps, 2 if budget == "smoke" else family.episodes)
        cells = [cell_of(task, row, budget) for row in claim.rows]
        runs += runs_of(cells, list(seeds), folder / claim.family / task, settings)
    return runs


def reproduce(
    claims: Sequence[Claim],
    budget: Budget,
    folder: Path,
    jobs: int = 0,
    progress: bool = True,
) -> dict[str, list[Finding]]:
    """Train what claims need and say what the results answer.

    Runs that are finished are kept, and interrupted runs are continued.

    Args:
        claims: the claims.
        budget: see `claim_runs`.
        folder: holds a folder for each family, with one of runs for each task.
        jobs: runs at a time; 0 trains in this process.
        progress: show progress bars where there are no processes.

    Returns:
        the findings of each claim, by its name.

    Raises:
        RuntimeError: runs failed; the others are kept.
    """
    needed = {claim.name: claim_runs(claim, budget, folder) for claim in claims}
    runs = {run.path: run for found in needed.values() for run in found}
    failed = run_grid(list(runs.values()), jobs, progress)
    if failed:
        raise RuntimeError(f"runs failed: {', '.join(failed)}; see their log.txt")
    for claim in claims:
        for run in needed[claim.name]:
            _measure_changes(claim, run)
    results = {family: _collected(family, folder) for family in {each.family for each in claims}}
    return {claim.name: findings(claim, results[claim.family]) for claim in claims}


def _measure_changes(claim: Claim, run: GridRun) -> None:
    """Evaluate a run under the cuts of its family and at what the claim changes, once."""
    changes = list(dict.fromkeys([*SUITE[claim.family].cuts, *claim.rows[run.cell.name]]))
    cuts = [each for each in changes if each.partition("=")[0] in CUTS]
    others = [named_transfer(each) for each in changes if each not in cuts]
    made, episodes = Run(run.path, trust=True), run.settings.episodes
    if cuts:
        measure_cuts(made, cuts, episodes)
    if others:
        save_transfer(made, others, episodes)


def _collected(family: str, folder: Path) -> list[Result]:
    """The results of run folders, as the tables of measured results have them."""
    with TemporaryDirectory() as tables:
        COLLECTORS[family](folder / family, "here", Path(tables))
        return measured(Path(tables), family)
