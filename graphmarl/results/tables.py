"""Tables of results, read from run folders."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from graphmarl.results.cells import CellResult, differing, twins
from graphmarl.results.stats import over_seeds

SENT = ("messages", "bits")
"""Columns of an evaluation that say what communication costs, of an average step."""
TRANSFER = "transfer"
"""Beginning of the columns of an evaluation that are of another environment or graph."""


def table(cells: Sequence[CellResult]) -> pd.DataFrame:
    """One row for each cell: varied options, seeds, environment steps, return, speed and minutes.

    The metric is the mean over seeds, `low` and `high` the ends of its bootstrap 95 % interval;
    `iqm` is the interquartile mean over seeds, with its interval. They are NaN for one seed.
    `messages` and `bits` of an average step, `steps_per_second` and `minutes` are means over runs.
    `note` says where all results are those of another cell.

    Args:
        cells: results of the cells.
    """
    columns = differing(cells)
    metrics = {cell.metric for cell in cells if cell.returns}
    metric = metrics.pop() if len(metrics) == 1 else "return"
    several, same = len({cell.environment for cell in cells}) > 1, twins(cells)
    rows = []
    for cell in cells:
        other = same.get(f"{cell.folder}/{cell.name}")
        rows.append(
            {"cell": cell.name}
            | ({"environment": cell.environment} if several else {})
            | {name: cell.options.get(name, "") for name in columns}
            | {"seeds": len(cell.returns), "unfinished": cell.unfinished}
            | {"env_steps": _reached(cell)}
            | _aggregates(cell, metric)
            | _sent(cell)
            | _speed(cell)
            | ({"note": f"same results as {other.name}" if other else ""} if same else {})
        )
    # Cells that send messages have columns that others lack.
    names = dict.fromkeys(name for row in rows for name in row)
    last = [name for name in names if name in ("steps_per_second", "minutes", "note")]
    return pd.DataFrame(rows, columns=pd.Index([n for n in names if n not in last] + last))


def _aggregates(cell: CellResult, metric: str) -> dict[str, float]:
    names = {"mean": metric, "mean_low": "low", "mean_high": "high"}
    names |= {name: name for name in ("iqm", "iqm_low", "iqm_high")}
    if not cell.returns:
        return dict.fromkeys(names.values(), np.nan)
    found = over_seeds(tuple(cell.returns))
    return {title: found[name] for name, title in names.items()}


def _sent(cell: CellResult) -> dict[str, float]:
    names = [str(name) for name in cell.evaluations]
    kept = [n for n in names if n in SENT or n.startswith(TRANSFER)]
    return {name: float(np.mean(cell.column(name))) for name in kept}


def _reached(cell: CellResult) -> int:
    """The largest number of environment steps of a run."""
    tables = [run.path / "timing.csv" for run in cell.runs]
    rows = [read_rows(path) for path in tables if path.exists()]
    return max((int(row[-1]["env_steps"]) for row in rows if row), default=0)


def _speed(cell: CellResult) -> dict[str, float]:
    """Environment steps per second and minutes of training, without start and evaluation."""
    rates, minutes = [], []
    for run in cell.runs:
        path = run.path / "timing.csv"
        rows = read_rows(path) if path.exists() else []
        if rows:
            seconds = sum(float(row["seconds"]) for row in rows)
            rates.append(int(rows[-1]["env_steps"]) / seconds)
            minutes.append(seconds / 60)
    if not rates:
        return {"steps_per_second": np.nan, "minutes": np.nan}
    return {"steps_per_second": float(np.mean(rates)), "minutes": float(np.mean(minutes))}


def presented(found: pd.DataFrame) -> pd.DataFrame:
    """A table as texts, with each interval in the column of its statistic.

    Args:
        found: of `table`.
    """
    columns = [str(name) for name in found]
    metric = columns[columns.index("low") - 1]
    ends = {metric: ("low", "high"), "iqm": ("iqm_low", "iqm_high")}
    texts: dict[str, list[str]] = {}
    for name in columns:
        values = found[name].tolist()
        if name in ends:
            low, high = (found[end].tolist() for end in ends[name])
            texts[name] = with_intervals(values, low, high)
        elif not any(name in pair for pair in ends.values()):
            numbers = pd.api.types.is_float_dtype(found.dtypes[name])
            texts[name] = numbers_as_text(values) if numbers else [str(each) for each in values]
    if set(texts["unfinished"]) <= {"0"}:
        del texts["unfinished"]
    return pd.DataFrame(texts)


def with_intervals(
    values: Sequence[float], low: Sequence[float], high: Sequence[float]
) -> list[str]:
    """Numbers with their intervals, as in `2.00 [1.00, 3.00]`; `(one seed)` where there is none.

    Args:
        values: the numbers; nothing stands for NaN.
        low: lower ends; NaN for one seed.
        high: upper ends.
    """
    decimals = _decimals([*values, *low, *high])
    found = []
    for value, least, most in zip(values, low, high, strict=True):
        text = f"{value:.{decimals}f}" if value == value else ""
        ends = f" [{least:.{decimals}f}, {most:.{decimals}f}]" if least == least else ""
        found.append(text + (ends or (" (one seed)" if text else "")))
    return found


def numbers_as_text(values: Sequence[float]) -> list[str]:
    """Numbers with equal decimals; nothing for NaN.

    Args:
        values: the numbers.
    """
    decimals = _decimals(values)
    return [f"{value:.{decimals}f}" if value == value else "" for value in values]


def _decimals(values: Sequence[float]) -> int:
    """Decimals that leave three or four digits of the largest number."""
    largest = max((abs(value) for value in values if value == value), default=0.0)
    steps = ((1e3, 0), (1e2, 1), (1, 2), (0.1, 3))
    return next((places for least, places in steps if largest >= least), 4)


def printed(found: pd.DataFrame) -> str:
    """A table in columns for a terminal, with intervals in the column of their statistic.

    Args:
        found: of `table`.
    """
    texts = presented(found)
    whole = [list(texts.columns), *texts.to_numpy().tolist()]
    widths = [max(map(len, column)) for column in zip(*whole, strict=True)]
    return "\n".join(
        "  ".join(word.ljust(width) for word, width in zip(line, widths, strict=True)).rstrip()
        for line in whole
    )


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file.

    Args:
        path: the file.
    """
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """Means and bootstrap 95 % intervals over seeds, for each name and policy.

    Columns: `name`, `policy`, `seeds`, `env_steps`, `return` and `steps` with their ends
    `return_low`, `return_high`, `steps_low` and `steps_high`, which are NaN for one seed.

    Args:
        rows: rows of `run_seeds`.
    """
    found = []
    for (name, policy), group in rows.groupby(["name", "policy"], sort=False):  # type: ignore[misc]
        line = {"name": name, "policy": policy, "seeds": len(group)}
        line["env_steps"] = int(group["env_steps"].max())
        for column in ("return", "steps"):
            each = over_seeds(tuple(group[column].to_numpy(float).tolist()))
            line |= {f"{column}{end}": each[f"mean{end}"] for end in ("", "_low", "_high")}
        found.append(line)
    return pd.DataFrame(found)


def time_shares(path: Path) -> dict[str, float]:
    """Seconds of a run, its environment steps per second, and the share of each part.

    Args:
        path: a run's `timing.csv`; its part `other` is the trainer, metrics and checkpoints.
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
