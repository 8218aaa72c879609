"""Confidence intervals: over seeds by rliable's bootstrap, over episodes by Student's t.

rliable is imported when it is used, since that takes seconds.
"""

from __future__ import annotations

import statistics as stats
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import import_module
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy.stats import t as student

FEW_SEEDS = 5
"""Under so many seeds an interval says little."""
REPETITIONS = 2_000
"""Bootstrap samples of a table."""
FEWER = 500
"""Bootstrap samples of a curve, a profile and a probability of improvement."""
STATISTICS = ("mean", "iqm", "median", "optimality_gap")

Scores = Mapping[str, Float[np.ndarray, "_run _task"]]
"""Scores of each algorithm: one number for each run and task."""


@dataclass(frozen=True)
class Interval:
    """A mean and the half-width of its 95 % interval; the half-width of one number is NaN."""

    mean: float
    half_width: float
    count: int

    def __str__(self) -> str:
        if self.count == 1:
            return f"{self.mean:.2f}"
        return f"{self.mean:.2f} +- {self.half_width:.2f}"


def confidence_interval(
    values: Sequence[float], level: float = 0.95, distinct: int | None = None
) -> Interval:
    """Student's t interval of a mean, as over the episodes of one evaluation.

    Episodes of one run say nothing of another seed: reports have `estimates` over seeds. The page
    of measured results has this interval over seeds too, where most rows have two or three.

    Args:
        values: independent numbers.
        level: confidence level.
        distinct: how many of them count for the half-width, where some are copies; None for all.

    Raises:
        ValueError: no values.
    """
    if not values:
        raise ValueError("an interval needs at least one value; none came")
    mean, count = stats.fmean(values), len(values) if distinct is None else distinct
    if count == 1:
        return Interval(mean, float("nan"), 1)
    error = stats.stdev(values) / count**0.5
    return Interval(mean, float(student.ppf(0.5 + level / 2, count - 1)) * error, count)


def few_seeds(counts: Mapping[str, int]) -> str:
    """A sentence on those that have fewer than five seeds; empty if none has.

    Args:
        counts: number of seeds, by name.
    """
    few = {name: count for name, count in counts.items() if count < FEW_SEEDS}
    if not few:
        return ""
    least, most = min(few.values()), max(few.values())
    number = str(least) if least == most else f"{least} to {most}"
    who = "all" if len(few) == len(counts) else f"{len(few)} of {len(counts)}"
    return (
        f"{who} results are of {number} seed{'s' * (most != 1)}: with fewer than {FEW_SEEDS}, "
        "bootstrap intervals are too narrow, and one seed has none"
    )


@contextmanager
def _repeatable() -> Iterator[None]:
    """Fixed random numbers; the state of NumPy's generator is restored.

    rliable draws from NumPy's global generator, whatever `random_state` it is given.
    """
    state = np.random.get_state()
    np.random.seed(0)
    try:
        # A test of equal values divides by zero on its way to the probability, which is right.
        with np.errstate(divide="ignore", invalid="ignore"):
            yield
    finally:
        np.random.set_state(state)


def interquartile_mean(scores: Float[np.ndarray, "run ..."]) -> np.ndarray:
    """Mean of the middle half of all runs, at each point: rliable's, in a fifth of the time.

    Args:
        scores: a score for each run and point.
    """
    cut = len(scores) // 4
    ends = cut, len(scores) - cut - 1
    return np.asarray(np.partition(scores, ends, axis=0)[cut : ends[1] + 1].mean(axis=0))


