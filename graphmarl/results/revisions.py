"""What has changed in a method since a row of results was measured."""

from __future__ import annotations

from pathlib import Path

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
