"""Ablations: a grid of runs over several seeds, with one table and one plot."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from graphmarl.checks import checked
from graphmarl.experiment.config import Named
from graphmarl.experiment.grid_runs import Settings, run_grid, runs_of
from graphmarl.experiment.sweep import Cell, grid
from graphmarl.ranges import Copies, Device, NonNegativeInt, PositiveInt
from graphmarl.results.plots import draw_results, save_picture
from graphmarl.results.run import Run
from graphmarl.results.tables import read_results, read_rows, table


@checked
def ablate(
    name: str,
    methods: Sequence[str],
    env: str,
    graphs: Sequence[str] = (),
    vary: Sequence[str] = (),
    seeds: PositiveInt = 5,
    steps: PositiveInt = 80_000,
    episodes: Copies = 32,
    jobs: NonNegativeInt = 0,
    runs: str = "runs",
    device: Device = "cpu",
    progress: bool = True,
) -> list[dict[str, str]]:
    """Train and evaluate every method on every graph under every combination of varied options.

    Runs that are finished are kept and interrupted runs are continued, so that the same call again
    goes on where it stopped. Writes `table.csv` and `ablation.png` into the folder.

    Args:
        name: name of the folder of all runs.
        methods: methods, with options as in `dgn:layers=1`.
        env: the environment, with options.
        graphs: graph builders, with options; each method's own without any.
        vary: `part.option=value,value` for an option of a `method`, `env` or `graph`.
        seeds: number of seeds, from 0.
        steps: environment steps of each run.
        episodes: number of episodes of each evaluation.
        jobs: processes at a time; 0 trains in this process.
        runs: where the folder is.
        device: device of networks, replay and environments.
        progress: show progress bars where there are no processes.

    Returns:
        the table, as `write_report` does.

    Raises:
        ValueError: a name, option or value that is not allowed, or a run of that name with others.
        RuntimeError: runs failed; the others are kept.
    """
    settings, folder = Settings(steps, episodes, device=device), Path(runs) / name
    grid_runs = runs_of(grid(methods, env, graphs, vary), range(seeds), folder, settings)
    failed = run_grid(grid_runs, jobs, progress)
    if failed:
        raise RuntimeError(f"runs of {folder} failed: {', '.join(failed)}; see their log.txt")
    return write_report(folder)


@checked
def write_report(
    folder: str | Path,
    policy: Literal["greedy", "stochastic"] = "greedy",
    metric: str | None = None,
) -> list[dict[str, str]]:
    """Write `table.csv` and `ablation.png` from the run folders of an ablation; returns the table.

    Returns of `evaluation.csv` are compared: `team_return` where the environment has such a metric,
    the sum of the agents' rewards elsewhere.

    Args:
        folder: the folder of the ablation.
        policy: the evaluation that counts, with the greedy or the stochastic policy.
        metric: another metric of an episode to compare.

    Raises:
        FileNotFoundError: the folder holds no runs.
        ValueError: there is no such policy or metric.
    """
    cells = read_results(folder, policy, metric)
    rows = table(cells)
    Run(folder).write_rows("table.csv", rows)
    save_picture(draw_results(cells)[0], Path(folder) / "ablation.png")
    return rows


def run_seeds(
    name: str,
    method: Named,
    env: Named,
    graph: Named | None = None,
    steps: PositiveInt = 80_000,
    seeds: Sequence[int] = (0, 1, 2),
    runs: str = "runs",
    episodes: Copies = 32,
    device: Device = "cpu",
    progress: bool = True,
) -> list[dict[str, str]]:
    """Train and evaluate one method once for each seed, in this process.

    Runs that are finished are kept, and interrupted runs are continued.

    Args:
        name: run folders are called `name-seedN`.
        method: the method.
        env: the environment.
        graph: the graph builder; the method's own without it.
        steps: environment steps of each run.
        seeds: the seeds.
        runs: folder of the run folders.
        episodes: number of episodes of each evaluation.
        device: device of networks, replay and environments.
        progress: show progress bars.

    Returns:
        the rows of `evaluation.csv` of all runs.
    """
    settings = Settings(steps, episodes, device=device, threads=None)
    made = runs_of([Cell(name, method, env, graph)], seeds, runs, settings)
    run_grid(made, progress=progress)
    return [row for run in made for row in read_rows(run.path / "evaluation.csv")]
