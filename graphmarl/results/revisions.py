"""What has changed in a method since a row of results was measured."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from graphmarl.results.run import Run
from graphmarl.results.tables import read_rows

TABLE = "measured_before.csv"
"""Rows of results that were measured before a change, by table, row and commit."""


def marked(path: Path, row: str, commit: str) -> str:
    """Name of a row, with a star if its method has changed since it was measured.

    Args:
        path: table of the row; the list of changes is beside it.
        row: name of the row.
        commit: commit of the code that measured it.
    """
    if not (path.parent / TABLE).exists():
        return row
    changed = {
        (each["table"], each["row"], each["commit"]) for each in read_rows(path.parent / TABLE)
    }
    return f"{row} \\*" if (path.name, row, commit) in changed else row


def changes(folder: Path) -> list[str]:
    """One line for each change, with the number of rows that were measured before it.

    Args:
        folder: holds the tables.
    """
    count: dict[str, int] = {}
    for each in read_rows(folder / TABLE):
        for change in each["change"].split("; "):
            count[change] = count.get(change, 0) + 1
    return [f"- {change} ({number} rows)" for change, number in count.items()]


def drop_remeasured(folder: Path) -> int:
    """Delete results from before a change of their method where newer ones are of the same row.

    A mean over seeds would be of both. Lines of the list of changes whose results are gone are
    deleted as well. Returns the number of results that were deleted.

    Args:
        folder: holds the tables.
    """
    listed, dropped, there = read_rows(folder / TABLE), 0, set()
    changed = {(each["table"], each["row"], each["commit"]) for each in listed}
    for name in sorted({each["table"] for each in listed}):
        rows = read_rows(folder / name)
        old = {number for number, row in enumerate(rows) if (name, *_key(row)[1:]) in changed}
        new = {_key(row)[:2] for number, row in enumerate(rows) if number not in old}
        kept = [
            row for number, row in enumerate(rows) if number not in old or _key(row)[:2] not in new
        ]
        there |= {(name, *_key(row)[1:]) for row in kept}
        if len(kept) < len(rows):
            dropped += len(rows) - len(kept)
            Run(folder).write_rows(name, kept, list(rows[0]))
    kept = [each for each in listed if (each["table"], each["row"], each["commit"]) in there]
    if len(kept) < len(listed):
        Run(folder).write_rows(TABLE, kept, list(listed[0]))
    return dropped


def _key(row: Mapping[str, str]) -> tuple[str, str, str]:
    """Task, name of the row and commit, of whatever table."""
    return row["task"], row["row"], row["commit"]
