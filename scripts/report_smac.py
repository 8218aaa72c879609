"""Collect what `scripts/train_smac.py` left in run folders and print it as tables.

python scripts/report_smac.py --runs runs --commit abc1234   # collect, then print
python scripts/report_smac.py                                # print what was collected
"""

from collections.abc import Sequence
from pathlib import Path

from collected import collect_runs, command, show_tables

from graphmarl.report import read_rows

MEASURED = Path(__file__).parent.parent / "datasets" / "measured_smac.csv"
METRICS = ("win", "return", "dead_allies")


def collect(runs: Path, commit: str) -> None:
    """The metrics of combat at the end of an episode."""
    collect_runs(runs, commit, MEASURED, {metric: (metric,) for metric in METRICS})


def show() -> None:
    """A table for each task, the most stochastic wins first."""
    show_tables(MEASURED, {"win": "won, ", "return": "return, "})


def paper(maps: Sequence[str]) -> str:
    """Table 3 of the MAMBA paper for some maps, as words."""
    rows = read_rows(MEASURED.with_name("mamba_table3.csv"))
    told = {
        name: [f"{row['method']} {row['mean']}" for row in rows if row["map"] == name]
        for name in maps
    }
    return "; ".join(f"{name}: {', '.join(each)}" for name, each in told.items())


if __name__ == "__main__":
    command(__doc__, collect, show)
