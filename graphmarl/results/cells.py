"""The cells of a comparison, read from run folders."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, TypeVar

import pandas as pd

from graphmarl.results.run import Run

T = TypeVar("T")
TEAM = "team_return"
"""Metric of an environment whose return is not the sum of its agents' rewards."""
ENV_OPTION = re.compile(r"-env\.\w+=.*?(?=-(?:method|env|graph)\.|$)")


@dataclass(frozen=True)
class CellResult:
    """Results of the runs of one cell of a grid; the runs differ in the seed only.

    Args:
        name: name of the cell.
        options: `method`, `env` and `graph`, and their options as `method.gamma`.
        runs: runs that have begun, by seed.
        metric: compared metric: `team_return` where the environment has it, else `return`, or
            another metric of an episode.
        evaluations: the row of `evaluation.csv` of each finished run, by seed.
        unfinished: number of runs that were not evaluated.
        folder: holds the run folders.
        algorithm: the same for cells that differ in the environment only.
        environment: name of what is played, with the options that differ between cells.
    """

    name: str
    options: dict[str, str]
    runs: list[Run]
    metric: str = "return"
    evaluations: pd.DataFrame = field(default_factory=pd.DataFrame)
    unfinished: int = 0
    folder: Path = Path()
    algorithm: str = ""
    environment: str = ""

    @property
    def returns(self) -> list[float]:
        """Values of the metric of the finished runs, one for each seed."""
        return self.column(self.metric)

    @property
    def seeds(self) -> list[int]:
        """Seeds of the finished runs."""
        return [int(seed) for seed in self.evaluations.index]

    def column(self, name: str) -> list[float]:
        """Values of a column of the evaluations, one for each seed; none if it is not there.

        Args:
            name: the column.
        """
        if name not in self.evaluations:
            return []
        return [float(value) for value in self.evaluations[name].tolist()]


def read_results(
    folders: str | Path | Sequence[str | Path],
    policy: Literal["greedy", "stochastic"] = "greedy",
    metric: str | None = None,
) -> list[CellResult]:
    """The cells of ablations and suites, by folder and name.

    Args:
        folders: one or several, that hold run folders called `CELL-seedN`, or folders of such.
        policy: the evaluation that counts.
        metric: compared metric; without it as in `CellResult`.

    Raises:
        FileNotFoundError: there are no such run folders.
        ValueError: a run was evaluated without this metric.
    """
    several = [folders] if isinstance(folders, (str, Path)) else list(folders)
    cells: list[CellResult] = []
    for folder in map(Path, several):
        inner = {folder: ""}
        if not _cells_of(folder):
            inner = {path: path.name for path in sorted(folder.glob("*")) if path.is_dir()}
        found = [
            replace(_result(path, name, paths, policy, metric), environment=task)
            for path, task in inner.items()
            for name, paths in _cells_of(path).items()
        ]
        if not found:
            raise FileNotFoundError(f"{folder} holds no runs that are called CELL-seedN")
        cells += found
    if len({cell.folder.resolve() for cell in cells}) < len({cell.folder for cell in cells}):
        raise ValueError(f"folders are {', '.join(map(str, several))}; one of them comes twice")
    return _named(_placed(cells))


def _cells_of(folder: Path) -> dict[str, list[Path]]:
    """Run folders by cell, in the order of their seeds."""
    cells: dict[str, list[tuple[int, Path]]] = {}
    for path in folder.glob("*-seed*"):
        found = re.fullmatch(r"(.+)-seed(\d+)", path.name)
        if found and path.is_dir():
            cells.setdefault(found[1], []).append((int(found[2]), path))
    return {name: [path for _, path in sorted(cells[name])] for name in sorted(cells)}


def _result(
    folder: Path, name: str, paths: Sequence[Path], policy: str, asked: str | None
) -> CellResult:
    begun = [Run(path) for path in paths if (path / "config.yaml").exists()]
    rows: dict[int, dict[str, Any]] = {}
    for path in paths:
        if (path / "evaluation.csv").exists():
            lines = pd.read_csv(path / "evaluation.csv").to_dict("records")
            row = next((row for row in lines if row["policy"] == policy), None)
            if row is None:
                raise ValueError(f"policy is {policy!r}; {path} was not evaluated with it")
            rows[seed_of(path)] = {str(column): value for column, value in row.items()}
    found = list(rows.values())
    metric = asked or (TEAM if found and all(TEAM in row for row in found) else "return")
    for row in found:
        if metric not in row:
            raise ValueError(f"metric is {metric!r}; {name} has {', '.join(map(str, row))}")
    options = _flat(begun[0]) if begun else {}
    table = pd.DataFrame.from_dict(rows, orient="index")
    return CellResult(name, options, begun, metric, table, len(paths) - len(rows), folder)


