"""Markdown tables of measured results, one list of lines each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean

from graphmarl.results.collect import CURVES, TRANSFER
from graphmarl.results.revisions import marked
from graphmarl.results.stats import confidence_interval
from graphmarl.results.tables import read_rows

POLICIES = ("greedy", "stochastic")
RANKS = [f"rank={percent}" for percent in (20, 40, 60, 80, 90, 100)]
CUT_RULES = {"none": "nothing cut", "rank=80": "80 % cut", "rank=100": "all cut"}
GATHER_METHODS = {
    "ippo": "IPPO",
    "nvif_ppo": "NVIF-PPO",
    "mappo": "MAPPO",
    "nvif_dqn": "NVIF-DQN",
    "dgn": "DGN",
    "mfq": "MFQ",
}


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table."""
    lines = ["| " + " | ".join(head) + " |", "| --- " * len(head) + "|"]
    return lines + ["| " + " | ".join(row) + " |" for row in rows]


def benchmark_tables(path: Path, metrics: Mapping[str, str], sign: int = 1) -> list[str]:
    """A table for each task, the best stochastic row first.

    Intervals are over seeds; that of a single seed is over episodes, if the table has a column
    `METRIC_half_width`, and stands in brackets.

    Args:
        path: the CSV file.
        metrics: columns and their titles; rows are sorted by the first.
        sign: -1 if less of it is better.
    """
    tasks: dict[str, dict[str, list[dict[str, str]]]] = {}
    for row in read_rows(path):
        tasks.setdefault(row["task"], {}).setdefault(row["row"], []).append(row)
    first = next(iter(metrics))
    head = ["row", "reward", "seeds", "env steps", "minutes"]
    head += [f"{title}{policy}" for title in metrics.values() for policy in POLICIES]
    lines = []
    for task, rows in tasks.items():
        order = sorted(rows, key=lambda name: -sign * fmean(_values(rows[name], first)))
        names = [marked(path, name, rows[name][0]["commit"]) for name in order]
        cells = [
            [title, *_run_cells(rows[name], metrics)]
            for title, name in zip(names, order, strict=True)
        ]
        lines += [f"**{task}**", "", *markdown(head, cells), ""]
    return lines


