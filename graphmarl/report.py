"""Tables out of tables: means over seeds, and where the time of a run went."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

from graphmarl.interval import confidence_interval


def read_rows(path: Path) -> list[dict[str, str]]:
    """The lines of a table."""
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def summary(rows: Iterable[dict[str, str]]) -> list[dict[str, str]]:
    """Mean and 95 % interval over seeds, for each name and way to act.

    Args:
        rows: lines of `run_seeds`.
    """
    groups: dict[tuple[str, str], list[dict[str, str]]] = {}
    for row in rows:
        groups.setdefault((row["name"], row["policy"]), []).append(row)
    return [
        {
            "name": name,
            "policy": policy,
            "seeds": str(len(group)),
            "env_steps": str(max(int(row["env_steps"]) for row in group)),
            "return": str(confidence_interval([float(row["return"]) for row in group])),
            "steps": str(confidence_interval([float(row["steps"]) for row in group])),
        }
        for (name, policy), group in groups.items()
    ]


def time_shares(path: Path) -> dict[str, float]:
    """Seconds of a run, its transitions per second, and the share of each part of the work.

    Args:
        path: a run's `timing.csv`. Its part `other` is what is neither engine, graph, network,
            storing nor update: the trainer, metrics and checkpoints.
    """
    rows = read_rows(path)[1:]
    total: dict[str, float] = {}
    for row in rows:
        for name, value in row.items():
            if name != "env_steps" and value:
                total[name] = total.get(name, 0.0) + float(value)
    seconds = total.pop("seconds")
    first = int(read_rows(path)[0]["env_steps"])
    rate = (int(rows[-1]["env_steps"]) - first) / seconds
    return {"seconds": seconds, "steps_per_second": rate} | {
        name: value / seconds for name, value in total.items()
    }
