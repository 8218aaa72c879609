"""Learning curves of cells, on environment steps that all seeds have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from graphmarl.results.cells import CellResult, seed_of
from graphmarl.results.run import Run

POINTS = 100

Source = Literal["evaluation", "training"]


@dataclass(frozen=True)
class Curve:
    """Values of a metric of all runs of a cell at the same environment steps.

    Args:
        steps: environment steps.
        values: the metric of each run.
        seeds: seeds of the runs.
    """

    steps: Float[np.ndarray, " point"]
    values: Float[np.ndarray, "run point"]
    seeds: list[int]


def curve_source(cells: Sequence[CellResult], policy: str = "greedy") -> Source:
    """Where the curves come from: evaluations during training if all runs have them.

    Args:
        cells: the cells, which are compared, so that one source serves all.
        policy: the evaluation that counts.
    """
    runs = [(run, cell.metric) for cell in cells for run in cell.runs]
    evaluated = bool(runs) and all(_has_evaluations(run, policy, metric) for run, metric in runs)
    return "evaluation" if evaluated else "training"


def _has_evaluations(run: Run, policy: str, metric: str) -> bool:
    played = "greedy" if run.config().get("evaluate_greedy", True) else "stochastic"
    return played == policy and any(metric in row for row in run.evaluations())


def curve_of(cell: CellResult, source: Source) -> Curve | None:
    """The curves of a cell's runs, on steps between the last first and the first last value.

    Points are those of the runs where all have the same, and else interpolated on a common grid.

    Args:
        cell: results of the cell.
        source: as `curve_source` says.

    Returns:
        None if no run has a value, or if the runs have no steps in common.
    """
    found = {}
    for run in cell.runs:
        values = _values(run, cell.metric, source)
        if len(values):
            found[seed_of(run.path)] = values
    curves = list(found.values())
    if not curves:
        return None
    start, end = max(each[0, 0] for each in curves), min(each[-1, 0] for each in curves)
    if start > end:
        return None
    same = all(np.array_equal(each[:, 0], curves[0][:, 0]) for each in curves)
    few = same and len(curves[0]) <= POINTS
    steps = curves[0][:, 0] if few else np.unique(np.linspace(start, end, POINTS))
    values = np.stack([np.interp(steps, each[:, 0], each[:, 1]) for each in curves])
    return Curve(steps, values, list(found))


def _values(run: Run, metric: str, source: Source) -> np.ndarray:
    """Steps and values of one run, from the first finished episode on."""
    path = run.path / "metrics.csv"
    rows = run.evaluations() if source == "evaluation" else []
    if source == "training" and path.exists() and path.stat().st_size:
        rows = run.metrics()
    return np.array([(row["env_steps"], row[metric]) for row in rows if metric in row])
