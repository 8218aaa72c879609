"""Collect what `scripts/train_mpe.py` left in run folders and print it as tables.

python scripts/report_mpe.py --runs runs --commit abc1234   # collect, then print
python scripts/report_mpe.py                                # print what was collected
"""

from pathlib import Path

from collected import collect_runs, command, show_tables

MEASURED = Path(__file__).parent.parent / "datasets" / "measured_mpe.csv"


def collect(runs: Path, commit: str) -> None:
    """The return of the team where there is one, and else the sum of all rewards."""
    collect_runs(runs, commit, MEASURED, {"return": ("team_return", "return")})


def show() -> None:
    """A table for each task, the best stochastic return first."""
    show_tables(MEASURED, {"return": ""})


if __name__ == "__main__":
    command(__doc__, collect, show)
