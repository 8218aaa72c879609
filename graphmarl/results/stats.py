"""Confidence intervals."""

from __future__ import annotations

import statistics as stats
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.stats import t as student


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


def confidence_interval(values: Sequence[float], level: float = 0.95) -> Interval:
    """Student's t interval of a mean.

    Args:
        values: independent numbers, such as one result per seed.
        level: confidence level.

    Raises:
        ValueError: no values.
    """
    if not values:
        raise ValueError("an interval needs at least one value; none came")
    mean, count = stats.fmean(values), len(values)
    if count == 1:
        return Interval(mean, float("nan"), 1)
    error = stats.stdev(values) / count**0.5
    return Interval(mean, float(student.ppf(0.5 + level / 2, count - 1)) * error, count)
