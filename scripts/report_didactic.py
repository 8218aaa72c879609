"""Collect what `scripts/train_didactic.py` left in run folders and print it as tables.

python scripts/report_didactic.py --runs runs --commit abc1234   # collect, then print
python scripts/report_didactic.py                                # print what was collected
"""

from pathlib import Path
from statistics import fmean

from collected import command, keep

from graphmarl.interval import confidence_interval
from graphmarl.report import read_rows
from graphmarl.run import Run

RANKS = [f"rank={percent}" for percent in (20, 40, 60, 80, 90, 100)]
MEASURED = Path(__file__).parent.parent / "datasets" / "measured_didactic.csv"


def collect(runs: Path, commit: str) -> None:
    """Write one line for each cut of each run; what is known of other runs stays."""
    lines = []
    for path in sorted(runs.glob("*/cuts.csv")):
        run = Run(path.parent)
        name, _, seed = path.parent.name.rpartition("-seed")
        first = read_rows(path.parent / "evaluation.csv")[0]
        minutes = f"{60 * float(first['hours']):.2f}"
        told = {"run": name, "seed": seed, "env_steps": str(run.config()["steps"])}
        told |= {"minutes": minutes, "commit": commit}
        lines += [told | row for row in read_rows(path)]
    keep(MEASURED, lines, ("run", "seed"))


def show() -> None:
    """Print a Markdown table: mean return over seeds without a cut and under each."""
    runs: dict[str, dict[str, list[dict[str, str]]]] = {}
    for row in read_rows(MEASURED):
        runs.setdefault(row["run"], {}).setdefault(row["cut"], []).append(row)
    heads = ["run", "seeds", "env steps", "minutes", "return", "worst seed"]
    heads += [f"{cut.removeprefix('rank=')} %" for cut in RANKS]
    heads += ["80 % within graph (bits)", "worth under 2 (bits)"]
    print("| " + " | ".join(heads) + " |")
    print("| --- " * len(heads) + "|")
    for run, cuts in sorted(runs.items()):
        rows = cuts["none"]
        whole = confidence_interval(column(rows, "return"))
        minutes = mean(rows, "minutes")
        cells = [
            run,
            str(len(rows)),
            f"{int(rows[0]['env_steps']):,}",
            f"{minutes:.1f}",
            str(whole),
        ]
        cells.append(f"{min(column(rows, 'return')):.2f}")
        cells += [f"{mean(cuts[cut], 'return'):.2f}" if cut in cuts else "" for cut in RANKS]
        for cut in ("rank=80,within=graph", "threshold=2"):
            told = cuts.get(cut)
            cells.append(f"{mean(told, 'return'):.2f} ({mean(told, 'bits'):.2f})" if told else "")
        print("| " + " | ".join(cells) + " |")


def column(rows: list[dict[str, str]], name: str) -> list[float]:
    """One number of each row."""
    return [float(row[name]) for row in rows]


def mean(rows: list[dict[str, str]], name: str) -> float:
    """The mean of one column."""
    return fmean(column(rows, name))


if __name__ == "__main__":
    command(__doc__, collect, show)
