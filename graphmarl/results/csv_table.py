"""Tables that grow row by row while a run is trained."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping, Sequence
from math import nan
from pathlib import Path


class LostRowsError(ValueError):
    """A table that is shorter than a checkpoint remembers."""


def _cell(value: float) -> str:
    """A number as text: whole ones in full, others with eight digits, NaN as nothing."""
    if isinstance(value, int):
        return str(value)
    return format(value, ".8g") if value == value else ""


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
        new: list[Sequence[str]] = [] if self.names else [list(row)]
        self.names = self.names or list(row)
        unknown = [name for name in row if name not in self.names]
        if unknown:
            raise ValueError(f"{self.path} has no column {unknown[0]!r}; it has {self.names}")
        new.append([_cell(row.get(name, nan)) for name in self.names])
        with open(self.path, "a", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(new)

    def size(self) -> int:
        """Size of the file in bytes."""
        return self.path.stat().st_size if self.path.exists() else 0

    def sync(self) -> None:
        """Make the rows durable.

        Raises:
            OSError: they could not be written.
        """
        if not self.path.exists():
            return
        try:
            with open(self.path, "rb+") as file:
                os.fsync(file.fileno())
        except OSError as error:
            text = f"{self.path} could not be written ({error}); earlier ones are untouched"
            raise OSError(text) from error

    def truncate(self, size: int, lost: bool = False) -> None:
        """Remove the rows after a size; the file is never made longer.

        Args:
            size: size in bytes.
            lost: whether rows may be missing: then whole rows are kept.

        Raises:
            LostRowsError: the file is shorter.
        """
        found = self.size()
        if found < size and not lost:
            raise LostRowsError(
                f"{self.path} has {found:,} bytes; the checkpoint was saved with {size:,}. "
                "Rows are lost: restore the file, or resume with lost_rows"
            )
        if found < size and self.path.exists():
            text = self.path.read_bytes()
            size = text.rfind(b"\n") + 1
        if self.path.exists():
            os.truncate(self.path, size)
