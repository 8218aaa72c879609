"""The runs of a grid: trained and evaluated here or in processes, and continued if interrupted."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import yaml
from lightning.pytorch import Callback

from graphmarl.checks import check_fields, checked
from graphmarl.experiment.config import Config, Mode
from graphmarl.experiment.evaluate import save_evaluation
from graphmarl.experiment.launcher import Job
from graphmarl.experiment.places import Place
from graphmarl.experiment.sweep import PARTS, Cell
from graphmarl.experiment.train import resume, train
from graphmarl.experiment.trust import check_trust, foreign_names
from graphmarl.ranges import (
    Device,
    FiniteFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    Threads,
)
from graphmarl.results.run import Run


@dataclass(frozen=True)
class Settings:
    """Settings that all runs of a grid share.

    Args:
        steps: environment steps of each run.
        episodes: number of episodes of each evaluation.
        checkpoint_every: environment steps between checkpoints.
        device: device of networks, replay and environments.
        threads: threads of PyTorch in each process; None leaves them unchanged.
        evaluate_every: environment steps between evaluations during training; 0 for none.
        monitor: metric of these evaluations by which the best checkpoint is kept.
        mode: whether a larger or a smaller value of it is better, `max` or `min`.
        target: end the training of a run when an evaluation reaches this value of it.
        hours: end the training of a run after so many hours.
        logger: `csv`, and `tensorboard`, `wandb` or `mlflow`, as in `csv,tensorboard`.
    """

    steps: PositiveInt = 80_000
    episodes: PositiveInt = 32
    checkpoint_every: PositiveInt = 5_000
    device: Device = "cpu"
    threads: Threads | None = 1
    evaluate_every: NonNegativeInt = 0
    monitor: str = "return"
    mode: Mode = "max"
    target: FiniteFloat | None = None
    hours: PositiveFloat | None = None
    logger: str = "csv"

    def __post_init__(self) -> None:
        check_fields(self)

    def options(self) -> dict[str, Any]:
        """The settings that `train` takes."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if name != "episodes"}


@dataclass(frozen=True)
class GridRun:
    """One run of a grid: a cell and a seed.

    Args:
        cell: method, environment and graph.
        seed: the seed.
        folder: holds the run folders.
        settings: settings of all runs.
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
        """Whether there is a run to resume."""
        return (self.path / "config.yaml").exists()

    @property
    def finished(self) -> bool:
        """Whether it was trained and evaluated."""
        return (self.path / "evaluation.csv").exists()

    def check(self) -> None:
        """Compare a run that has begun with this one.

        Raises:
            ValueError: the folder holds a run with other options.
        """
        if not self.begun:
            return
        wanted = self.cell.config(self.settings.steps, self.seed).config
        found = Run(self.path).config()
        if set(foreign_names(found)) - set(foreign_names(wanted)):
            check_trust(found, self.path)
        # An option that is newer than the run counts as having had its default.
        found = Config(found).config
        wanted = yaml.safe_load(yaml.safe_dump(wanted))
        for part in (*PARTS, "steps"):
            if found[part] != wanted[part]:
                raise ValueError(
                    f"{self.path} was made with {part} {found[part]}, not {wanted[part]}; "
                    "choose another name"
                )

    def words(self) -> list[str]:
        """The command that trains and evaluates it, or continues it."""
        rest = ["--progress", "false", "--evaluate", str(self.settings.episodes)]
        if self.begun:
            return ["train", "--resume", str(self.path), "--trust", "true", *rest]
        words = ["train"]
        for part in PARTS:
            words += [f"--{part}", str(getattr(self.cell, part))]
        for name, value in self.settings.options().items():
            words += [f"--{name}", str(value)]
        words += ["--seed", str(self.seed), "--name", self.path.name, "--runs", str(self.folder)]
        return words + rest

    def train_here(self, progress: bool) -> None:
        """Train and evaluate it in this process.

        Args:
            progress: show a progress bar.
        """
        save_evaluation(self.trained(progress), self.settings.episodes)

    def trained(self, progress: bool, callbacks: Sequence[Callback] = ()) -> Run:
        """Train it in this process, from its last checkpoint if it has begun.

        Args:
            progress: show a progress bar.
            callbacks: callbacks of Lightning.
        """
        if self.begun:
            return resume(self.path, callbacks=callbacks, progress=progress, trust=True)
        return train(
            self.cell.method,
            self.cell.env,
            self.cell.graph,
            seed=self.seed,
            name=self.path.name,
            runs=str(self.folder),
            callbacks=callbacks,
            progress=progress,
            **self.settings.options(),
        )


def runs_of(
    cells: Sequence[Cell], seeds: Sequence[int], folder: str | Path, settings: Settings
) -> list[GridRun]:
    """All runs of a grid, every cell with its first seed before any with its second.

    Args:
        cells: the cells.
        seeds: one run of each cell for each.
        folder: holds the run folders.
        settings: settings of all runs.

    Raises:
        ValueError: a run of that name was made with other options.
    """
    found = [GridRun(cell, seed, Path(folder), settings) for seed in seeds for cell in cells]
    for run in found:
        run.check()
    return found


@checked
def run_grid(
    runs: Sequence[GridRun],
    jobs: NonNegativeInt = 0,
    progress: bool = True,
    report: Callable[[str], Any] = print,
    place: Place | None = None,
) -> list[str]:
    """Train and evaluate the runs that are not finished; interrupted runs are continued.

    Args:
        runs: the runs of a grid.
        jobs: processes at a time, one for each run, whose output is in `log.txt` of its folder;
            0 trains in this process, one run after the other, and stops at an error, or on a
            cluster all at once.
        progress: show progress bars where there are no processes.
        report: called with a line when a run starts, finishes or fails.
        place: where they run; this machine without it.

    Returns:
        names of the runs that failed.

    Raises:
        ValueError: `jobs` is negative.
    """
    left = [run for run in runs if not run.finished]
    place = place or Place()
    if place.local and not jobs:
        for run in left:
            run.train_here(progress)
        return []
    work = [Job(run.path.name, run.words, run.path / "log.txt") for run in left]
    threads = max((run.settings.threads or 1 for run in left), default=1)
    folder = left[0].folder if left else Path()
    return [job.name for job in place.run(work, jobs, folder, threads, report)]


def commands(runs: Sequence[GridRun]) -> list[str]:
    """Commands that train and evaluate the runs that are not finished, and write the table.

    Args:
        runs: the runs of a grid.
    """
    lines = [run.words() for run in runs if not run.finished]
    lines += [["report", str(folder)] for folder in dict.fromkeys(run.folder for run in runs)]
    return [shlex.join(["graphmarl", *line]) for line in lines]
