"""Schedules over the progress of a run, from 0 to 1."""


def linear(start: float, end: float, progress: float) -> float:
    """Linear interpolation from `start` at progress 0 to `end` at progress 1, then constant."""
    return start + (end - start) * min(max(progress, 0.0), 1.0)


def geometric(start: float, end: float, progress: float) -> float:
    """Geometric interpolation from `start` at progress 0 to `end` at 1; constant outside."""
    return start * (end / start) ** min(max(progress, 0.0), 1.0)
