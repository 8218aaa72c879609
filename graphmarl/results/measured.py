"""Measured tables as one list of results, whatever their columns are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from graphmarl.results.collect import SHORT_TASKS, TRANSFER
from graphmarl.results.revisions import TABLE
from graphmarl.results.tables import read_rows

WHOLE = "none"
"""The change of a result with all messages in the environment of training."""
FAMILIES = ("mpe", "cityflow", "smac", "flatland", "communication", "didactic", "magent")
CUTS = {"smac": "measured_smac_cuts.csv"}
"""Tables of results under cuts, by family; those of `didactic` are all in one."""
TEXTS = {"task", "row", "seed", "policy", "cut", "changed", "value", "env_steps", "commit"}
TEXTS |= {"reward", "map"}
"""Columns that are no metrics."""


class Result(NamedTuple):
    """One evaluation of one run.

    Args:
        task: name of the task.
        row: name of the setting.
        seed: seed of the run.
        policy: `greedy` or `stochastic`.
        change: what was different from training: a cut of the messages, as in `rank=80`, or options
            of the environment, as in `map,size=random,48`; `none` for nothing.
        env_steps: environment steps of the run.
        commit: code that trained it.
        metrics: the other columns that are numbers.
    """

    task: str
    row: str
    seed: int
    policy: str
    change: str
    env_steps: int
    commit: str
    metrics: Mapping[str, float]


def measured(folder: Path, family: str) -> list[Result]:
    """Results of a family, without those that were measured before a change of their method.

    Args:
        folder: holds the tables.
        family: `scripts/train_FAMILY.py` made the runs.

    Raises:
        ValueError: an unknown family.
    """
    if family not in FAMILIES:
        raise ValueError(f"family is {family!r}; allowed are {', '.join(FAMILIES)}")
    if family == "magent":
        short = [each for each in measured(folder, "mpe") if each.task in SHORT_TASKS]
        return [*_results(folder, "measured_gather.csv"), *_results(folder, TRANSFER), *short]
    found = _results(folder, f"measured_{family}.csv")
    if family in CUTS:
        steps = {(each.task, each.row, each.seed): str(each.env_steps) for each in found}
        for row in _rows(folder, CUTS[family], f"measured_{family}.csv"):
            known = steps[row["task"], row["row"], int(row["seed"])]
            found.append(_result({**row, "env_steps": known}))
    return found


def _results(folder: Path, name: str) -> list[Result]:
    return [_result(row) for row in _rows(folder, name)]


def _rows(folder: Path, name: str, marks: str | None = None) -> Iterator[dict[str, str]]:
    """Rows of a table that no change has made old; none if there is no table."""
    old = set()
    if (folder / TABLE).exists():
        rows = read_rows(folder / TABLE)
        old = {(row["row"], row["commit"]) for row in rows if row["table"] == (marks or name)}
    if (folder / name).exists():
        yield from (r for r in read_rows(folder / name) if (r["row"], r["commit"]) not in old)


def _result(row: Mapping[str, str]) -> Result:
    """A row; without a policy it is of the greedy one."""
    numbers = {name: float(text) for name, text in row.items() if name not in TEXTS and text}
    change = f"{row['changed']}={row['value']}" if "changed" in row else row.get("cut", WHOLE)
    where = row["task"], row["row"], int(row["seed"]), row.get("policy", "greedy"), change
    return Result(*where, int(row["env_steps"]), row["commit"], numbers)