def _run_cells(rows: list[dict[str, str]], metrics: Mapping[str, str]) -> list[str]:
    minutes = fmean(float(row["minutes"]) for row in rows)
    cells = [rows[0]["reward"], str(len(rows) // len(POLICIES))]
    cells += [f"{int(rows[0]['env_steps']):,}", f"{minutes:.1f}"]
    return cells + [_cell(rows, metric, policy) for metric in metrics for policy in POLICIES]


def _cell(rows: list[dict[str, str]], metric: str, policy: str) -> str:
    """A mean over seeds with its interval, or that of one seed over its episodes."""
    column = f"{metric}_half_width"
    if len(rows) > len(POLICIES) or column not in rows[0]:
        return str(confidence_interval(_values(rows, metric, policy)))
    (mean,), (half,) = (_values(rows, name, policy) for name in (metric, column))
    return f"{mean:.2f} (+- {half:.2f})"


def _values(rows: list[dict[str, str]], metric: str, policy: str = "stochastic") -> list[float]:
    return [float(row[metric]) for row in rows if row["policy"] == policy]


def baselines(folder: Path, task: str, metric: str) -> str:
    """What policies without learning reach in a task, in one line."""
    rows = read_rows(folder / "baselines.csv")
    found = [row for row in rows if (row["task"], row["metric"]) == (task, metric)]
    return "; ".join(f"{row['policy']} {row['mean']} +- {row['half_width']}" for row in found)


def gather_table(folder: Path) -> list[str]:
    """Return / steps on Gather, beside Table II of the NVIF paper."""
    paper = {
        (row["method"], row["map"], row["size"]): f"{row['return']} / {row['steps']}"
        for row in read_rows(folder / "nvif_table2.csv")
    }
    rows = read_rows(folder / "measured_gather.csv")
    order = sorted(rows, key=lambda row: (row["map"], int(row["size"]), row["task"], row["row"]))
    cells = []
    for (task, name), row in {(row["task"], row["row"]): row for row in order}.items():
        here = [r for r in rows if (r["task"], r["row"]) == (task, name)]
        of = {each: [r for r in here if r["policy"] == each] for each in POLICIES}
        plain = row["view_radius"] == "7" and name in GATHER_METHODS
        known = (GATHER_METHODS[name], row["map"], row["size"]) if plain else None
        numbers = [
            " / ".join(
                str(confidence_interval(_column(each, column))) for column in ("return", "steps")
            )
            for each in of.values()
        ]
        steps = f"{max(int(each['env_steps']) for each in of['greedy']):,}"
        title = marked(folder / "measured_gather.csv", name, row["commit"])
        line = [title, task.removeprefix("gather-"), str(len(of["greedy"])), steps, *numbers]
        cells.append([*line, paper.get(known, "") if known else ""])
    return markdown(["row", "map", "seeds", "env steps", *POLICIES, "paper"], cells)


def transfer_lines(folder: Path) -> list[str]:
    """Returns on all maps of Gather of the policies of each map; none if there is no table."""
    rows = read_rows(folder / TRANSFER) if (folder / TRANSFER).exists() else []
    rows = [row for row in rows if row["changed"] == "map,size"]
    maps = sorted({row["value"] for row in rows}, key=lambda value: value.split(",")[::-1])
    found: dict[tuple[str, str], dict[str, list[dict[str, str]]]] = {}
    for row in rows:
        found.setdefault((row["task"], row["row"]), {}).setdefault(row["value"], []).append(row)
    cells = []
    for (task, name), at in sorted(found.items(), key=lambda item: item[0][::-1]):
        seeds = max(map(len, at.values()))
        numbers = [
            str(confidence_interval(_column(at[v], "return"))) if v in at else "" for v in maps
        ]
        cells.append([name, task.removeprefix("gather-"), str(seeds), *numbers])
    titles = [" ".join(value.split(",")) for value in maps]
    return markdown(["row", "trained on", "seeds", *titles], cells) if cells else []


def didactic_table(folder: Path) -> list[str]:
    """Return of didactic runs over seeds, without and with message cuts."""
    runs: dict[tuple[str, str], dict[str, list[dict[str, str]]]] = {}
    for row in read_rows(folder / "measured_didactic.csv"):
        runs.setdefault((row["task"], row["row"]), {}).setdefault(row["cut"], []).append(row)
    head = ["task", "row", "seeds", "env steps", "minutes", "return", "worst seed"]
    head += [f"{cut.removeprefix('rank=')} %" for cut in RANKS]
    head += ["80 % within graph (bits)", "importance under 2 (bits)"]
    cells = []
    for (task, name), cuts in sorted(runs.items()):
        rows = cuts["none"]
        returns = _column(rows, "return")
        title = marked(folder / "measured_didactic.csv", name, rows[0]["commit"])
        line = [task, title, str(len(rows)), f"{int(rows[0]['env_steps']):,}"]
        line += [f"{fmean(_column(rows, 'minutes')):.1f}", str(confidence_interval(returns))]
        line.append(f"{min(returns):.2f}")
        line += [f"{fmean(_column(cuts[c], 'return')):.2f}" if c in cuts else "" for c in RANKS]
        for cut in ("rank=80,within=graph", "threshold=2"):
            means = (
                [fmean(_column(cuts[cut], n)) for n in ("return", "bits")] if cut in cuts else []
            )
            line.append(f"{means[0]:.2f} ({means[1]:.2f})" if means else "")
        cells.append(line)
    return markdown(head, cells)


def _column(rows: list[dict[str, str]], name: str) -> list[float]:
    return [float(row[name]) for row in rows]


def interpretation_table(folder: Path) -> list[str]:
    """Distance of the phases that a policy samples from the distribution of the vehicles."""
    runs: dict[str, list[dict[str, str]]] = {}
    for row in read_rows(folder / "measured_interpretation.csv"):
        runs.setdefault(row["run"], []).append(row)
    cells = []
    for run, rows in runs.items():
        line = [run]
        for column in ("kl", "euclidean"):
            values = _column(rows, column)
            line += [f"{fmean(values):.4f}", f"{values[-1]:.4f}"]
        cells.append(line)
    head = ["run", "KL, mean", "KL, last interval", "Euclidean, mean", "Euclidean, last interval"]
    return markdown(head, cells)


def win_curves(folder: Path, axis: str) -> list[str]:
    """A table for each map: share of wins in training after so many env steps or minutes."""
    name, points = CURVES[axis]
    tasks: dict[str, dict[str, dict[float, list[float]]]] = {}
    measured = folder / "measured_smac.csv"
    for row in read_rows(folder / name):
        title = marked(measured, row["row"], row["commit"])
        curve = tasks.setdefault(row["task"], {}).setdefault(title, {})
        curve.setdefault(float(row[axis]), []).append(float(row["win"]))
    lines = []
    for task, rows in tasks.items():
        cells = []
        for row, curve in rows.items():
            wins = [str(confidence_interval(curve[p])) if p in curve else "" for p in points]
            cells.append([row, str(max(len(each) for each in curve.values())), *wins])
        title = f"**{task}**, won in training after so many {axis.replace('_', ' ')}"
        head = ["row", "seeds", *(f"{point:,}" for point in points)]
        lines += [title, "", *markdown(head, cells), ""]
    return lines


def cut_table(folder: Path) -> list[str]:
    """Share of games won greedily under message cuts."""
    rows: dict[tuple[str, str], dict[str, list[dict[str, str]]]] = {}
    for row in read_rows(folder / "measured_smac_cuts.csv"):
        rows.setdefault((row["task"], row["row"]), {}).setdefault(row["cut"], []).append(row)
    cells = []
    for (task, name), cuts in sorted(rows.items()):
        wins = [
            str(confidence_interval(_column(cuts[rule], "win"))) if rule in cuts else ""
            for rule in CUT_RULES
        ]
        bits = [float(row["bits"]) for row in cuts["none"] if row["bits"]]
        sent = f"{fmean(bits):.1f}" if bits else ""
        title = marked(folder / "measured_smac.csv", name, cuts["none"][0]["commit"])
        cells.append([task, title, str(len(cuts["none"])), *wins, sent])
    return [*markdown(["map", "row", "seeds", *CUT_RULES.values(), "bits per step"], cells), ""]


def smac_paper(folder: Path, maps: Sequence[str]) -> str:
    """Table 3 of the MAMBA paper for some maps, in one line."""
    rows = read_rows(folder / "mamba_table3.csv")
    found = {
        name: [f"{row['method']} {row['mean']}" for row in rows if row["map"] == name]
        for name in maps
    }
    return "; ".join(f"{name}: {', '.join(each)}" for name, each in found.items())
