"""Grids of runs over several seeds, evaluated alike, in one table and one picture."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

import yaml

from graphmarl.experiment.config import Config, Named
from graphmarl.experiment.evaluate import score
from graphmarl.experiment.launcher import Job, run_jobs
from graphmarl.experiment.sweep import PARTS, Cell
from graphmarl.experiment.train import resume, train
from graphmarl.results.plots import draw_results, save_picture
from graphmarl.results.run import Run
from graphmarl.results.tables import read_results, read_rows, table


@dataclass(frozen=True)
class Settings:
    """What all runs of a grid have in common.

    Args:
        steps: environment transitions of each run.
        episodes: fresh episodes of each evaluation.
        checkpoint_every: transitions between checkpoints.
        device: where networks are.
        threads: of PyTorch, in each process; None leaves it as it is set.
    """

    steps: int = 80_000
    episodes: int = 32
    checkpoint_every: int = 5_000
    device: str = "cpu"
    threads: int | None = 1

    def __post_init__(self) -> None:
        for name in ("steps", "episodes", "checkpoint_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; allowed are 1 and more")

    def options(self) -> dict[str, Any]:
        """Those that `train` takes."""
        told = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in told.items() if name != "episodes"}


@dataclass(frozen=True)
class GridRun:
    """One run of a grid: a cell and a seed.

    Args:
        cell: what is run.
        seed: its seed.
        folder: holds the run folders.
        settings: what all runs have in common.
    """

    cell: Cell
    seed: int
    folder: Path
    settings: Settings

    @property
    def path(self) -> Path:
        """The run folder."""
        return self.folder / f"{self.cell.name}-seed{self.seed}"

    @property
    def begun(self) -> bool:
        """Whether there is something to resume."""
        return (self.path / "config.yaml").exists()

    @property
    def finished(self) -> bool:
        """Whether it was trained and evaluated."""
        return (self.path / "evaluation.csv").exists()

    def check(self) -> None:
        """Compare what has begun with what is asked for.

        Raises:
            ValueError: the folder holds a run with other options.
        """
        if not self.begun:
            return
        # What has got a new option since counts as having had its default.
        had = Config(Run(self.path).config()).config
        wants = self.cell.plan(self.settings.steps, self.seed).config
        wants = yaml.safe_load(yaml.safe_dump(wants))
        for part in (*PARTS, "steps"):
            if had[part] != wants[part]:
                raise ValueError(
                    f"{self.path} was made with {part} {had[part]}, not {wants[part]}; "
                    "choose another name"
                )

    def words(self) -> list[str]:
        """The command that trains and evaluates it, or goes on with it."""
        rest = ["--progress", "false", "--evaluate", str(self.settings.episodes)]
        if self.begun:
            return ["train", "--resume", str(self.path), *rest]
        words = ["train"]
        for part in PARTS:
            words += [f"--{part}", str(getattr(self.cell, part))]
        for name, value in self.settings.options().items():
            words += [f"--{name}", str(value)]
        words += ["--seed", str(self.seed), "--name", self.path.name, "--runs", str(self.folder)]
        return words + rest

    def train_here(self, progress: bool) -> None:
        """Train and evaluate it in this process."""
        if self.begun:
            run = resume(self.path, progress=progress)
        else:
            run = train(
                self.cell.method,
                self.cell.env,
                self.cell.graph,
                seed=self.seed,
                name=self.path.name,
                runs=str(self.folder),
                progress=progress,
                **self.settings.options(),
            )
        score(run, self.settings.episodes)


def runs_of(
    cells: Sequence[Cell], seeds: Sequence[int], folder: str | Path, settings: Settings
) -> list[GridRun]:
    """All runs of a grid, every cell with its first seed before any with its second.

    Raises:
        ValueError: a run of that name was made with other options.
    """
    found = [GridRun(cell, seed, Path(folder), settings) for seed in seeds for cell in cells]
    for run in found:
        run.check()
    return found


def run_grid(
    runs: Sequence[GridRun],
    jobs: int = 0,
    progress: bool = True,
    tell: Callable[[str], Any] = print,
) -> list[str]:
    """Train and evaluate what is not finished, and go on where something was interrupted.

    Args:
        runs: the runs of a grid.
        jobs: processes at a time, one for each run; what it says is in `log.txt` of its folder.
            0 trains in this process, one after the other, and an error ends it.
        progress: without processes, show progress bars.
        tell: is told what begins, ends and fails.

    Returns:
        names of the runs that failed.

    Raises:
        ValueError: `jobs` is negative.
    """
    if jobs < 0:
        raise ValueError(f"jobs is {jobs}; allowed are 0 and more")
    left = [run for run in runs if not run.finished]
    if not jobs:
        for run in left:
            run.train_here(progress)
        return []
    work = [Job(run.path.name, run.words(), run.path / "log.txt") for run in left]
    threads = max((run.settings.threads or 1 for run in left), default=1)
    return [job.name for job in run_jobs(work, jobs, threads, tell)]


def commands(runs: Sequence[GridRun]) -> list[str]:
    """The lines that train and evaluate what is not finished, and one that makes the table."""
    lines = [run.words() for run in runs if not run.finished]
    lines += [["report", str(folder)] for folder in dict.fromkeys(run.folder for run in runs)]
    return [shlex.join(["graphmarl", *line]) for line in lines]


def write_report(
    folder: str | Path,
    policy: Literal["greedy", "stochastic"] = "greedy",
    measure: str | None = None,
) -> list[dict[str, str]]:
    """Write `table.csv` and `ablation.png` from the run folders; returns the table.

    Returns are those of `evaluation.csv`: `team_return` where the environment has such a metric,
    which is then a return of its own, and the sum of the agents' rewards elsewhere.

    Args:
        folder: the folder of an ablation.
        policy: evaluated with the best action, or as in training.
        measure: another metric of an episode that is to be compared.

    Raises:
        FileNotFoundError: the folder holds no runs.
        ValueError: there is no such policy or metric.
    """
    if policy not in ("greedy", "stochastic"):
        raise ValueError(f"policy is {policy!r}; allowed are 'greedy' and 'stochastic'")
    cells = read_results(folder, policy, measure)
    rows = table(cells)
    Run(folder).write_rows("table.csv", rows)
    save_picture(draw_results(cells)[0], Path(folder) / "ablation.png")
    return rows


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

    A grid of one cell, trained in this process; returns the lines of `evaluation.csv` of its runs.

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
    settings = Settings(steps, episodes, threads=None)
    made = runs_of([Cell(name, method, env, graph)], seeds, runs, settings)
    run_grid(made, progress=progress)
    return [row for run in made for row in read_rows(run.path / "evaluation.csv")]
