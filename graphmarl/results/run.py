"""Run folders: configuration, metrics and checkpoints."""

from __future__ import annotations

import csv
import io
import os
import platform
from collections.abc import Mapping, Sequence
from functools import cache
from html import escape
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import yaml

from graphmarl.results.legacy import FORMAT, upgraded_config
from graphmarl.results.lock import LockedError, RunLock


class Run:
    """A folder that holds one training run.

    `config.yaml` is the whole configuration, `versions.yaml` the versions of packages,
    `metrics.csv` has one row for each trajectory, `timing.csv` the seconds of each part,
    `checkpoints/` the last checkpoints.

    Args:
        path: the run folder.
        trust: whether classes and functions from outside the library that its configuration names
            may be imported, which runs their code. Runs that this process trained are trusted.
    """

    def __init__(self, path: str | Path, trust: bool = False) -> None:
        self.path, self.trust = Path(path), trust
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
        """Create the folder and write the configuration; the run is trusted.

        A folder whose run ended before its first checkpoint is used again.

        Args:
            path: the run folder.
            config: the configuration.

        Raises:
            FileExistsError: the folder holds a run with a checkpoint.
            ValueError: an option that is not a plain value, such as a function.
            OSError: the folder cannot be created or written.
        """
        run = cls(path, trust=True)
        if (run.path / "config.yaml").exists() and any(run.checkpoints.glob("*.ckpt")):
            raise FileExistsError(f"{run.path} holds a run; resume it, or choose another name")
        config_text(config)  # fails before there is a folder
        try:
            run.checkpoints.mkdir(parents=True, exist_ok=True)
            with RunLock(run.path):
                for table in ("metrics.csv", "timing.csv", "evaluations.csv", "ended.txt"):
                    (run.path / table).unlink(missing_ok=True)
                run.configure(config)
                run.write("versions.yaml", yaml.safe_dump(versions(), sort_keys=False))
        except LockedError:
            raise
        except OSError as error:
            raise OSError(f"run folder {run.path} cannot be written: {error}") from error
        return run

    def write(self, name: str, text: str) -> None:
        """Write a text file atomically.

        Args:
            name: name of the file.
            text: its content.

        Raises:
            OSError: the disk is full or the folder cannot be written; what was there is untouched.
        """
        temporary, path = self.path / f".{name}.partial", self.path / name
        try:
            with open(temporary, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            text = f"{path} could not be written ({error}); earlier ones are untouched"
            raise OSError(text) from error

    def write_rows(
        self,
        name: str,
        rows: Sequence[Mapping[str, object]],
        columns: Sequence[str] | None = None,
    ) -> None:
        """Write a CSV file atomically.

        Args:
            name: name of the file.
            rows: its rows.
            columns: names of the columns; those of the first row without them.
        """
        text = io.StringIO()
        table = csv.DictWriter(text, columns or list(rows[0]), lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
        self.write(name, text.getvalue())

    def config(self) -> dict[str, Any]:
        """The configuration, with every default written out.

        Raises:
            FileNotFoundError: the folder holds no run.
            ValueError: the file is no mapping of names.
        """
        path = self.path / "config.yaml"
        if not path.is_file():
            raise FileNotFoundError(f"{self.path} holds no run: there is no config.yaml")
        return read_config(path)

    def configure(self, config: Mapping[str, Any]) -> None:
        """Write the configuration.

        Args:
            config: the configuration.

        Raises:
            ValueError: an option that is not a plain value, such as a function.
        """
        self.write("config.yaml", config_text(config))

    def metrics(self) -> list[dict[str, float]]:
        """The rows of `metrics.csv`, without empty cells."""
        return _numbers(self.path / "metrics.csv")

    def evaluations(self) -> list[dict[str, float]]:
        """The rows of `evaluations.csv`, one for each evaluation during training."""
        path = self.path / "evaluations.csv"
        return _numbers(path) if path.exists() and path.stat().st_size else []

    def ended(self) -> str:
        """Why training has ended and what it reached; empty while it has not."""
        path = self.path / "ended.txt"
        return path.read_text().strip() if path.exists() else ""

    def saved(self) -> list[Path]:
        """Checkpoints of the learner, oldest first."""
        return sorted(self.checkpoints.glob("step_*.ckpt"))

    def stages(self) -> list[Path]:
        """Checkpoints of pre-training stages."""
        others = {*self.saved(), self.checkpoints / "best.ckpt"}
        return sorted(set(self.checkpoints.glob("*.ckpt")) - others)

    def last_or_none(self) -> Path | None:
        """The last checkpoint; None before the first."""
        return self.saved()[-1] if self.saved() else None

    def last(self) -> Path:
        """The last checkpoint.

        Raises:
            FileNotFoundError: there is no checkpoint yet.
        """
        if not self.saved():
            raise FileNotFoundError(f"{self.checkpoints} holds no checkpoint of the learner yet")
        return self.saved()[-1]

    def best(self) -> Path:
        """The checkpoint of the best evaluation during training.

        Raises:
            FileNotFoundError: there was no evaluation during training.
        """
        path = self.checkpoints / "best.ckpt"
        if not path.exists():
            raise FileNotFoundError(f"{path} does not exist: the run has no evaluate_every")
        return path


def _numbers(path: Path) -> list[dict[str, float]]:
    """The rows of a table of numbers, without empty cells."""
    with open(path, newline="") as file:
        return [{k: float(v) for k, v in row.items() if v} for row in csv.DictReader(file)]


def config_text(config: Mapping[str, Any]) -> str:
    """A configuration as YAML.

    Args:
        config: the configuration.

    Raises:
        ValueError: an option that is not a plain value, such as a function.
    """
    try:
        return yaml.safe_dump({**config, "format": FORMAT}, sort_keys=False)
    except yaml.YAMLError as error:
        raise ValueError(f"options must be plain values, for config.yaml: {error}") from error


def read_config(path: str | Path) -> dict[str, Any]:
    """Read a configuration file.

    Args:
        path: the file.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no YAML, or no mapping of names.
    """
    try:
        found = yaml.safe_load(Path(path).read_text())
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise ValueError(f"{path} cannot be read as YAML: {reason}") from error
    if not isinstance(found, dict) or not all(isinstance(name, str) for name in found):
        kind = "empty" if found is None else f"a {type(found).__name__}"
        raise ValueError(f"{path} is {kind}; a configuration is a mapping of names")
    beside = Path(path).parent
    if not any((beside / name).exists() for name in ("versions.yaml", "checkpoints")):
        found.setdefault("format", FORMAT)  # written by hand; the runs of format 1 do not say it
    return upgraded_config(found)


def load(path: str | Path, trust: bool = False) -> Run:
    """Open a run folder.

    Args:
        path: the run folder.
        trust: allow the code from outside the library that its configuration names.

    Raises:
        FileNotFoundError: the folder holds no run.
    """
    run = Run(path, trust)
    run.config()
    return run


def versions() -> dict[str, str]:
    """Versions of the installed packages that results may depend on."""
    names = ("graphmarl", "torch", "torch-geometric", "lightning", "numpy", "scipy", "magent2")
    found = {"python": platform.python_version()} | {name: _version(name) for name in names}
    return {name: number for name, number in found.items() if number}


@cache
def _version(name: str) -> str:
    """Version of an installed package, or nothing; searching for it takes milliseconds."""
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
