"""What the named settings of results consist of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Setting(NamedTuple):
    """One row of a table of results.

    Args:
        method: the method with its options.
        reward: the reward that the environment gives, where it has a choice.
        graph: the graph builder; the method's own without it.
    """

    method: str
    reward: str = ""
    graph: str | None = None


class Benchmark(NamedTuple):
    """One table of results.

    Args:
        env: the environment with its options; `{reward}` is that of the setting.
        steps: environment steps of each run.
        settings: rows of the table, by name.
        metric: metric of an episode that is compared; the return without it.
        lower_is_better: whether less of the metric is better.
    """

    env: str
    steps: int
    settings: Mapping[str, Setting]
    metric: str | None = None
    lower_is_better: bool = False
