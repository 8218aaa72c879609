"""Learning curves of cells, on environment steps that all seeds have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from jaxtyping import Float

from graphmarl.results.cells import CellResult, seed_of
from graphmarl.results.run import Run

EVALUATIONS = "evaluations.csv"
"""Table of a run that was evaluated while it trained."""
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


def curve_source(cells: Sequence[CellResult]) -> Source:
    """Where the curves come from: evaluations while training if all runs have them.

    Args:
        cells: the cells, which are compared, so that one source serves all.
    """
    runs = [(run, cell.metric) for cell in cells for run in cell.runs]
    evaluated = bool(runs) and all(_has_evaluations(run.path, metric) for run, metric in runs)
    return "evaluation" if evaluated else "training"


def _has_evaluations(folder: Path, metric: str) -> bool:
    path = folder / EVALUATIONS
    if not path.exists() or not path.stat().st_size:
        return False
    return {"env_steps", "policy", metric} <= set(pd.read_csv(path, nrows=0))


def curve_of(cell: CellResult, source: Source, policy: str = "greedy") -> Curve | None:
    """The curves of a cell's runs, on steps between the last first and the first last value.

    Points are those of the runs where all have the same, and else interpolated on a common grid.

    Args:
        cell: results of the cell.
        source: as `curve_source` says.
        policy: the evaluation that counts.

    Returns:
        None if no run has a value, or if the runs have no steps in common.
    """
    found = {}
    for run in cell.runs:
        values = (
            _evaluated(run, cell.metric, policy)
            if source == "evaluation"
            else _trained(run, cell.metric)
        )
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


def _trained(run: Run, metric: str) -> np.ndarray:
    """Steps and values of one run in training, from the first finished episode on."""
    path = run.path / "metrics.csv"
    rows = run.metrics() if path.exists() and path.stat().st_size else []
    return np.array([(row["env_steps"], row[metric]) for row in rows if metric in row])


def _evaluated(run: Run, metric: str, policy: str) -> np.ndarray:
    """Steps and values of the evaluations of one run while it trained."""
    rows = pd.read_csv(run.path / EVALUATIONS)
    kept = (rows["policy"] == policy).to_numpy()
    return rows.loc[kept, ["env_steps", metric]].to_numpy(float)
