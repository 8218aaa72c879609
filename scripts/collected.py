"""What the scripts share that collect measurements of runs and print them as tables."""

import argparse
import csv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from graphmarl.interval import confidence_interval
from graphmarl.report import read_rows
from graphmarl.run import Run


def keep(path: Path, lines: list[dict[str, str]], keys: Sequence[str]) -> None:
    """Add lines to a table, in the place of those that have the same keys."""

    def key(row: dict[str, str]) -> tuple[str, ...]:
        return tuple(row[name] for name in keys)

    new = {key(row) for row in lines}
    known = read_rows(path) if path.exists() else []
    place = {key(row): number for number, row in reversed(list(enumerate(known)))}
    lines = [row for row in known if key(row) not in new] + lines
    lines.sort(key=lambda row: place.get(key(row), len(known)))
    with open(path, "w", newline="") as file:
        table = csv.DictWriter(file, list(lines[0]), lineterminator="\n")
        table.writeheader()
        table.writerows(lines)


def collect_runs(
    runs: Path, commit: str, path: Path, measures: Mapping[str, Sequence[str]]
) -> None:
    """Write two lines for each run, greedy and stochastic; what is known of other runs stays.

    Args:
        runs: holds TASK/ROW-seedN.
        commit: of the code that made them.
        path: the table.
        measures: for each column the metrics of which the first counts that was evaluated.
    """
    lines = []
    for found in sorted(runs.glob("*/*/evaluation.csv")):
        config, told = Run(found.parent).config(), run_of(found)
        told["reward"] = config["env"].get("reward", "own")
        told["env_steps"], told["commit"] = str(config["steps"]), commit
        for row in read_rows(found):
            measured = {"policy": row["policy"], "minutes": f"{60 * float(row['hours']):.2f}"}
            for column, metrics in measures.items():
                measured[column] = next(row[metric] for metric in metrics if metric in row)
            lines += [told | measured]
    keep(path, lines, ("task", "row", "seed", "policy"))


def run_of(found: Path) -> dict[str, str]:
    """Of which task, row and seed a table in a run's folder is."""
    row, _, seed = found.parent.name.rpartition("-seed")
    return {"task": found.parent.parent.name, "row": row, "seed": seed}


def show_tables(path: Path, measures: Mapping[str, str], sign: int = 1) -> None:
    """Print a Markdown table for each task, the best stochastic row first.

    The interval of a mean over seeds is over seeds; that of one seed is over episodes, if the table
    has a column `MEASURE_half_width`, and marked so.

    Args:
        path: the table.
        measures: columns that are shown, and their titles; rows are in the order of the first.
        sign: -1 if less of it is better.
    """
    tasks: dict[str, dict[str, list[dict[str, str]]]] = {}
    for row in read_rows(path):
        tasks.setdefault(row["task"], {}).setdefault(row["row"], []).append(row)
    first = next(iter(measures))
    for task, rows in tasks.items():
        print(f"**{task}**\n")
        heads = ["row", "reward", "seeds", "env steps", "minutes"]
        heads += [f"{title}{policy}" for title in measures.values() for policy in POLICIES]
        print("| " + " | ".join(heads) + " |")
        print("| --- " * len(heads) + "|")
        order = sorted(rows.items(), key=lambda item: -sign * _mean(item[1], first))
        for name, each in order:
            minutes = [float(row["minutes"]) for row in each]
            cells = [name, each[0]["reward"], str(len(each) // 2)]
            cells += [f"{int(each[0]['env_steps']):,}", f"{sum(minutes) / len(minutes):.1f}"]
            cells += [_cell(each, measure, policy) for measure in measures for policy in POLICIES]
            print("| " + " | ".join(cells) + " |")
        print()


POLICIES = ("greedy", "stochastic")
YARDSTICKS = Path(__file__).parent.parent / "datasets" / "yardsticks.csv"


def keep_yardsticks(task: str, controller: str, found: Mapping[str, Sequence[float]]) -> None:
    """Note what a controller that learns nothing reaches, by metric, over episodes."""
    lines = []
    for metric, values in found.items():
        told = {"task": task, "controller": controller, "measure": metric}
        interval = confidence_interval(values)
        numbers = f"{interval.mean:.3f}", f"{interval.half_width:.3f}"
        told |= {"episodes": str(len(values))} | dict(
            zip(("mean", "half_width"), numbers, strict=True)
        )
        lines.append(told)
    keep(YARDSTICKS, lines, ("task", "controller", "measure"))


def yardsticks(task: str, measure: str) -> str:
    """What controllers reach in a task, as words."""
    rows = [r for r in read_rows(YARDSTICKS) if (r["task"], r["measure"]) == (task, measure)]
    return "; ".join(f"{r['controller']} {r['mean']} +- {r['half_width']}" for r in rows)


def _cell(rows: list[dict[str, str]], measure: str, policy: str) -> str:
    """A mean over seeds with its interval, or one seed's over its episodes."""
    column = f"{measure}_half_width"
    if len(rows) > len(POLICIES) or column not in rows[0]:
        return str(confidence_interval(_values(rows, measure, policy)))
    (mean,), (half,) = (_values(rows, name, policy) for name in (measure, column))
    return f"{mean:.2f} (+- {half:.2f})"


def _values(rows: list[dict[str, str]], measure: str, policy: str) -> list[float]:
    return [float(row[measure]) for row in rows if row["policy"] == policy]


def _mean(rows: list[dict[str, str]], measure: str) -> float:
    values = _values(rows, measure, "stochastic")
    return sum(values) / len(values)


def command(
    doc: str | None, collect: Callable[[Path, str], None], show: Callable[[], None]
) -> None:
    """Collect from run folders if they are given, then print."""
    parser = argparse.ArgumentParser(description=doc)
    parser.add_argument("--runs", type=Path, help="collect from these run folders first")
    parser.add_argument("--commit", help="of the code that made them")
    given = parser.parse_args()
    if given.runs:
        if not given.commit:
            parser.error("--commit is needed to say what made the runs")
        collect(given.runs, given.commit)
    show()
