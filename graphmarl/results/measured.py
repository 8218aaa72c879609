"""Measured tables as one list of results, whatever their columns are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from graphmarl.results.collect import EVALUATION, SHORT_TASKS, TRANSFER
from graphmarl.results.revisions import TABLE
from graphmarl.results.tables import read_rows

WHOLE = "none"
"""The change of a result with all messages in the environment of training."""
PLAIN = ("mpe", "cityflow", "smac", "flatland", "communication")
"""Families whose tables have the columns `task` and `row`."""
FAMILIES = (*PLAIN, "didactic", "magent")
CUTS = {"smac": "measured_smac_cuts.csv"}
"""Tables of results under cuts, by family; those of `didactic` are all in one."""


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
    if family == "didactic":
        return [_didactic(row) for row in _rows(folder, "measured_didactic.csv", "run")]
    if family == "magent":
        short = [each for each in measured(folder, "mpe") if each.task in SHORT_TASKS]
        moved = [_transfer(row) for row in _rows(folder, TRANSFER, "row")]
        return (
            [_gather(row) for row in _rows(folder, "measured_gather.csv", "name")] + moved + short
        )
    found = [_plain(row) for row in _rows(folder, f"measured_{family}.csv", "row")]
    if family in CUTS:
        steps = {(each.task, each.row, each.seed): str(each.env_steps) for each in found}
        for row in _rows(folder, CUTS[family], "row", f"measured_{family}.csv"):
            known = steps[row["task"], row["row"], int(row["seed"])]
            found.append(_plain({**row, "policy": "greedy", "env_steps": known}))
    return found


def _rows(folder: Path, name: str, key: str, marks: str | None = None) -> Iterator[dict[str, str]]:
    """Rows of a table that no change has made old; none if there is no table."""
    old = set()
    if (folder / TABLE).exists():
        rows = read_rows(folder / TABLE)
        old = {(row["row"], row["commit"]) for row in rows if row["table"] == (marks or name)}
    if (folder / name).exists():
        yield from (r for r in read_rows(folder / name) if (r[key], r["commit"]) not in old)


def _plain(row: Mapping[str, str]) -> Result:
    known = {"task", "row", "seed", "policy", "cut", "env_steps", "commit", "reward"}
    numbers = {name: float(text) for name, text in row.items() if name not in known and text}
    where = row["task"], row["row"], int(row["seed"]), row["policy"], row.get("cut", WHOLE)
    return Result(*where, int(row["env_steps"]), row["commit"], numbers)


def _didactic(row: Mapping[str, str]) -> Result:
    """A row of NDQ's tasks, whose run is called TASK-ROW; all of them are greedy."""
    size = 2 if row["run"].startswith("hallway") else 1
    words = row["run"].split("-")
    name = {"task": "-".join(words[:size]), "row": "-".join(words[size:])}
    return _plain({**{k: v for k, v in row.items() if k != "run"}, **name, "policy": "greedy"})


def _gather(row: Mapping[str, str]) -> Result:
    """A row of Gather, which is called ROW-MAP-SIZE, with the radius of the view if it is short."""
    name, place, size = row["name"].partition(f"-{row['map']}-")
    assert place, "a name has the map"
    numbers = {key: row[key] for key in EVALUATION if key not in ("name", "hours")}
    task = f"gather-{row['map']}-{size}"
    return _plain({**numbers, "task": task, "row": name, "commit": row["commit"]})


def _transfer(row: Mapping[str, str]) -> Result:
    """A row of a run in another environment than that of training, acting greedily."""
    words = {"changed", "value"}
    change = {"policy": "greedy", "cut": f"{row['changed']}={row['value']}"}
    return _plain({k: v for k, v in row.items() if k not in words} | change)