def seed_of(path: Path) -> int:
    """The seed of a run folder that is called `CELL-seedN`.

    Args:
        path: the run folder.
    """
    return int(path.name.rpartition("-seed")[2])


def _flat(run: Run) -> dict[str, str]:
    """The options of a run's parts, as strings."""
    config, flat = run.config(), {}
    for part in ("method", "env", "graph"):
        options = dict(config[part])
        flat[part] = str(options.pop("name"))
        flat |= {f"{part}.{name}": str(value) for name, value in options.items()}
    return flat


def _placed(cells: Sequence[CellResult]) -> list[CellResult]:
    """Cells with the name of their environment, and of its options those that differ.

    The settings of a suite may have options of the environment of their own, such as the reward
    that they learn from, which does not make another environment: they differ within a folder, and
    are not varied by the names of its cells.
    """
    placed = []
    for cell in cells:
        same = [each for each in cells if each.options.get("env") == cell.options.get("env")]
        own = {
            name
            for folder in {each.folder for each in same}
            for name in differing([each for each in same if each.folder == folder])
            if not any(f"{name}=" in each.name for each in same if each.folder == folder)
        }
        varied = [name for name in differing(same) if name.startswith("env.") and name not in own]
        options = ",".join(f"{name[4:]}={cell.options.get(name, '')}" for name in varied)
        label = cell.options.get("env", "") + (f":{options}" if options else "")
        placed.append(replace(cell, environment=cell.environment or label))
    # What has not begun is played where the cells of its folder are that vary the same options.
    known = {_place(cell): cell.environment for cell in placed if cell.options}
    return [replace(c, environment=c.environment or known.get(_place(c), "")) for c in placed]


def _place(cell: CellResult) -> tuple[Path, str]:
    return cell.folder, "".join(ENV_OPTION.findall(cell.name))


def _named(cells: Sequence[CellResult]) -> list[CellResult]:
    """Cells with the names of their algorithms, of which each is once in an environment."""
    found = [replace(cell, algorithm=ENV_OPTION.sub("", cell.name)) for cell in cells]
    twice = _twice((cell.folder, cell.algorithm, cell.environment) for cell in found)
    within = {(folder, name) for folder, name, _ in twice}
    found = [
        replace(c, algorithm=c.name) if (c.folder, c.algorithm) in within else c for c in found
    ]
    twice = _twice((cell.algorithm, cell.environment) for cell in found)
    across = {name for name, _ in twice}
    return [
        replace(c, algorithm=f"{c.folder.name}/{c.algorithm}") if c.algorithm in across else c
        for c in found
    ]


def _twice(keys: Iterable[T]) -> set[T]:
    return {key for key, count in Counter(keys).items() if count > 1}


def differing(cells: Sequence[CellResult]) -> list[str]:
    """The parts that differ between cells, and the options that differ where the part is the same.

    Options that only one of two methods has are left out, since the method differs anyway.

    Args:
        cells: the cells.
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


def twins(cells: Sequence[CellResult]) -> Mapping[str, CellResult]:
    """Cells whose results are those of an earlier cell with the same method on another graph.

    Args:
        cells: the cells.

    Returns:
        the earlier cell, by the name of the folder and the cell.
    """
    found: dict[str, CellResult] = {}
    for place, cell in enumerate(cells):
        for other in cells[:place]:
            if _same_but_graph(cell, other) and _measured(cell) == _measured(other) != {}:
                found[f"{cell.folder}/{cell.name}"] = other
                break
    return found


def _same_but_graph(one: CellResult, other: CellResult) -> bool:
    options = (
        {name: value for name, value in cell.options.items() if name.partition(".")[0] != "graph"}
        for cell in (one, other)
    )
    return len({tuple(sorted(each.items())) for each in options}) == 1


def _measured(cell: CellResult) -> dict[Any, Any]:
    """What was measured in each evaluation by seed, without times and names."""
    names = [each for each in ("name", "seed", "policy", "hours") if each in cell.evaluations]
    return cell.evaluations.drop(columns=names).fillna("").to_dict("index")
