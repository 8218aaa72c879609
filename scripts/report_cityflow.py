"""Collect what `scripts/train_cityflow.py` left in run folders and print it as tables.

python scripts/report_cityflow.py --runs runs --commit abc1234   # collect, then print
python scripts/report_cityflow.py                                # print what was collected
"""

from pathlib import Path

from collected import collect_runs, command, show_tables

from graphmarl.report import read_rows

MEASURED = Path(__file__).parent.parent / "datasets" / "measured_cityflow.csv"
INTERPRETED = MEASURED.with_name("measured_interpretation.csv")
METRICS = ("average_travel_time", "queue", "throughput")


def collect(runs: Path, commit: str) -> None:
    """The metrics of traffic at the end of an episode."""
    collect_runs(runs, commit, MEASURED, {metric: (metric,) for metric in METRICS})


def show() -> None:
    """A table for each task, the shortest stochastic travel time first."""
    show_tables(MEASURED, {"average_travel_time": "travel time, ", "queue": "queue, "}, sign=-1)


def show_interpretation() -> None:
    """A line for each run: means over its intervals, and the last of them."""
    runs: dict[str, list[dict[str, str]]] = {}
    for row in read_rows(INTERPRETED):
        runs.setdefault(row["run"], []).append(row)
    print("| run | KL, mean | KL, last interval | Euclidean, mean | Euclidean, last interval |")
    print("| --- " * 5 + "|")
    for run, rows in runs.items():
        cells = [run]
        for column in ("kl", "euclidean"):
            values = [float(row[column]) for row in rows]
            cells += [f"{sum(values) / len(values):.4f}", f"{values[-1]:.4f}"]
        print("| " + " | ".join(cells) + " |")


if __name__ == "__main__":
    command(__doc__, collect, show)
