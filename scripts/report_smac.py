"""Collect what `scripts/train_smac.py` left in run folders and print it as tables.

python scripts/report_smac.py --runs runs --commit abc1234   # collect, then print
python scripts/report_smac.py                                # print what was collected
"""

from collections.abc import Sequence
from pathlib import Path

from collected import collect_runs, command, keep, show_tables

from graphmarl.interval import confidence_interval
from graphmarl.report import read_rows

MEASURED = Path(__file__).parent.parent / "datasets" / "measured_smac.csv"
CUTS = MEASURED.with_name("measured_smac_cuts.csv")
CURVES = MEASURED.with_name("measured_smac_curves.csv")
CUT_RULES = {"none": "nothing cut", "rank=80": "80 % cut", "rank=100": "all cut"}
METRICS = ("win", "return", "dead_allies")
SAMPLES = (5_000, 10_000, 20_000, 30_000, 50_000, 100_000)


def collect(runs: Path, commit: str) -> None:
    """The metrics of combat at the end of an episode."""
    collect_runs(runs, commit, MEASURED, {metric: (metric,) for metric in METRICS})
    lines = []
    for found in sorted(runs.glob("*/*/metrics.csv")):
        told = told_of(found, commit)
        for samples, won in curve(found):
            lines.append(told | {"env_steps": str(samples), "win": f"{won:.3f}"})
    keep(CURVES, lines, ("task", "row", "seed", "env_steps"))
    lines = []
    for found in sorted(runs.glob("*/*/cuts.csv")):
        lines += [told_of(found, commit) | row for row in read_rows(found)]
    if lines:
        keep(CUTS, lines, ("task", "row", "seed", "cut"))


def told_of(found: Path, commit: str) -> dict[str, str]:
    """Of which run a table in its folder is."""
    row, _, seed = found.parent.name.rpartition("-seed")
    return {"task": found.parent.parent.name, "row": row, "seed": seed, "commit": commit}


def curve(metrics: Path) -> list[tuple[int, float]]:
    """Share of games won in training, over the last tenth of so many env steps."""
    rows = [(int(row["env_steps"]), row["win"]) for row in read_rows(metrics)]
    points = []
    for samples in SAMPLES:
        won = [float(win) for steps, win in rows if 0.9 * samples <= steps <= samples and win]
        # The last trajectory of a run may end a little before or after its last step.
        if won and rows[-1][0] >= 0.98 * samples:
            points.append((samples, sum(won) / len(won)))
    return points


def show_curves() -> None:
    """A table for each task: games won in training after so many env steps."""
    tasks: dict[str, dict[str, dict[int, list[float]]]] = {}
    for row in read_rows(CURVES):
        points = tasks.setdefault(row["task"], {}).setdefault(row["row"], {})
        points.setdefault(int(row["env_steps"]), []).append(float(row["win"]))
    for task, rows in tasks.items():
        print(f"**{task}**, won in training after so many env steps\n")
        print("| row | seeds | " + " | ".join(f"{samples:,}" for samples in SAMPLES) + " |")
        print("| --- " * (len(SAMPLES) + 2) + "|")
        for name, points in rows.items():
            cells = [
                str(confidence_interval(points[samples])) if samples in points else ""
                for samples in SAMPLES
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


def show() -> None:
    """A table for each task, the most stochastic wins first."""
    show_tables(MEASURED, {"win": "won, ", "return": "return, "})
    show_curves()
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
