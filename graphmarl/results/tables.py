"""Tables of results, read from run folders."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from graphmarl.results.run import Run
from graphmarl.results.stats import Interval, confidence_interval

TEAM = "team_return"
"""Metric of an environment whose return is not the sum of its agents' rewards."""


@dataclass(frozen=True)
class CellResult:
    """Results of the runs of one cell of a grid.

    Args:
        name: name of the cell.
        options: `method`, `env` and `graph`, and their options as `method.gamma`.
        runs: runs that have begun, by seed.
        metric: compared metric: `team_return` where the environment has it, else `return`, or
            another metric of an episode.
        returns: values of the metric of the finished runs.
        unfinished: number of runs that were not evaluated.
    """

    name: str
    options: dict[str, str]
    runs: list[Run]
    metric: str = "return"
    returns: list[float] = field(default_factory=list)
    unfinished: int = 0

    @property
    def interval(self) -> Interval | None:
        """Mean return and its 95 % interval over seeds; None if no run has finished."""
        return confidence_interval(self.returns) if self.returns else None


def read_results(
    folder: str | Path,
    policy: Literal["greedy", "stochastic"] = "greedy",
    metric: str | None = None,
) -> list[CellResult]:
    """The cells of an ablation, by name.

    Args:
        folder: holds run folders that are called `cell-seedN`.
        policy: the evaluation that counts.
        metric: compared metric; without it as in `CellResult`.

    Raises:
        FileNotFoundError: there are no such run folders.
        ValueError: a run was evaluated without this metric.
    """
    cells: dict[str, list[tuple[int, Path]]] = {}
    for path in Path(folder).glob("*-seed*"):
        found = re.fullmatch(r"(.+)-seed(\d+)", path.name)
        if found and path.is_dir():
            cells.setdefault(found[1], []).append((int(found[2]), path))
    if not cells:
        raise FileNotFoundError(f"{folder} holds no runs that are called CELL-seedN")
    paths = {name: [path for _, path in sorted(cells[name])] for name in sorted(cells)}
    return [_result(name, each, policy, metric) for name, each in paths.items()]


def _result(name: str, paths: Sequence[Path], policy: str, asked: str | None) -> CellResult:
    begun = [Run(path) for path in paths if (path / "config.yaml").exists()]
    ended = [run for run in begun if (run.path / "evaluation.csv").exists()]
    lines = [row for run in ended for row in read_rows(run.path / "evaluation.csv")]
    lines = [row for row in lines if row["policy"] == policy]
    metric = asked or (TEAM if lines and all(TEAM in row for row in lines) else "return")
    for row in lines:
        if metric not in row:
            raise ValueError(f"metric is {metric!r}; {name} has {', '.join(row)}")
    return CellResult(
        name,
        _flat(begun[0]) if begun else {},
        begun,
        metric,
        [float(row[metric]) for row in lines],
        len(paths) - len(ended),
    )


def _flat(run: Run) -> dict[str, str]:
    """The options of a run's parts, as strings."""
    config, flat = run.config(), {}
    for part in ("method", "env", "graph"):
        options = dict(config[part])
        flat[part] = str(options.pop("name"))
        flat |= {f"{part}.{name}": str(value) for name, value in options.items()}
    return flat


def differing(cells: Sequence[CellResult]) -> list[str]:
    """The parts that differ between cells, and the options that differ where the part is the same.

    Options that only one of two methods has are left out, since the method differs anyway.
    """
    known = [cell.options for cell in cells if cell.options]
    names = {name: None for options in known for name in options}
    found = []
    for name in names:
        part, is_option, _ = name.partition(".")
        values: dict[str, set[str]] = {}
        for options in known:
            same = options[part] if is_option else ""
            values.setdefault(same, set()).add(options.get(name, ""))
        if any(len(each) > 1 for each in values.values()):
            found.append(name)
    return found


def table(cells: Sequence[CellResult]) -> list[dict[str, str]]:
    """One row for each cell: varied options, seeds, environment steps, return, speed and minutes.

    `half_width` is of the 95 % interval over seeds, empty for one seed. `steps_per_second` and
    `minutes` are means over the runs that have begun.
    """
    columns = differing(cells)
    metrics = {cell.metric for cell in cells if cell.returns}
    metric = metrics.pop() if len(metrics) == 1 else "return"
    return [
        {"cell": cell.name}
        | {name: cell.options.get(name, "") for name in columns}
        | {"seeds": str(len(cell.returns)), "unfinished": str(cell.unfinished)}
        | {"env_steps": _reached(cell)}
        | _mean(cell.interval, metric)
        | _speed(cell)
        for cell in cells
    ]


def _mean(interval: Interval | None, metric: str) -> dict[str, str]:
    if interval is None:
        return {metric: "", "half_width": ""}
    half = f"{interval.half_width:.3f}" if interval.count > 1 else ""
    return {metric: f"{interval.mean:.3f}", "half_width": half}


def _reached(cell: CellResult) -> str:
    """The largest number of environment steps of a run."""
    tables = [run.path / "timing.csv" for run in cell.runs]
    rows = [read_rows(path) for path in tables if path.exists()]
    return str(max((int(row[-1]["env_steps"]) for row in rows if row), default=0))


def _speed(cell: CellResult) -> dict[str, str]:
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
        return {"steps_per_second": "", "minutes": ""}
    return {
        "steps_per_second": f"{sum(rates) / len(rates):.0f}",
        "minutes": f"{sum(minutes) / len(minutes):.2f}",
    }


def printed(rows: Sequence[dict[str, str]]) -> str:
    """A table in columns for a terminal, with mean and half-width in one column.

    Args:
        rows: rows of `table`.
    """
    lines = []
    for row in rows:
        line = dict(row)
        metric = list(line)[list(line).index("half_width") - 1]
        half = line.pop("half_width")
        if half:
            line[metric] += f" +- {half}"
        elif line[metric]:
            line[metric] += " (one seed)"
        lines.append(line)
    whole = [list(lines[0]), *(list(line.values()) for line in lines)]
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


def summary(rows: Iterable[dict[str, str]]) -> list[dict[str, str]]:
    """Mean and 95 % interval over seeds, for each name and policy.

    Args:
        rows: rows of `run_seeds`.
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