def _bootstrap(
    scores: Any, statistic: Callable[..., np.ndarray], repetitions: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A statistic with the ends of its 95 % interval, which are NaN where there is one run."""
    from rliable.library import get_interval_estimates

    parts = [scores] if isinstance(scores, np.ndarray) else scores
    if min(len(each) for each in parts) < 2:
        value = np.asarray(statistic(*parts))
        return value, np.full_like(value, np.nan), np.full_like(value, np.nan)
    with _repeatable():
        values, ends = get_interval_estimates({"": scores}, statistic, reps=repetitions)
    return values[""], ends[""][0], ends[""][1]


def estimates(scores: Scores, gamma: float | None = None) -> pd.DataFrame:
    """Aggregates of rliable with stratified bootstrap 95 % intervals over seeds.

    One row for each algorithm, with the columns `mean`, `iqm` (interquartile mean: the mean of the
    middle half of all runs) and `median` (of the means of the tasks), and for each of them the ends
    of its interval, `mean_low` and `mean_high`; NaN for one seed. The numbers are the same each
    time.

    Args:
        scores: scores of each algorithm; runs are seeds, never episodes.
        gamma: score that is good enough: adds `optimality_gap`, the mean of what lacks to it.
    """
    metrics: Any = import_module("rliable.metrics")

    functions: list[Callable[[np.ndarray], Any]] = [
        metrics.aggregate_mean,
        lambda each: interquartile_mean(each.ravel()),
        metrics.aggregate_median,
    ]
    if gamma is not None:
        functions.append(lambda each: metrics.aggregate_optimality_gap(each, gamma))
    rows = {}
    for name, each in scores.items():
        found = _bootstrap(each, lambda x: np.array([call(x) for call in functions]), REPETITIONS)
        rows[name] = {
            f"{statistic}{end}": float(value)
            for statistic, *three in zip(STATISTICS, *found, strict=False)
            for end, value in zip(("", "_low", "_high"), three, strict=True)
        }
    return pd.DataFrame.from_dict(rows, orient="index")


@cache
def over_seeds(values: tuple[float, ...]) -> Mapping[str, float]:
    """The row of `estimates` of one algorithm in one environment.

    Args:
        values: one number for each seed.
    """
    (row,) = estimates({"": np.array(values)[:, None]}).to_dict("records")
    return MappingProxyType({str(name): float(value) for name, value in row.items()})


@cache
def iqm_over_seeds(values: tuple[float, ...]) -> tuple[float, float, float]:
    """Interquartile mean over seeds, and the ends of its 95 % interval; NaN for one seed.

    Args:
        values: one number for each seed.
    """
    if len(values) > 1 and len(set(values)) == 1:
        return values[0], values[0], values[0]
    found = _bootstrap(np.array(values)[:, None], interquartile_mean, REPETITIONS)
    value, low, high = (float(number[0]) for number in found)
    return value, low, high


def curve_estimates(
    scores: Float[np.ndarray, "run task point"],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Interquartile mean at each point of a curve, and the ends of its 95 % interval over seeds.

    Args:
        scores: a score for each run, task and point.
    """
    return _curve(scores.astype(float).tobytes(), scores.shape)


@lru_cache(maxsize=256)
def _curve(data: bytes, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A curve is drawn on the page and in the picture."""

    def iqm(each: np.ndarray) -> np.ndarray:
        return interquartile_mean(each.reshape(-1, each.shape[-1]))

    return _bootstrap(np.frombuffer(data).reshape(shape), iqm, FEWER)


def profiles(scores: Scores, taus: Float[np.ndarray, " tau"]) -> pd.DataFrame:
    """Performance profiles: the share of runs with a score above tau.

    Columns: `algorithm`, `tau`, `share`, and `low` and `high` of its 95 % interval over seeds.

    Args:
        scores: scores of each algorithm.
        taus: the scores at which the profile is read.
    """
    from rliable.library import score_distributions

    parts = []
    for name, each in scores.items():
        share, low, high = _bootstrap(each, lambda x: score_distributions(x, taus), FEWER)
        columns = {"tau": taus, "share": share, "low": low, "high": high}
        parts.append(pd.DataFrame({"algorithm": name} | columns))
    return pd.concat(parts, ignore_index=True)


def improvement(scores: Scores, best: str) -> pd.DataFrame:
    """Probability that a run of one algorithm is better than a run of each other, over tasks.

    Columns: `algorithm`, `than`, `probability`, and `low` and `high` of its 95 % interval.

    Args:
        scores: scores of each algorithm.
        best: the one that is compared with the others.
    """
    from rliable.metrics import probability_of_improvement

    rows = []
    for name, each in scores.items():
        if name != best:
            pair = [scores[best], each]
            found = _bootstrap(
                pair, lambda x, y: np.array([probability_of_improvement(x, y)]), FEWER
            )
            value, low, high = (float(number[0]) for number in found)
            rows.append((best, name, value, low, high))
    return pd.DataFrame(rows, columns=pd.Index(["algorithm", "than", "probability", "low", "high"]))
