"""What the scripts share that collect measurements of runs and print them as tables."""

import argparse
import csv
from collections.abc import Callable, Sequence
from pathlib import Path

from graphmarl.report import read_rows


def keep(path: Path, lines: list[dict[str, str]], keys: Sequence[str]) -> None:
    """Add lines to a table, in the place of those that have the same keys."""

    def key(row: dict[str, str]) -> tuple[str, ...]:
        return tuple(row[name] for name in keys)

    new = {key(row) for row in lines}
    known = read_rows(path) if path.exists() else []
    lines = [row for row in known if key(row) not in new] + lines
    with open(path, "w", newline="") as file:
        table = csv.DictWriter(file, list(lines[0]), lineterminator="\n")
        table.writeheader()
        table.writerows(lines)


def command(
    doc: str | None, collect: Callable[[Path, str], None], show: Callable[[], None]
) -> None:
    """Collect from run folders if they are given, then print."""
    parser = argparse.ArgumentParser(description=doc)
    parser.add_argument("--runs", type=Path, help="collect from these run folders first")
    parser.add_argument("--commit", help="of the code that made them")
    given = parser.parse_args()
    if given.runs:
        if not given.commit:
            parser.error("--commit is needed to say what made the runs")
        collect(given.runs, given.commit)
    show()
