"""Collect what `scripts/train_cityflow.py` left in run folders and print it as tables.

python scripts/report_cityflow.py --runs runs --commit abc1234   # collect, then print
python scripts/report_cityflow.py                                # print what was collected
"""

from pathlib import Path

from collected import collect_runs, command, show_tables

MEASURED = Path(__file__).parent.parent / "datasets" / "measured_cityflow.csv"
METRICS = ("average_travel_time", "queue", "throughput")


def collect(runs: Path, commit: str) -> None:
    """The metrics of traffic at the end of an episode."""
    collect_runs(runs, commit, MEASURED, {metric: (metric,) for metric in METRICS})


def show() -> None:
    """A table for each task, the shortest stochastic travel time first."""
    show_tables(MEASURED, {"average_travel_time": "travel time, ", "queue": "queue, "}, sign=-1)


if __name__ == "__main__":
    command(__doc__, collect, show)
