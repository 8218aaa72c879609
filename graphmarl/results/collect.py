"""From run folders to the tables of measured results."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from pathlib import Path

import yaml

from graphmarl.results.run import Run
from graphmarl.results.stats import confidence_interval
from graphmarl.results.tables import read_rows
from graphmarl.results.transfer import read_transfer

RUN = ("task", "row", "seed")
EVALUATION = ("env_steps", "policy", "return", "steps", "half_width", "hours")
TRAFFIC_METRICS = ("average_travel_time", "queue", "throughput")
TRAIN_METRICS = ("arrived", "deadlocked")
COMBAT_METRICS = ("win", "return", "dead_allies")
COMMUNICATION_TASKS = ("relay-*", "sensor-graphs", "hallway-graphs", "grid-*-graphs")
TRANSFER = "measured_transfer.csv"
"""Table of the returns of runs in other environments than that of training."""
TRIALS = "measured_trials.csv"
"""Table of the trials of searches, by the rows that have the options of the best one."""
TUNED = "-tuned"
"""End of the name of such a row."""
SHORT_TASKS = ("jungle", "battle")
"""Tasks of `scripts/train_magent.py` that are no maps of NVIF."""
# How long a run has trained, in two units: the table of the learning curves, and their points.
CURVES: dict[str, tuple[str, tuple[float, ...]]] = {
    "env_steps": ("measured_smac_curves.csv", (5_000, 10_000, 20_000, 30_000, 50_000, 100_000)),
    "minutes": ("measured_smac_minutes.csv", (0.5, 1, 2, 4, 8, 16, 30)),
}


def merge_rows(path: Path, rows: list[dict[str, str]], keys: Sequence[str]) -> None:
    """Add rows to a table; they replace those with the same keys, in their place.

    Args:
        path: the CSV file.
        rows: new rows.
        keys: columns that identify what was measured.
    """

    def key(row: dict[str, str]) -> tuple[str, ...]:
        return tuple(row[name] for name in keys)

    new = {key(row) for row in rows}
    known = read_rows(path) if path.exists() else []
    place = {key(row): number for number, row in reversed(list(enumerate(known)))}
    rows = [row for row in known if key(row) not in new] + rows
    rows.sort(key=lambda row: place.get(key(row), len(known)))
    Run(path.parent).write_rows(path.name, rows)


def add_baseline(
    folder: Path, task: str, policy: str, found: Mapping[str, Sequence[float]]
) -> None:
    """Add what a policy without learning reaches to `baselines.csv`.

    Args:
        folder: holds the table.
        task: what was played.
        policy: name of the policy.
        found: values of each metric, one for each episode.
    """
    rows = []
    for metric, values in found.items():
        interval = confidence_interval(values)
        rows.append(
            {
                "task": task,
                "policy": policy,
                "metric": metric,
                "episodes": str(len(values)),
                "mean": f"{interval.mean:.3f}",
                "half_width": f"{interval.half_width:.3f}",
            }
        )
    merge_rows(folder / "baselines.csv", rows, ("task", "policy", "metric"))


def collect_runs(
    runs: Path, commit: str, path: Path, metrics: Mapping[str, Sequence[str]], task: str = "*"
) -> None:
    """Write two rows for each run, greedy and stochastic.

    Args:
        runs: holds TASK/ROW-seedN.
        commit: of the code that made them.
        path: the table.
        metrics: for each column the metrics of which the first that was evaluated counts.
        task: the tasks that are collected, as a pattern of file names.
    """
    rows = []
    for found in sorted(runs.glob(f"{task}/*/evaluation.csv")):
        config, run = Run(found.parent).config(), identify(found)
        run["reward"] = config["env"].get("reward", "own")
        run["env_steps"], run["commit"] = str(config["steps"]), commit
        for row in read_rows(found):
            measured = {"policy": row["policy"], "minutes": f"{60 * float(row['hours']):.2f}"}
            for column, names in metrics.items():
                measured[column] = next(row[name] for name in names if name in row)
            rows.append(run | measured)
    if rows:
        merge_rows(path, rows, (*RUN, "policy"))


def identify(found: Path) -> dict[str, str]:
    """Task, row and seed of a file in a run folder."""
    row, _, seed = found.parent.name.rpartition("-seed")
    return {"task": found.parent.parent.name, "row": row, "seed": seed}


def collect_magent(runs: Path, commit: str, folder: Path) -> None:
    """Runs of `scripts/train_magent.py`: those on Gather, one row for each evaluation.

    The others are rows of the table of `scripts/train_mpe.py`.
    """
    rows = []
    for path in sorted(runs.glob("gather-*/*/evaluation.csv")):
        run, env = identify(path), Run(path.parent).config()["env"]
        where = {name: str(env[name]) for name in ("map", "size", "view_radius")}
        where["commit"] = commit
        rows += [
            run | {column: row[column] for column in EVALUATION} | where for row in read_rows(path)
        ]
    if rows:
        merge_rows(folder / "measured_gather.csv", rows, RUN)
    collect_transfer(runs, commit, folder / TRANSFER, "gather-*")
    metrics = {"return": ("team_return", "return")}
    for task in SHORT_TASKS:
        collect_runs(runs, commit, folder / "measured_mpe.csv", metrics, task)


def collect_transfer(runs: Path, commit: str, path: Path, task: str) -> None:
    """Greedy returns of runs in other environments, one row for each, and in their own.

    Args:
        runs: holds TASK/ROW-seedN.
        commit: of the code that made them.
        path: the table.
        task: the tasks that are collected, as a pattern of file names.
    """
    rows = []
    for folder in sorted(runs.glob(task)):
        for found in read_transfer(folder).to_dict("records"):
            if not found["note"]:
                run = {"task": folder.name, "row": found["cell"], "seed": str(found["seed"])}
                run |= {"env_steps": f"{found['env_steps']:.0f}", "commit": commit}
                at = {"changed": found["changed"], "value": found["value"]}
                rows.append(run | at | {"return": f"{found['return']:.3f}"})
    if rows:
        merge_rows(path, rows, RUN)


def collect_trials(runs: Path, commit: str, folder: Path) -> None:
    """Trials of the searches before runs, of any family: one row for each trial.

    Args:
        runs: holds TASK/tune-NAME.
        commit: of the code that made them.
        folder: holds the table.
    """
    rows = []
    for path in sorted(runs.glob("*/tune-*/trials.csv")):
        search = yaml.safe_load(path.with_name("tune.yaml").read_text())
        row = path.parent.name.removeprefix("tune-") + TUNED
        run = {"task": path.parent.parent.name, "row": row, "env_steps": str(search["steps"])}
        run |= {name: search[name] for name in ("metric", "mode")}
        others = ("trial", "state", "error", search["metric"])
        for trial in read_rows(path):
            options = {name: value for name, value in trial.items() if value and name not in others}
            words = [f"{name.removeprefix('method.')}={each}" for name, each in options.items()]
            found = {"trial": trial["trial"], "state": trial["state"]}
            found |= {"value": trial[search["metric"]], "options": ",".join(words)}
            rows.append(run | found | {"commit": commit})
    if rows:
        merge_rows(folder / TRIALS, rows, ("task", "row"))


def collect_didactic(runs: Path, commit: str, folder: Path) -> None:
    """Runs of `scripts/train_didactic.py`: one row for each message cut."""
    rows = []
    for path in sorted(runs.glob("*/*/cuts.csv")):
        found = identify(path)
        minutes = 60 * float(read_rows(path.parent / "evaluation.csv")[0]["hours"])
        steps = str(Run(path.parent).config()["steps"])
        found |= {"env_steps": steps, "minutes": f"{minutes:.2f}", "commit": commit}
        # Where all episodes are the same one there is no interval.
        rows += [
            found | {name: "" if cell == "nan" else cell for name, cell in row.items()}
            for row in read_rows(path)
        ]
    merge_rows(folder / "measured_didactic.csv", rows, RUN)


def collect_particle(runs: Path, commit: str, folder: Path) -> None:
    """Runs of `scripts/train_mpe.py`: the team return, or else the sum of all rewards."""
    collect_runs(runs, commit, folder / "measured_mpe.csv", {"return": ("team_return", "return")})


def collect_traffic(runs: Path, commit: str, folder: Path) -> None:
    """Runs of `scripts/train_cityflow.py`: the metrics at the end of an episode."""
    metrics = {metric: (metric,) for metric in TRAFFIC_METRICS}
    collect_runs(runs, commit, folder / "measured_cityflow.csv", metrics)


def collect_flatland(runs: Path, commit: str, folder: Path) -> None:
    """Runs of `scripts/train_flatland.py`: shares of trains, with intervals over episodes."""
    metrics = {metric: (metric,) for metric in (*TRAIN_METRICS, "return")}
    metrics |= {f"{metric}_half_width": (f"{metric}.half_width",) for metric in TRAIN_METRICS}
    collect_runs(runs, commit, folder / "measured_flatland.csv", metrics)


def collect_combat(runs: Path, commit: str, folder: Path) -> None:
    """Runs of `scripts/train_smac.py`: final metrics, learning curves and message cuts."""
    metrics = {metric: (metric,) for metric in COMBAT_METRICS}
    collect_runs(runs, commit, folder / "measured_smac.csv", metrics)
    # A run is replaced as a whole: another one may have fewer points.
    for axis, (name, points) in CURVES.items():
        rows = []
        for found in sorted(runs.glob("*/*/metrics.csv")):
            for point, won in win_curve(found, axis, points):
                rows.append(
                    identify(found) | {"commit": commit, axis: f"{point:g}", "win": f"{won:.3f}"}
                )
        if rows:
            merge_rows(folder / name, rows, RUN)
    rows = []
    for found in sorted(runs.glob("*/*/cuts.csv")):
        rows += [identify(found) | {"commit": commit} | row for row in read_rows(found)]
    if rows:
        merge_rows(folder / "measured_smac_cuts.csv", rows, RUN)


def win_curve(metrics: Path, axis: str, points: Sequence[float]) -> list[tuple[float, float]]:
    """Share of episodes won in training, over the last tenth before each point.

    Args:
        metrics: a run's `metrics.csv`.
        axis: `env_steps` or `minutes`.
        points: where the curve is read.
    """
    rows = read_rows(metrics)
    at = [float(row["env_steps"]) for row in rows]
    if axis == "minutes":
        timing = read_rows(metrics.with_name("timing.csv"))
        at = list(accumulate(float(row["seconds"]) / 60 for row in timing))
    games = [(time, float(row["win"])) for time, row in zip(at, rows, strict=True) if row["win"]]
    curve = []
    for point in points:
        won = [win for time, win in games if 0.9 * point <= time <= point]
        # The last trajectory of a run may end a little before or after its last step.
        if won and at[-1] >= 0.98 * point:
            curve.append((point, sum(won) / len(won)))
    return curve


def collect_communication(runs: Path, commit: str, folder: Path) -> None:
    """Runs of `scripts/train_communication.py`: the return."""
    path = folder / "measured_communication.csv"
    for task in COMMUNICATION_TASKS:
        collect_runs(runs, commit, path, {"return": ("return",)}, task)


COLLECTORS: dict[str, Callable[[Path, str, Path], None]] = {
    "magent": collect_magent,
    "didactic": collect_didactic,
    "communication": collect_communication,
    "mpe": collect_particle,
    "cityflow": collect_traffic,
    "smac": collect_combat,
    "flatland": collect_flatland,
}
"""How the runs of each `scripts/train_FAMILY.py` are collected."""
