"""Collect what `scripts/train_flatland.py` left in run folders and print it as tables.

python scripts/report_flatland.py --runs runs --commit abc1234   # collect, then print
python scripts/report_flatland.py                                # print what was collected
"""

from pathlib import Path

from collected import collect_runs, command, show_tables, yardsticks

from graphmarl.envs.flatland import TASKS

MEASURED = Path(__file__).parent.parent / "datasets" / "measured_flatland.csv"
METRICS = ("arrived", "deadlocked")


def collect(runs: Path, commit: str) -> None:
    """The shares of trains at the end of an episode, and their intervals over episodes."""
    measures = {metric: (metric,) for metric in (*METRICS, "return")}
    measures |= {f"{metric}_half_width": (f"{metric}.half_width",) for metric in METRICS}
    collect_runs(runs, commit, MEASURED, measures)


def show() -> None:
    """A table for each task, the most stochastic arrivals first, and the yardsticks."""
    show_tables(MEASURED, {"arrived": "arrived, ", "deadlocked": "deadlocked, "})
    for task in TASKS:
        if told := yardsticks(task, "arrived"):
            print(f"{task}, arrived without learning: {told}")


if __name__ == "__main__":
    command(__doc__, collect, show)
