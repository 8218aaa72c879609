"""Ablations: a grid of runs over several seeds, with one table and one plot."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from graphmarl.checks import checked
from graphmarl.experiment.config import Named
from graphmarl.experiment.grid_runs import GridRun, Settings, run_grid, runs_of
from graphmarl.experiment.places import Place
from graphmarl.experiment.presets import preset_steps
from graphmarl.experiment.report import report_page, warning_of
from graphmarl.experiment.report_results import described
from graphmarl.experiment.sweep import Cell, grid
from graphmarl.experiment.transfer import Transfer, check_transfers, transfer_grid, transfers
from graphmarl.experiment.tune_cells import Budget, tuned
from graphmarl.ranges import Copies, Device, NonNegativeInt, PositiveInt
from graphmarl.results.cells import read_results
from graphmarl.results.comparison import Comparison
from graphmarl.results.comparison_plots import draw_results
from graphmarl.results.export import as_csv, as_latex, as_markdown, as_marl_eval
from graphmarl.results.figures import save_picture
from graphmarl.results.run import Run
from graphmarl.results.tables import table


@checked
def ablate(
    name: str,
    methods: Sequence[str],
    env: str | None = None,
    graphs: Sequence[str] = (),
    vary: Sequence[str] = (),
    seeds: PositiveInt = 5,
    steps: PositiveInt | None = None,
    episodes: Copies = 32,
    jobs: NonNegativeInt = 0,
    runs: str = "runs",
    device: Device = "cpu",
    progress: bool = True,
    preset: str | None = None,
    tune: Sequence[str] = (),
    tune_budget: NonNegativeInt = 0,
    on: str = "local",
    cpus: PositiveInt | None = None,
    gpus: NonNegativeInt | None = None,
    slurm: Sequence[str] = (),
    evaluate_env: Sequence[str] = (),
    evaluate_graph: Sequence[str] = (),
    evaluate_cut: Sequence[str] = (),
) -> pd.DataFrame:
    """Train and evaluate every method on every graph under every combination of varied options.

    Runs that are finished are kept and interrupted runs are continued, so that the same call again
    goes on where it stopped. Writes tables, figures and a page into the folder; see `write_report`.

    Args:
        name: name of the folder of all runs.
        methods: methods, with options as in `dgn:layers=1`; with a preset, names of its settings.
        env: the environment, with options; that of the preset without it.
        graphs: graph builders, with options; those of the preset or of each method without any.
        vary: `part.option=value,value` for an option of a `method`, `env` or `graph`.
        seeds: number of seeds, from 0.
        steps: environment steps of each run; those of the preset or 80,000 without it.
        episodes: number of episodes of each evaluation.
        jobs: processes at a time; 0 trains in this process, or on a cluster all at once.
        runs: where the folder is.
        device: device of networks, replay and environments.
        progress: show progress bars where there are no processes.
        preset: a task of `graphmarl presets`, whose settings the methods have.
        tune: options to search before the runs, as `vary` of `gm.tune`; each cell has those that
            are options of it.
        tune_budget: trials of each cell, whose runs then have its best options; see `tuned.csv`.
        on: `local` for this machine, `ray` or `ray:ADDRESS` for a Ray cluster, or `slurm`; the
            machines share the folder.
        cpus: cores of each run on a cluster; one without it.
        gpus: GPUs of each run on a cluster; none without it.
        slurm: options of sbatch as submitit names them, as in `partition=gpu` and `time=60`.
        evaluate_env: options of the environment to evaluate all runs at as well, as in
            `num_agents=30,100`, each value by itself, or `{map: random, size: 48}` together.
        evaluate_graph: graph builders to evaluate all runs on as well.
        evaluate_cut: message cuts to evaluate all runs with as well, as in `rank=80`.

    Returns:
        the table, as `write_report` does.

    Raises:
        ValueError: a name, option or value that is not allowed, or a run of that name with others.
        ImportError: the package of a cluster is not installed; names the extra.
        RuntimeError: runs failed; the others are kept.
    """
    changes = transfers(evaluate_env, evaluate_graph, evaluate_cut)
    place = Place(on, cpus, gpus, slurm)
    settings = Settings(steps or preset_steps(preset), episodes, device=device)
    folder, budget = Path(runs) / name, Budget(tune_budget, tune)
    cells = grid(methods, env, graphs, vary, preset)
    options = (jobs, place, budget, changes, progress)
    grid_runs, failed = run_ablation(cells, range(seeds), folder, settings, *options)
    if failed:
        raise RuntimeError(f"runs of {folder} failed: {', '.join(failed)}; see their log.txt")
    return write_report(folder, trust=holds_only(folder, grid_runs))


def run_ablation(
    cells: Sequence[Cell],
    seeds: Sequence[int],
    folder: Path,
    settings: Settings,
    jobs: int,
    place: Place,
    budget: Budget,
    changes: Sequence[Transfer] = (),
    progress: bool = True,
) -> tuple[list[GridRun], list[str]]:
    """Search options, then train and evaluate every cell with every seed, also elsewhere.

    Args:
        cells: the cells.
        seeds: the seeds.
        folder: of the ablation.
        settings: settings of the runs.
        jobs: runs at a time; 0 trains in this process, or on a cluster all at once.
        place: where they run.
        budget: the search before the runs.
        changes: what finished runs are evaluated at as well.
        progress: show progress bars where there are no processes.

    Returns:
        the runs, and the names of those that failed.

    Raises:
        ValueError: an option or value that is not allowed, or a run of that name with others.
    """
    check_transfers(cells, changes)
    cells = tuned(cells, budget, folder, settings, jobs, place, progress)
    runs = runs_of(cells, seeds, folder, settings)
    failed = run_grid(runs, jobs, progress, place=place)
    transfer_grid(runs, changes)
    return runs, failed


def holds_only(folder: str | Path, runs: Sequence[GridRun]) -> bool:
    """Whether a folder holds no other runs than those of a grid, whose options were checked.

    Args:
        folder: the folder.
        runs: the runs of the grid.
    """
    names = {run.path.name for run in runs}
    return all(path.name in names for path in Path(folder).glob("*-seed*"))


@checked
def write_report(
    folder: str | Path | Sequence[str | Path],
    policy: Literal["greedy", "stochastic"] = "greedy",
    metric: str | None = None,
    lower_is_better: bool = False,
    score_range: dict[str, Any] | None = None,
    out: str | Path | None = None,
    html: bool = True,
    trust: bool = False,
) -> pd.DataFrame:
    """Write the report of ablations and suites from their run folders; returns the table.

    Writes `table.csv`, `table.md`, `table.tex` (booktabs), `ablation.png`, `ablation.pdf`,
    `marl_eval.json` and the page `report.html`. With another metric or policy than the default
    their names end in it, as in `table-queue.csv`.

    Returns of `evaluation.csv` are compared: `team_return` where the environment has such a metric,
    the sum of the agents' rewards elsewhere. Intervals are over seeds.

    Args:
        folder: folders of ablations or suites, one or several; files are written into the first.
        policy: the evaluation that counts, with the greedy or the stochastic policy.
        metric: another metric of an episode to compare.
        lower_is_better: whether less of the metric is better.
        score_range: for an environment the metric of a poor and of a good policy, which are 0 and 1
            of its normalised score, as in `{navigation: [-300, -100]}`; without it the lowest and
            the highest result of all runs.
        out: folder for the files instead.
        html: write the page; without it the best run is not played.
        trust: import code from outside the library that the best run names, to show its graph.

    Raises:
        FileNotFoundError: a folder holds no runs.
        ValueError: there is no such policy, metric or environment.
    """
    folders = [folder] if isinstance(folder, (str, Path)) else list(folder)
    cells = read_results(folders, policy, metric)
    found = Comparison(cells, policy, lower_is_better, score_range or {})
    rows = described(table(cells), cells)
    into, end = Run(folders[0] if out is None else out), report_suffix(policy, metric)
    into.path.mkdir(parents=True, exist_ok=True)
    into.write(f"table{end}.csv", as_csv(rows))
    into.write(f"table{end}.md", as_markdown(rows))
    into.write(f"table{end}.tex", as_latex(rows))
    into.write(f"marl_eval{end}.json", as_marl_eval(found))
    picture = draw_results(found)
    for form in ("png", "pdf"):
        save_picture(picture, into.path / f"ablation{end}.{form}")
    if html:
        into.write(f"report{end}.html", report_page(found, trust))
    if warning := warning_of(found):
        warnings.warn(warning, stacklevel=3)
    return rows


def report_suffix(policy: str = "greedy", metric: str | None = None) -> str:
    """End of the names of the files of a report; empty for the default metric and policy.

    Args:
        policy: the evaluation that counts.
        metric: the metric that was asked for.
    """
    words = [metric or "", "" if policy == "greedy" else policy]
    return "".join(f"-{re.sub(r'[^A-Za-z0-9_.]', '_', word)}" for word in words if word)


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
) -> pd.DataFrame:
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
    tables = [pd.read_csv(run.path / "evaluation.csv", dtype={"name": str}) for run in made]
    return pd.concat(tables, ignore_index=True)
