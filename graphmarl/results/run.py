"""The folder of a run: its configuration, metrics and checkpoints."""

from __future__ import annotations

import csv
import io
import os
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from math import nan
from pathlib import Path
from typing import Any

import torch
import yaml
from lightning.pytorch.plugins.io import CheckpointIO


class CheckpointError(ValueError):
    """A checkpoint that cannot be trusted or read."""


class WholeCheckpoints(CheckpointIO):
    """Writes a checkpoint whole or not at all; loads tensors and plain containers only."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None
    ) -> None:
        """Write a temporary file beside the path, then rename it.

        Raises:
            OSError: the disk is full or the folder cannot be written; what was there is untouched.
        """
        path = Path(path)
        temporary = path.with_name(f".{path.name}.partial")
        try:
            with open(temporary, "wb") as file:
                torch.save(checkpoint, file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except (OSError, RuntimeError) as error:
            temporary.unlink(missing_ok=True)
            raise OSError(
                f"checkpoint {path} could not be written ({error}); earlier ones are untouched"
            ) from error

    def load_checkpoint(
        self, path: Any, map_location: Any = None, weights_only: bool | None = True
    ) -> dict[str, Any]:
        """Read a checkpoint.

        Raises:
            CheckpointError: damaged, or it holds objects other than tensors and containers.
            FileNotFoundError: nothing is there.
        """
        return load_checkpoint(Path(path), map_location)

    def remove_checkpoint(self, path: Any) -> None:
        """Delete a checkpoint."""
        Path(path).unlink(missing_ok=True)


def load_checkpoint(path: Path, map_location: Any = "cpu") -> dict[str, Any]:
    """Read a checkpoint of tensors and plain containers.

    Raises:
        CheckpointError: damaged, or it holds objects other than tensors and containers.
        FileNotFoundError: nothing is there.
    """
    if not path.exists():
        raise FileNotFoundError(f"there is no checkpoint {path}")
    others = [other.name for other in sorted(path.parent.glob("*.ckpt")) if other != path]
    hint = f"; beside it there are {', '.join(others)}" if others else ""
    try:
        return torch.load(path, map_location=map_location, weights_only=True)
    except Exception as error:
        reason = (
            "contains objects other than tensors and plain containers"
            if "weights_only" in str(error).lower() or "unpickl" in type(error).__name__.lower()
            else "is damaged or cut short"
        )
        raise CheckpointError(f"checkpoint {path} {reason}{hint}") from error


class Run:
    """A folder that holds one training run.

    `config.yaml` gives the run back, `versions.yaml` says with what it was made, `metrics.csv` has
    one line per trajectory, `timing.csv` the seconds of each part, `checkpoints/` the last states.

    Args:
        path: the folder.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.checkpoints = self.path / "checkpoints"

    @classmethod
    def create(cls, path: str | Path, config: Mapping[str, Any]) -> Run:
        """Make the folder and write the configuration.

        Raises:
            FileExistsError: a run is there already.
            ValueError: an option that cannot be written down, such as a function.
            OSError: the folder cannot be made or written.
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
        """Write a small file whole or not at all."""
        temporary = self.path / f".{name}.partial"
        temporary.write_text(text)
        os.replace(temporary, self.path / name)

    def write_rows(self, name: str, rows: Sequence[Mapping[str, object]]) -> None:
        """Write a table whole or not at all; the first row names the columns."""
        text = io.StringIO()
        table = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
        self.write(name, text.getvalue())

    def config(self) -> dict[str, Any]:
        """What `train` was called with.

        Raises:
            FileNotFoundError: the folder holds no run.
        """
        path = self.path / "config.yaml"
        if not path.exists():
            raise FileNotFoundError(f"{self.path} holds no run: there is no config.yaml")
        return yaml.safe_load(path.read_text())

    def metrics(self) -> list[dict[str, float]]:
        """The lines of `metrics.csv`; empty cells are left out."""
        with open(self.path / "metrics.csv", newline="") as file:
            return [{k: float(v) for k, v in row.items() if v} for row in csv.DictReader(file)]

    def saved(self) -> list[Path]:
        """The checkpoints of the learner, oldest first."""
        return sorted(self.checkpoints.glob("step_*.ckpt"))

    def stages(self) -> list[Path]:
        """The checkpoints of pre-training stages."""
        return sorted(set(self.checkpoints.glob("*.ckpt")) - set(self.saved()))

    def last(self) -> Path:
        """The newest checkpoint.

        Raises:
            FileNotFoundError: nothing was saved yet.
        """
        if not self.saved():
            raise FileNotFoundError(f"{self.checkpoints} holds no checkpoint of the learner yet")
        return self.saved()[-1]


class Table:
    """A CSV file that grows line by line, and can be cut back to where it was.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.names: list[str] = []

    def add(self, row: Mapping[str, float]) -> None:
        """Append a line; the first one names the columns.

        Raises:
            ValueError: a column that the first line did not have.
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
        """Bytes written so far."""
        return self.path.stat().st_size if self.path.exists() else 0

    def cut(self, size: int) -> None:
        """Forget what was written after the file had this size."""
        if self.path.exists():
            os.truncate(self.path, size)


def versions() -> dict[str, str]:
    """Versions of what numbers may depend on, as far as it is installed."""
    names = ("graphmarl", "torch", "torch-geometric", "lightning", "numpy", "scipy", "magent2")
    found = {"python": platform.python_version()} | {name: _version(name) for name in names}
    return {name: number for name, number in found.items() if number}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
