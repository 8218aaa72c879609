"""Results of evaluation episodes: their statistics, as text and as files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from graphmarl.results.run import Run
from graphmarl.results.stats import Interval, confidence_interval

FORMATS = (".csv", ".json")


@dataclass(frozen=True)
class Evaluation:
    """Results of some episodes, one entry each.

    Means are over all episodes. Episodes that are identical in every step, as those of a greedy
    policy on a fixed map, count once in an interval, and one alone has none.

    Args:
        returns: sum of rewards over agents and steps.
        lengths: steps.
        info: the environment's metrics in the last step.
        sent: `messages`, `bits` and `bytes` of an average step, as `Channel` counts them; empty
            for a method that sends no messages.
        unit: what is counted as bits: the `numbers` of messages, of 4 bytes each, or `bits`, the
            binary digits of their symbols.
        digests: equal for episodes with the same observations, actions and rewards; without them
            episodes are compared by the rest.
    """

    returns: list[float]
    lengths: list[float]
    info: dict[str, list[float]]
    sent: dict[str, list[float]] = field(default_factory=dict)
    unit: str = "numbers"
    digests: list[int] = field(default_factory=list)

    @cached_property
    def distinct(self) -> int:
        """Number of different episodes."""
        columns = [self.returns, self.lengths, *self.info.values()]
        columns += [self.digests] if self.digests else []
        return len({repr(episode) for episode in zip(*columns, strict=True)})

    @property
    def mean_return(self) -> Interval:
        """Mean return with its 95 % interval over episodes."""
        return confidence_interval(self.returns, distinct=self.distinct)

    @property
    def mean_length(self) -> Interval:
        """Mean length with its 95 % interval over episodes."""
        return confidence_interval(self.lengths, distinct=self.distinct)

    def mean_info(self, metric: str) -> Interval:
        """Mean of a metric of the environment with its 95 % interval over episodes.

        Args:
            metric: its name in `info`.
        """
        return confidence_interval(self.info[metric], distinct=self.distinct)

    def mean_sent(self, name: str) -> float:
        """Mean over all steps of all episodes.

        Args:
            name: `messages`, `bits` or `bytes`.
        """
        total = sum(each * steps for each, steps in zip(self.sent[name], self.lengths, strict=True))
        return total / sum(self.lengths)

    def metrics(self) -> dict[str, Interval]:
        """Return, steps and the metrics of the environment, with 95 % intervals over episodes."""
        found = {"return": self.mean_return, "steps": self.mean_length}
        for name in self.info:
            found[f"info.{name}" if name in found else name] = self.mean_info(name)
        return found

    def means(self) -> dict[str, float]:
        """Means over the episodes by the names of training: `return`, `length` and the metrics."""
        names = {"steps": "length"}
        return {names.get(name, name): each.mean for name, each in self.metrics().items()}

    def per_step(self) -> dict[str, float]:
        """Messages, their numbers or bits, and bytes of an average step."""
        return {self.unit if name == "bits" else name: self.mean_sent(name) for name in self.sent}

    def __str__(self) -> str:
        found = ", ".join(f"{name} {value}" for name, value in self.metrics().items())
        text = f"{found} over {len(self.returns)} episodes"
        if self.distinct == 1 < len(self.returns):
            text += ", of which 1 is distinct: no interval"
        elif self.distinct < len(self.returns):
            text += f", of which {self.distinct} are distinct: intervals count these"
        if self.sent:
            numbers = [f"{value:.2f} {name}" for name, value in self.per_step().items()]
            text += "; per step " + ", ".join(numbers)
        return text

    def table(self) -> pd.DataFrame:
        """One row for each metric: `metric`, `mean`, `half_width`, `episodes` and `distinct`.

        `half_width` of the 95 % interval is NaN where there is none, and for means of a step.
        """
        rows = [(name, each.mean, each.half_width) for name, each in self.metrics().items()]
        rows += [
            (f"{name}_per_step", value, float("nan")) for name, value in self.per_step().items()
        ]
        found = pd.DataFrame(rows, columns=pd.Index(["metric", "mean", "half_width"]))
        return found.assign(episodes=len(self.returns), distinct=self.distinct)

    def save(self, path: str | Path, settings: Mapping[str, Any] | None = None) -> None:
        """Write the table as CSV, or as JSON with the values of each episode.

        Args:
            path: the file, which ends in `.csv` or `.json`.
            settings: what was evaluated and how, for the JSON.

        Raises:
            ValueError: another ending, or a folder that does not exist.
            OSError: the file cannot be written; what was there is untouched.
        """
        path = checked_path(path)
        if path.suffix == ".csv":
            text = self.table().to_csv(index=False, float_format="%.6g", lineterminator="\n")
        else:
            text = json.dumps(self._content(settings or {}), indent=1, allow_nan=False) + "\n"
        Run(path.parent).write(path.name, text)

    def _content(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        metrics = {
            name: {"mean": _finite(each.mean), "half_width": _finite(each.half_width)}
            for name, each in self.metrics().items()
        }
        names = list(metrics)[2:]
        episodes = {"return": self.returns, "steps": self.lengths}
        episodes |= dict(zip(names, self.info.values(), strict=True))
        return {
            "settings": {name: _plain(value) for name, value in settings.items()},
            "episodes": len(self.returns),
            "distinct": self.distinct,
            "metrics": metrics,
            "per_step": self.per_step(),
            "of_each_episode": {k: [_finite(v) for v in each] for k, each in episodes.items()},
        }


def checked_path(path: str | Path) -> Path:
    """The path of a file that an evaluation can be written to.

    Args:
        path: the path.

    Raises:
        ValueError: another ending than `.csv` or `.json`, or a folder that does not exist.
    """
    path = Path(path)
    if path.suffix not in FORMATS:
        raise ValueError(f"out is {str(path)!r}; allowed are names that end in .csv or .json")
    if not path.parent.is_dir():
        raise ValueError(f"out is {str(path)!r}; there is no folder {path.parent}")
    return path


def _finite(value: float) -> float | None:
    """JSON knows no NaN and no infinity."""
    return value if abs(value) < float("inf") else None


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, (bool, int, float, dict)) else str(value)
