"""The same run with several seeds, evaluated alike, in one table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from graphmarl.evaluate import evaluate
from graphmarl.messages import under_cut
from graphmarl.plan import Named
from graphmarl.report import read_rows
from graphmarl.run import Run
from graphmarl.train import resume, train

COLUMNS = ("name", "seed", "env_steps", "policy", "return", "steps", "half_width", "hours")


def run_seeds(
    name: str,
    method: Named,
    env: Named,
    graph: Named | None = None,
    steps: int = 80_000,
    seeds: Sequence[int] = (0, 1, 2),
    runs: str = "runs",
    episodes: int = 32,
    progress: bool = True,
) -> list[dict[str, str]]:
    """Train and evaluate a method once for each seed; what was finished before is not done again.

    Each run is evaluated greedily and as it was trained, over fresh episodes, and leaves its two
    lines in `evaluation.csv` of its folder.

    Args:
        name: run folders are called `name-seedN`.
        method: what learns.
        env: where it learns.
        graph: who hears whom; the method's own without it.
        steps: environment transitions of each run.
        seeds: one run for each.
        runs: where run folders are.
        episodes: fresh episodes of each evaluation.
        progress: show progress bars.
    """
    rows: list[dict[str, str]] = []
    for seed in seeds:
        path = Path(runs) / f"{name}-seed{seed}"
        if not (path / "evaluation.csv").exists():
            if (path / "config.yaml").exists():
                run = resume(path, progress=progress)
            else:
                run = train(
                    method, env, graph, steps, seed, path.name, runs=runs, progress=progress
                )
            _evaluate(run, name, seed, episodes)
        rows += read_rows(path / "evaluation.csv")
    return rows


CUT_COLUMNS = ("return", "half_width", "win", "messages", "bits", "bytes")


def measure_cuts(run: Run, cuts: Sequence[str], episodes: int = 4096) -> list[dict[str, str]]:
    """Evaluate a run under several cuts, once; leaves `cuts.csv` in its folder.

    Args:
        run: the run.
        cuts: rules as in `evaluate`; `none` cuts nothing. A method without messages gets only that.
        episodes: fresh episodes of each evaluation.
    """
    path = run.path / "cuts.csv"
    if not path.exists():
        rows = []
        for cut in ("none", *cuts):
            found = under_cut(run, None if cut == "none" else cut, episodes=episodes)
            told = {name: f"{found[name]:.4f}" for name in CUT_COLUMNS if name in found}
            rows.append({"cut": cut} | {name: told.get(name, "") for name in CUT_COLUMNS})
            if "bits" not in found:
                break
        run.write_rows(path.name, rows)
    return read_rows(path)


def _evaluate(run: Run, name: str, seed: int, episodes: int) -> None:
    """Write `evaluation.csv`, whole or not at all."""
    seconds = sum(float(row["seconds"]) for row in read_rows(run.path / "timing.csv"))
    steps = int(run.metrics()[-1]["env_steps"])
    rows = []
    for policy, greedy in (("greedy", True), ("stochastic", False)):
        played = evaluate(run, episodes, greedy=greedy)
        returns = played.mean_return
        numbers = (returns.mean, played.mean_length.mean, returns.half_width)
        told = (name, seed, steps, policy, *(f"{number:.3f}" for number in numbers))
        rows.append(dict(zip(COLUMNS, (*told, f"{seconds / 3600:.4f}"), strict=True)))
    run.write_rows("evaluation.csv", rows)
