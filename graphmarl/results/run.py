"""Run folders: configuration, metrics and checkpoints."""

from __future__ import annotations

import csv
import io
import os
import platform
from collections.abc import Mapping, Sequence
from html import escape
from importlib.metadata import PackageNotFoundError, version
from math import nan
from pathlib import Path
from typing import Any

import yaml


class Run:
    """A folder that holds one training run.

    `config.yaml` is the whole configuration, `versions.yaml` the versions of packages,
    `metrics.csv` has one row for each trajectory, `timing.csv` the seconds of each part,
    `checkpoints/` the last checkpoints.

    Args:
        path: the run folder.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.checkpoints = self.path / "checkpoints"

    def __repr__(self) -> str:
        """One line: method, environment, graph, steps and last return."""
        return (
            f"Run({str(self.path)!r}: {', '.join(f'{k} {v}' for k, v in self.summary().items())})"
        )

    def _repr_html_(self) -> str:
        """A small table beside the learning curve, for notebooks."""
        from graphmarl.results.plots import curve_svg

        rows = "".join(
            f"<tr><th style='text-align:left'>{escape(name)}</th><td>{escape(value)}</td></tr>"
            for name, value in {"run": str(self.path), **self.summary()}.items()
        )
        picture = curve_svg(self.metrics()) if self._has_metrics else ""
        return f"<div style='display:flex'><table>{rows}</table>{picture}</div>"

    @property
    def _has_metrics(self) -> bool:
        path = self.path / "metrics.csv"
        return path.exists() and path.stat().st_size > 0

    def summary(self) -> dict[str, str]:
        """Method, environment, graph, seed, environment steps and last return, as texts.

        Raises:
            FileNotFoundError: the folder holds no run.
        """
        config = self.config()
        parts = {part: str(config[part]["name"]) for part in ("method", "env", "graph")}
        rows = self.metrics() if self._has_metrics else []
        done = int(rows[-1]["env_steps"]) if rows else 0
        found = [row["return"] for row in rows if "return" in row]
        return parts | {
            "seed": str(config["seed"]),
            "steps": f"{done:,} of {config['steps']:,}",
            "return": f"{found[-1]:.2f}" if found else "none yet",
        }

    @classmethod
    def create(cls, path: str | Path, config: Mapping[str, Any]) -> Run:
        """Create the folder and write the configuration.

        Args:
            path: the run folder.
            config: the configuration.

        Raises:
            FileExistsError: the folder holds a run.
            ValueError: an option that is not a plain value, such as a function.
            OSError: the folder cannot be created or written.
        """
        run = cls(path)
        if (run.path / "config.yaml").exists():
            raise FileExistsError(f"{run.path} holds a run; resume it, or choose another name")
        try:
            text = yaml.safe_dump(dict(config), sort_keys=False)
        except yaml.YAMLError as error:
            raise ValueError(f"options must be plain values, for config.yaml: {error}") from error
        try:
            run.checkpoints.mkdir(parents=True, exist_ok=True)
            run.write("config.yaml", text)
            run.write("versions.yaml", yaml.safe_dump(versions(), sort_keys=False))
        except OSError as error:
            raise OSError(f"run folder {run.path} cannot be written: {error}") from error
        return run

    def write(self, name: str, text: str) -> None:
        """Write a text file atomically.

        Args:
            name: name of the file.
            text: its content.
        """
        temporary = self.path / f".{name}.partial"
        temporary.write_text(text)
        os.replace(temporary, self.path / name)

    def write_rows(self, name: str, rows: Sequence[Mapping[str, object]]) -> None:
        """Write a CSV file atomically; the first row names the columns.

        Args:
            name: name of the file.
            rows: its rows.
        """
        text = io.StringIO()
        table = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
        self.write(name, text.getvalue())

    def config(self) -> dict[str, Any]:
        """The configuration, with every default written out.

        Raises:
            FileNotFoundError: the folder holds no run.
        """
        path = self.path / "config.yaml"
        if not path.exists():
            raise FileNotFoundError(f"{self.path} holds no run: there is no config.yaml")
        return yaml.safe_load(path.read_text())

    def metrics(self) -> list[dict[str, float]]:
        """The rows of `metrics.csv`, without empty cells."""
        with open(self.path / "metrics.csv", newline="") as file:
            return [{k: float(v) for k, v in row.items() if v} for row in csv.DictReader(file)]

    def saved(self) -> list[Path]:
        """Checkpoints of the learner, oldest first."""
        return sorted(self.checkpoints.glob("step_*.ckpt"))

    def stages(self) -> list[Path]:
        """Checkpoints of pre-training stages."""
        return sorted(set(self.checkpoints.glob("*.ckpt")) - set(self.saved()))

    def last(self) -> Path:
        """The last checkpoint.

        Raises:
            FileNotFoundError: there is no checkpoint yet.
        """
        if not self.saved():
            raise FileNotFoundError(f"{self.checkpoints} holds no checkpoint of the learner yet")
        return self.saved()[-1]


def load(path: str | Path) -> Run:
    """Open a run folder.

    Args:
        path: the run folder.

    Raises:
        FileNotFoundError: the folder holds no run.
    """
    run = Run(path)
    run.config()
    return run


class Table:
    """A CSV file that grows row by row and can be truncated.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.names: list[str] = []

    def add(self, row: Mapping[str, float]) -> None:
        """Append a row; the first one names the columns.

        Args:
            row: values by column; NaN becomes an empty cell.

        Raises:
            ValueError: a column that the first row did not have.
        """
        if not self.names and self.path.exists() and self.path.stat().st_size:
            with open(self.path, newline="") as file:
                self.names = next(csv.reader(file))
        new = [] if self.names else [",".join(row)]
        self.names = self.names or list(row)
        unknown = [name for name in row if name not in self.names]
        if unknown:
            raise ValueError(f"{self.path} has no column {unknown[0]!r}; it has {self.names}")
        new.append(
            ",".join(
                format(row[n], ".8g") if row.get(n, nan) == row.get(n) else "" for n in self.names
            )
        )
        with open(self.path, "a") as file:
            file.write("\n".join(new) + "\n")

    def size(self) -> int:
        """Size of the file in bytes."""
        return self.path.stat().st_size if self.path.exists() else 0

    def truncate(self, size: int) -> None:
        """Truncate the file.

        Args:
            size: size in bytes.
        """
        if self.path.exists():
            os.truncate(self.path, size)


def versions() -> dict[str, str]:
    """Versions of the installed packages that results may depend on."""
    names = ("graphmarl", "torch", "torch-geometric", "lightning", "numpy", "scipy", "magent2")
    found = {"python": platform.python_version()} | {name: _version(name) for name in names}
    return {name: number for name, number in found.items() if number}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
