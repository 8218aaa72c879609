"""Collect what `scripts/train_didactic.py` left in run folders and print it as tables.

python scripts/report_didactic.py --runs runs --commit abc1234   # collect, then print
python scripts/report_didactic.py                                # print what was collected
"""

import argparse
import csv
from pathlib import Path

from graphmarl.interval import confidence_interval
from graphmarl.report import read_rows
from graphmarl.run import Run

MEASURED = Path(__file__).parent.parent / "datasets" / "measured_didactic.csv"


def collect(runs: Path, commit: str) -> None:
    """Write one line for each cut of each run."""
    lines = []
    for path in sorted(runs.glob("*/cuts.csv")):
        run = Run(path.parent)
        name, _, seed = path.parent.name.rpartition("-seed")
        first = read_rows(path.parent / "evaluation.csv")[0]
        minutes = f"{60 * float(first['hours']):.2f}"
        told = {"run": name, "seed": seed, "env_steps": str(run.config()["steps"])}
        told |= {"minutes": minutes, "commit": commit}
        lines += [told | row for row in read_rows(path)]
    with open(MEASURED, "w", newline="") as file:
        table = csv.DictWriter(file, list(lines[0]), lineterminator="\n")
        table.writeheader()
        table.writerows(lines)


def show() -> None:
    """Print a Markdown table: mean and 95 % interval over seeds, and the worst seed."""
    groups: dict[tuple[str, str], list[dict[str, str]]] = {}
    for row in read_rows(MEASURED):
        groups.setdefault((row["run"], row["cut"]), []).append(row)
    print("| run | seeds | env steps | cut | return | worst | win | bits | messages | bytes |")
    print("| --- " * 10 + "|")
    for (run, cut), rows in groups.items():
        returns = [float(row["return"]) for row in rows]
        means = []
        for name in ("win", "bits", "messages", "bytes"):
            values = [float(row[name]) for row in rows if row[name]]
            means.append(f"{sum(values) / len(values):.3f}" if values else "")
        steps = int(rows[0]["env_steps"])
        print(
            f"| {run} | {len(rows)} | {steps:,} | {cut} | {confidence_interval(returns)} "
            f"| {min(returns):.2f} | {' | '.join(means)} |"
        )


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=Path, help="collect from these run folders first")
    parser.add_argument("--commit", help="of the code that made them")
    given = parser.parse_args()
    if given.runs:
        if not given.commit:
            parser.error("--commit is needed to say what made the runs")
        collect(given.runs, given.commit)
    show()


if __name__ == "__main__":
    main()
