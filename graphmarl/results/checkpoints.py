"""Checkpoint files: written atomically, with a header and a checksum."""

from __future__ import annotations

import errno
import hashlib
import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.plugins.io import CheckpointIO

from graphmarl.results.legacy import FORMAT, HEADER, upgraded_weights

MARK = b"graphmarl sha256 "
COMMENT = len(MARK) + 64


class CheckpointError(ValueError):
    """A checkpoint that is damaged, of another run, or holds more than tensors and containers."""


class WholeCheckpoints(CheckpointIO):
    """Checkpoint files that are written atomically, and hold tensors and plain containers only.

    Args:
        header: what the file is of, as in `header_of`; None writes and expects no header.
    """

    def __init__(self, header: Mapping[str, Any] | None = None) -> None:
        self.header = header

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None
    ) -> None:
        """Write a temporary file beside the path, with header and checksum, then rename it.

        Raises:
            OSError: the disk is full or the folder cannot be written; what was there is untouched.
        """
        path = Path(path)
        temporary = path.with_name(f".{path.name}.partial")
        if self.header is not None:
            checkpoint[HEADER] = dict(self.header)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(temporary, "w+b") as file:
                torch.save(checkpoint, file)
                _sign(file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
            _sync_folder(path.parent)
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
        found = load_checkpoint(Path(path), map_location, self.header)
        if self.header is not None and HEADER not in found:
            raise CheckpointError(
                f"checkpoint {path} has format 1, of an older version: it can be evaluated, but "
                "its training cannot be resumed"
            )
        return found

    def remove_checkpoint(self, path: Any) -> None:
        """Delete a checkpoint."""
        Path(path).unlink(missing_ok=True)


def _sign(file: Any) -> None:
    """Append the SHA-256 of a zip archive to it, as the archive's comment."""
    end = file.seek(0, os.SEEK_END)
    file.seek(end - 2)
    file.write(COMMENT.to_bytes(2, "little"))
    file.seek(0)
    digest = _digest(file, end)
    file.seek(end)
    file.write(MARK + digest)


def _digest(file: Any, size: int) -> bytes:
    """Hexadecimal SHA-256 of the first bytes of a file."""
    found = hashlib.sha256()
    while size > 0 and (block := file.read(min(size, 1 << 22))):
        found.update(block)
        size -= len(block)
    return found.hexdigest().encode()


def _sync_folder(folder: Path) -> None:
    """Make a rename in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some file systems cannot do this for folders.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


def _is_intact(path: Path) -> bool | None:
    """Whether a file has the checksum that it carries; None if it carries none."""
    size = path.stat().st_size - COMMENT
    if size <= 0:
        return None
    with open(path, "rb") as file:
        file.seek(size)
        comment = file.read()
        if not comment.startswith(MARK):
            return None
        file.seek(0)
        return comment == MARK + _digest(file, size)


def header_of(method: str, spec: Mapping[str, Any], version: str) -> dict[str, Any]:
    """Header of the checkpoints of a run.

    Args:
        method: name of the method.
        spec: shapes of the environment.
        version: version of graphmarl.
    """
    return {"format": FORMAT, "version": version, "method": method, "spec": dict(spec)}


def load_checkpoint(
    path: Path, map_location: Any = "cpu", header: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Read a checkpoint of tensors and plain containers.

    Args:
        path: the file.
        map_location: device of the tensors.
        header: what the checkpoint should be of; None takes any.

    Raises:
        CheckpointError: damaged, altered, newer, of another method or environment, or with objects
            other than tensors and containers.
        FileNotFoundError: there is no such file.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no checkpoint {path}")
    others = [other.name for other in sorted(path.parent.glob("*.ckpt")) if other != path]
    hint = f"; beside it there are {', '.join(others)}" if others else ""
    intact = _is_intact(path)
    if intact is False:
        raise CheckpointError(f"checkpoint {path} was altered: its checksum is another{hint}")
    try:
        found = torch.load(path, map_location=map_location, weights_only=True)
    except Exception as error:
        reason = (
            "contains objects other than tensors and plain containers"
            if "weights_only" in str(error).lower() or "unpickl" in type(error).__name__.lower()
            else "is damaged or cut short"
        )
        raise CheckpointError(f"checkpoint {path} {reason}{hint}") from error
    if not isinstance(found, dict) or "state_dict" not in found:
        raise CheckpointError(f"checkpoint {path} holds no weights of a run{hint}")
    if intact is None and HEADER in found:
        raise CheckpointError(f"checkpoint {path} was altered: it lost its checksum{hint}")
    _check_header(path, found.get(HEADER), header)
    return upgraded_weights(found, "" if header is None else header["method"])


def _check_header(path: Path, found: Any, wanted: Mapping[str, Any] | None) -> None:
    """Refuse a newer format, another method and an environment of another shape."""
    if found is None:
        text = f"checkpoint {path} was written before checksums; its bytes cannot be verified"
        warnings.warn(text, stacklevel=3)
        return
    if found["format"] > FORMAT:
        raise CheckpointError(
            f"checkpoint {path} has format {found['format']}, of graphmarl {found['version']}; "
            f"this version reads formats 1 to {FORMAT}"
        )
    if wanted is None:
        return
    if found["method"] != wanted["method"]:
        raise CheckpointError(
            f"checkpoint {path} is of the method {found['method']!r}, not {wanted['method']!r}"
        )
    for name, value in wanted["spec"].items():
        if found["spec"].get(name) != value:
            raise CheckpointError(
                f"checkpoint {path} is of an environment whose {name} is "
                f"{found['spec'].get(name)}; this one's is {value}"
            )


def load_weights(module: torch.nn.Module, path: Path, checkpoint: Mapping[str, Any]) -> None:
    """Copy the weights of a checkpoint into a module.

    Args:
        module: the module.
        path: the file, for messages.
        checkpoint: its content.

    Raises:
        CheckpointError: it holds other parameters, or of another shape.
    """
    try:
        module.load_state_dict(checkpoint["state_dict"])
    except (RuntimeError, TypeError, AttributeError) as error:
        lines = [line.strip() for line in str(error).splitlines()]
        reason = next((line for line in lines[1:] if line), lines[0])
        raise CheckpointError(
            f"checkpoint {path} does not fit {type(module).__name__}: {reason}"
        ) from error
