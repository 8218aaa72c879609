"""Algorithms compared in one or several environments, as rliable takes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from graphmarl.results.cells import CellResult
from graphmarl.results.curves import Curve, Source, curve_of, curve_source
from graphmarl.results.stats import interquartile_mean


@dataclass(frozen=True)
class Comparison:
    """Algorithms in environments; their scores are higher where they are better.

    With several environments, or with a range, scores are normalised in each environment: 0 is the
    lower and 1 the higher end of the range, which without one is the lowest and the highest result
    of any run of the comparison, as marl-eval does. Nothing is clipped.

    Args:
        cells: results of the cells.
        policy: the evaluation that counts.
        lower_is_better: whether less of the metric is better.
        score_range: for an environment, two values of the metric: of a poor and of a good policy.
    """

    cells: Sequence[CellResult]
    policy: str = "greedy"
    lower_is_better: bool = False
    score_range: Mapping[str, Sequence[float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, ends in self.score_range.items():
            if name not in self.environments:
                there = ", ".join(self.environments)
                raise ValueError(f"score_range has {name!r}; the environments are {there}")
            if len(ends) != 2 or ends[0] == ends[1]:
                raise ValueError(
                    f"score_range of {name} is {ends}; allowed are two numbers that differ"
                )

    @property
    def environments(self) -> list[str]:
        """Names of the environments in which a run has begun."""
        return list(dict.fromkeys(c.environment for c in self.cells if c.environment)) or [""]

    @property
    def algorithms(self) -> list[str]:
        """Names of the algorithms."""
        return list(dict.fromkeys(cell.algorithm for cell in self.cells))

    def metric(self, environment: str | None = None) -> str:
        """The compared metric: the return of the team where an environment has one.

        Args:
            environment: name of the environment; the metrics of all without it.
        """
        cells = self.cells if environment is None else self.of(environment)
        return " or ".join(dict.fromkeys(c.metric for c in cells if c.returns)) or "return"

    @property
    def normalised(self) -> bool:
        """Whether scores are normalised."""
        return len(self.environments) > 1 or bool(self.score_range)

    def of(self, environment: str) -> list[CellResult]:
        """The cells of an environment.

        Args:
            environment: its name.
        """
        return [cell for cell in self.cells if cell.environment == environment]

    def cell(self, algorithm: str, environment: str) -> CellResult | None:
        """The cell of an algorithm in an environment; None if there is none.

        Args:
            algorithm: name of the algorithm.
            environment: name of the environment.
        """
        found = (cell for cell in self.of(environment) if cell.algorithm == algorithm)
        return next(found, None)

    def ends(self, environment: str) -> tuple[float, float]:
        """The values of the metric that are 0 and 1 after normalisation.

        Args:
            environment: its name.
        """
        if environment in self.score_range:
            low, high = self.score_range[environment]
            return float(low), float(high)
        found = [value for cell in self.of(environment) for value in cell.returns]
        low, high = (min(found), max(found)) if found else (0.0, 1.0)
        return (high, low) if self.lower_is_better else (low, high)

    def scored(self, environment: str, values: np.ndarray) -> np.ndarray:
        """Scores of values of the metric.

        Args:
            environment: where they were reached.
            values: any values of the metric.
        """
        if not self.normalised:
            return -values if self.lower_is_better else values
        low, high = self.ends(environment)
        # Where all runs of all algorithms reach the same, each of them is the best.
        return np.ones_like(values) if low == high else (values - low) / (high - low)

    @cached_property
    def seeds(self) -> dict[str, list[int]]:
        """Seeds of each algorithm that were evaluated in every environment; at least one."""
        found = {}
        for name in self.algorithms:
            cells = [self.cell(name, environment) for environment in self.environments]
            each = [set(cell.evaluations.index) if cell else set() for cell in cells]
            common = sorted(set.intersection(*each))
            if common:
                found[name] = common
        return found

    @cached_property
    def scores(self) -> dict[str, np.ndarray]:
        """One score for each seed and environment, by algorithm, as rliable takes them."""
        found = {}
        for name, seeds in self.seeds.items():
            columns = []
            for environment in self.environments:
                cell = self.cell(name, environment)
                assert cell is not None, "an algorithm that is compared is in every environment"
                values = cell.evaluations.loc[seeds, cell.metric].to_numpy(float)
                columns.append(self.scored(environment, values))
            found[name] = np.stack(columns, axis=1)
        return found

    @property
    def left_out(self) -> list[str]:
        """Sentences on the results that are not in `scores`."""
        if len(self.environments) == 1:
            return []
        absent = [name for name in self.algorithms if name not in self.seeds]
        lines = [f"not in every environment are {', '.join(absent)}"] if absent else []
        for name in self.seeds:
            cells = [self.cell(name, environment) for environment in self.environments]
            more = sum(len(cell.returns) - len(self.seeds[name]) for cell in cells if cell)
            if more:
                lines.append(f"{more} results of {name} have no counterpart in every environment")
        return lines

    @cached_property
    def best(self) -> str | None:
        """The algorithm with the highest interquartile mean; None if nothing was evaluated."""
        if not self.scores:
            return None
        middle = {name: interquartile_mean(each.ravel()) for name, each in self.scores.items()}
        return max(middle, key=lambda name: middle[name])

    @cached_property
    def curves(self) -> list[tuple[CellResult, Curve | None]]:
        """The learning curve of each cell."""
        return [(cell, curve_of(cell, self.source)) for cell in self.cells]

    @cached_property
    def source(self) -> Source:
        """Where the learning curves come from, as `curve_source` says."""
        return curve_source(self.cells, self.policy)

    def joint_curves(self, points: int = 100) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Curves of scores of the seeds that each algorithm has in all environments.

        Args:
            points: number of environment steps, which all curves have.

        Returns:
            environment steps, and by algorithm a score for each run, environment and point; empty
            if the curves have no steps in common.
        """
        known = {(cell.algorithm, cell.environment): curve for cell, curve in self.curves if curve}
        found: dict[str, list[Curve]] = {}
        for name in self.algorithms:
            curves = [known[name, each] for each in self.environments if (name, each) in known]
            if len(curves) == len(self.environments):
                found[name] = curves
        every = [curve for curves in found.values() for curve in curves]
        if not every or max(c.steps[0] for c in every) > min(c.steps[-1] for c in every):
            return np.zeros(0), {}
        ends = max(curve.steps[0] for curve in every), min(curve.steps[-1] for curve in every)
        steps = np.unique(np.linspace(*ends, points))
        return steps, {name: self._joined(curves, steps) for name, curves in found.items()}

    def _joined(self, curves: Sequence[Curve], steps: np.ndarray) -> np.ndarray:
        """Scores of the common seeds at some steps, with environments in the second axis."""
        common = sorted(set.intersection(*(set(curve.seeds) for curve in curves)))
        found = []
        for environment, curve in zip(self.environments, curves, strict=True):
            rows = [curve.values[curve.seeds.index(seed)] for seed in common]
            values = np.stack([np.interp(steps, curve.steps, row) for row in rows])
            found.append(self.scored(environment, values))
        return np.stack(found, axis=1)
