"""The same search for every cell of an ablation, before its runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from graphmarl.checks import check_fields
from graphmarl.experiment.grid_runs import Settings
from graphmarl.experiment.places import Place
from graphmarl.experiment.search_space import FORM, option_types
from graphmarl.experiment.study import optuna_package
from graphmarl.experiment.sweep import PARTS, Cell
from graphmarl.experiment.tune import run_search
from graphmarl.experiment.tuner import Search
from graphmarl.ranges import NonNegativeInt
from graphmarl.resolver import split_name
from graphmarl.results.export import as_csv
from graphmarl.results.run import Run

FOLDER = "tune"
"""Folder of the searches, in that of the ablation."""


@dataclass(frozen=True)
class Budget:
    """A search of the same size for every cell.

    Args:
        trials: trials of each cell; 0 for no search.
        vary: ranges and lists of options, as in `tune`; a cell has those that are options of it.

    Raises:
        ValueError: trials without ranges, or ranges without trials.
    """

    trials: NonNegativeInt = 0
    vary: Sequence[str] = ()

    def __post_init__(self) -> None:
        check_fields(self)
        if self.vary and not self.trials:
            raise ValueError("tune has ranges and tune_budget is 0; set the trials of each cell")
        if self.trials and not self.vary:
            raise ValueError(f"tune_budget is {self.trials} without ranges; write --tune {FORM}")

    def of(self, cell: Cell) -> tuple[str, ...]:
        """The ranges that are options of a cell.

        Args:
            cell: the cell.
        """
        found = []
        for text in self.vary:
            part, _, option = text.partition("=")[0].partition(".")
            if part not in PARTS:
                raise ValueError(f"cannot vary {text!r}; write {FORM}")
            name, _ = split_name(getattr(cell, part), part)
            found += [text] if option in option_types(part, name) else []
        return tuple(found)

    def check(self, cells: Sequence[Cell]) -> None:
        """Read the search space of every cell.

        Args:
            cells: the cells.

        Raises:
            ValueError: a range that is not allowed, or that is of an option that no cell has.
        """
        for text in self.vary:
            if not any(text in self.of(cell) for cell in cells):
                raise ValueError(f"no method, environment or graph has the option of {text!r}")


def tuned(
    cells: Sequence[Cell],
    budget: Budget,
    folder: Path,
    settings: Settings,
    jobs: int = 0,
    place: Place | None = None,
    progress: bool = True,
) -> list[Cell]:
    """The cells with the best options that a search of each has found.

    The trials of a cell are in `tune/CELL` of the folder, and the best of each in `tuned.csv`.
    Trials are compared by the metric `monitor`; their seeds and episodes are not those of the
    ablation. A cell that has none of the options stays as it is.

    Args:
        cells: the cells.
        budget: trials and ranges.
        folder: of the ablation.
        settings: settings of the runs.
        jobs: processes at a time.
        place: where they run; this machine without it.
        progress: show progress bars where there are no processes.

    Raises:
        ValueError: a range that is not allowed.
        ImportError: Optuna is not installed.
        RuntimeError: a search without a complete trial.
    """
    if not budget.trials:
        return list(cells)
    optuna_package()
    budget.check(cells)
    searches = [_search(cell, budget, settings) for cell in cells]
    for search in searches:
        if search.vary:
            search.check_metric(search.space())
    jobs = jobs if place is None or place.local else jobs or budget.trials
    made, rows = [], []
    for cell, search in zip(cells, searches, strict=True):
        row: dict[str, Any] = {"cell": cell.name, "trials": 0}
        if search.vary:
            path = folder / FOLDER / cell.name
            options = (budget.trials, jobs, place, progress)
            cell, row = search_cell(cell.name, search, path, *options)
        made.append(cell)
        rows.append(row)
    Run(folder).write("tuned.csv", as_csv(pd.DataFrame(rows)))
    return made


def search_cell(
    name: str,
    search: Search,
    folder: Path,
    trials: int,
    jobs: int = 0,
    place: Place | None = None,
    progress: bool = True,
) -> tuple[Cell, dict[str, Any]]:
    """The best cell of a search, after the trials that are not made yet.

    Args:
        name: name of the cell.
        search: the search.
        folder: its folder.
        trials: number of trials.
        jobs: processes at a time.
        place: where they run; this machine without it.
        progress: show progress bars where there are no processes.

    Returns:
        the cell, and its row of `tuned.csv`.

    Raises:
        RuntimeError: a search without a complete trial.
    """
    tuner = run_search(search, folder, trials, None, jobs, place, progress)
    table = tuner.result()
    best = table.set_index("trial").loc[tuner.best(table)]
    row: dict[str, Any] = {"cell": name, "trials": len(table), "best": tuner.best(table)}
    row |= {key: best[key] for key in (search.metric, *tuner.space.axes)}
    return tuner.best_cell(name, table), row


def _search(cell: Cell, budget: Budget, settings: Settings) -> Search:
    """The search of a cell."""
    return Search(
        str(cell.method),
        str(cell.env),
        None if cell.graph is None else str(cell.graph),
        budget.of(cell),
        steps=settings.steps,
        episodes=settings.episodes,
        metric=settings.monitor,
        mode=settings.mode,
        checkpoint_every=settings.checkpoint_every,
        evaluate_every=settings.evaluate_every,
        device=settings.device,
        threads=settings.threads,
    )
