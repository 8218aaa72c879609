"""Checkpoint files: written atomically, loaded with tensors and plain containers only."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.plugins.io import CheckpointIO


class CheckpointError(ValueError):
    """A checkpoint that is damaged or holds other objects than tensors and plain containers."""


class WholeCheckpoints(CheckpointIO):
    """Checkpoint files that are written atomically, and hold tensors and plain containers only."""

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
            FileNotFoundError: there is no such file.
        """
        return load_checkpoint(Path(path), map_location)

    def remove_checkpoint(self, path: Any) -> None:
        """Delete a checkpoint."""
        Path(path).unlink(missing_ok=True)


def load_checkpoint(path: Path, map_location: Any = "cpu") -> dict[str, Any]:
    """Read a checkpoint of tensors and plain containers.

    Raises:
        CheckpointError: damaged, or it holds objects other than tensors and containers.
        FileNotFoundError: there is no such file.
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
