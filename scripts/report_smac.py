"""Collect what `scripts/train_smac.py` left in run folders and print it as tables.

python scripts/report_smac.py --runs runs --commit abc1234   # collect, then print
python scripts/report_smac.py                                # print what was collected
"""

from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path

from collected import collect_runs, command, keep, run_of, show_tables

from graphmarl.interval import confidence_interval
from graphmarl.report import read_rows

MEASURED = Path(__file__).parent.parent / "datasets" / "measured_smac.csv"
CUTS = MEASURED.with_name("measured_smac_cuts.csv")
CUT_RULES = {"none": "nothing cut", "rank=80": "80 % cut", "rank=100": "all cut"}
METRICS = ("win", "return", "dead_allies")
# What is known of a run is replaced as a whole: another run may have fewer points.
RUN = ("task", "row", "seed")
# For each way to measure how long a run has trained: where its curve is kept, and at which points.
CURVES: dict[str, tuple[Path, tuple[float, ...]]] = {
    "env_steps": (
        MEASURED.with_name("measured_smac_curves.csv"),
        (5_000, 10_000, 20_000, 30_000, 50_000, 100_000),
    ),
    "minutes": (MEASURED.with_name("measured_smac_minutes.csv"), (0.5, 1, 2, 4, 8, 16, 30)),
}


def collect(runs: Path, commit: str) -> None:
    """The metrics of combat at the end of an episode, the curves, and what cuts have left."""
    collect_runs(runs, commit, MEASURED, {metric: (metric,) for metric in METRICS})
    for axis, (path, points) in CURVES.items():
        lines = []
        for found in sorted(runs.glob("*/*/metrics.csv")):
            for point, won in curve(found, axis, points):
                told = {"commit": commit, axis: f"{point:g}", "win": f"{won:.3f}"}
                lines.append(run_of(found) | told)
        keep(path, lines, RUN)
    lines = []
    for found in sorted(runs.glob("*/*/cuts.csv")):
        lines += [run_of(found) | {"commit": commit} | row for row in read_rows(found)]
    if lines:
        keep(CUTS, lines, RUN)


def curve(metrics: Path, axis: str, points: Sequence[float]) -> list[tuple[float, float]]:
    """Share of games won in training, over the last tenth of so many env steps or minutes."""
    rows = read_rows(metrics)
    at = [float(row["env_steps"]) for row in rows]
    if axis == "minutes":
        spent = read_rows(metrics.with_name("timing.csv"))
        at = list(accumulate(float(row["seconds"]) / 60 for row in spent))
    games = [(time, float(row["win"])) for time, row in zip(at, rows, strict=True) if row["win"]]
    told = []
    for point in points:
        won = [win for time, win in games if 0.9 * point <= time <= point]
        # The last trajectory of a run may end a little before or after its last step.
        if won and at[-1] >= 0.98 * point:
            told.append((point, sum(won) / len(won)))
    return told


def show_curves(axis: str) -> None:
    """A table for each task: games won in training after so many env steps or minutes."""
    path, after = CURVES[axis]
    tasks: dict[str, dict[str, dict[float, list[float]]]] = {}
    for row in read_rows(path):
        points = tasks.setdefault(row["task"], {}).setdefault(row["row"], {})
        points.setdefault(float(row[axis]), []).append(float(row["win"]))
    for task, rows in tasks.items():
        print(f"**{task}**, won in training after so many {axis.replace('_', ' ')}\n")
        print("| row | seeds | " + " | ".join(f"{point:,}" for point in after) + " |")
        print("| --- " * (len(after) + 2) + "|")
        for name, points in rows.items():
            cells = [
                str(confidence_interval(points[point])) if point in points else ""
                for point in after
            ]
            seeds = max(len(each) for each in points.values())
            print(f"| {name} | {seeds} | " + " | ".join(cells) + " |")
        print()


def show_cuts() -> None:
    """A table of the games that are won greedily when messages are cut."""
    if not CUTS.exists():
        return
    rows: dict[tuple[str, str], dict[str, list[dict[str, str]]]] = {}
    for line in read_rows(CUTS):
        rows.setdefault((line["task"], line["row"]), {}).setdefault(line["cut"], []).append(line)
    print("| map | row | seeds | " + " | ".join(CUT_RULES.values()) + " | bits of a step |")
    print("| --- " * (len(CUT_RULES) + 4) + "|")
    for (task, name), cuts in sorted(rows.items()):
        cells = [
            str(confidence_interval([float(each["win"]) for each in cuts[rule]]))
            if rule in cuts
            else ""
            for rule in CUT_RULES
        ]
        bits = [float(each["bits"]) for each in cuts["none"] if each["bits"]]
        told = f"{sum(bits) / len(bits):.1f}" if bits else ""
        print(f"| {task} | {name} | {len(cuts['none'])} | " + " | ".join([*cells, told]) + " |")
    print()


def show_battles() -> None:
    """A table for each task, the most stochastic wins first, and the curves."""
    show_tables(MEASURED, {"win": "won, ", "return": "return, "})
    for axis in CURVES:
        show_curves(axis)


def show() -> None:
    """All tables."""
    show_battles()
    show_cuts()


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
