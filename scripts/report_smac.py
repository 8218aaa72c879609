"""Collect what `scripts/train_smac.py` left in run folders and print it as tables.

python scripts/report_smac.py --runs runs --commit abc1234   # collect, then print
python scripts/report_smac.py                                # print what was collected
"""

from pathlib import Path

from collected import collect_runs, command, show_tables

MEASURED = Path(__file__).parent.parent / "datasets" / "measured_smac.csv"
METRICS = ("win", "return", "dead_allies")


def collect(runs: Path, commit: str) -> None:
    """The metrics of combat at the end of an episode."""
    collect_runs(runs, commit, MEASURED, {metric: (metric,) for metric in METRICS})


def show() -> None:
    """A table for each task, the most stochastic wins first."""
    show_tables(MEASURED, {"win": "won, ", "return": "return, "})


if __name__ == "__main__":
    command(__doc__, collect, show)
