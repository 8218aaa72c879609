"""Schedules of the progress of a run, from 0 to 1."""


def linear(start: float, end: float, progress: float) -> float:
    """From `start` at progress 0 to `end` at progress 1, and `end` from there on."""
    return start + (end - start) * min(max(progress, 0.0), 1.0)


def geometric(start: float, end: float, progress: float) -> float:
    """From `start` at progress 0 to `end` at progress 1 by equal factors; constant outside."""
    return start * (end / start) ** min(max(progress, 0.0), 1.0)
