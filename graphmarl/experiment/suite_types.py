"""What the named settings of results consist of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from graphmarl.resolver import split_name

TUNED = "-tuned"
"""End of the name of a setting with options that a search has found."""


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


def tuned(settings: Mapping[str, Setting], options: Mapping[str, str]) -> dict[str, Setting]:
    """Settings `NAME-tuned`, with options that a search has found.

    Args:
        settings: the settings that were searched, by name.
        options: by the name of a setting the options to change, as in `alpha=0.2,size=64`.
    """
    found = {}
    for name, text in options.items():
        method, known = split_name(settings[name].method, "method")
        changed = known | split_name(f"{method}:{text}", "method")[1]
        words = ",".join(f"{option}={value}" for option, value in changed.items())
        found[f"{name}{TUNED}"] = settings[name]._replace(method=f"{method}:{words}")
    return found


class Benchmark(NamedTuple):
    """One table of results.

    Args:
        env: the environment with its options; `{reward}` is that of the setting.
        steps: environment steps of each run.
        settings: rows of the table, by name.
        metric: metric of an episode that is compared; the return without it.
        lower_is_better: whether less of the metric is better.
        preferred: by method, the row that stands for it, if none is called like it and several are
            of it.
    """

    env: str
    steps: int
    settings: Mapping[str, Setting]
    metric: str | None = None
    lower_is_better: bool = False
    preferred: Mapping[str, str] = MappingProxyType({})


class Family(NamedTuple):
    """The benchmarks that one script trains.

    Args:
        benchmarks: by name.
        default: the benchmark that is trained if none is named.
        seeds: of each setting, if none are named.
        episodes: of each evaluation, if their number is not given.
        cuts: message cuts to evaluate as well, if none are named.
    """

    benchmarks: Mapping[str, Benchmark]
    default: str
    seeds: Sequence[int]
    episodes: int
    cuts: Sequence[str] = ()
