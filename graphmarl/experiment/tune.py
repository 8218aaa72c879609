"""Hyperparameter search by Optuna over any typed option of a method, environment and graph."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from graphmarl.checks import checked
from graphmarl.experiment.config import Mode
from graphmarl.experiment.launcher import Job
from graphmarl.experiment.places import Place
from graphmarl.experiment.repeat import word_of
from graphmarl.experiment.study import Pruner, optuna_package
from graphmarl.experiment.tuner import Search, Tuner
from graphmarl.ranges import (
    Copies,
    Device,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    Seed,
    Threads,
)


@checked
def tune(
    name: str,
    method: str,
    env: str,
    graph: str | None = None,
    vary: Sequence[str] = (),
    trials: PositiveInt = 25,
    seeds: PositiveInt = 1,
    steps: PositiveInt = 80_000,
    episodes: Copies = 32,
    metric: str = "return",
    mode: Mode = "max",
    pruner: Pruner = "median",
    seed: Seed = 0,
    hours: PositiveFloat | None = None,
    jobs: NonNegativeInt = 0,
    runs: str = "runs",
    checkpoint_every: PositiveInt = 5_000,
    evaluate_every: NonNegativeInt = 0,
    device: Device = "cpu",
    threads: Threads | None = 1,
    progress: bool = True,
    on: str = "local",
    cpus: PositiveInt | None = None,
    gpus: NonNegativeInt | None = None,
    slurm: Sequence[str] = (),
) -> pd.DataFrame:
    """Search options of a method, an environment and a graph by Optuna.

    Each trial trains with values of a tree-structured Parzen estimator and is evaluated on new
    episodes; the mean over its seeds counts. The same call again continues interrupted trials from
    their checkpoints; with more `trials` it goes on. With several processes on one folder, also of
    several machines, each trial is made by one. Writes `trials.csv`, and `best.yaml` for
    `graphmarl train --config`.

    Args:
        name: name of the folder of all trials.
        method: the method, with options as in `dgn:layers=1`.
        env: the environment, with options.
        graph: the graph builder, with options; the method's own without it.
        vary: `part.option=low..high`, with `:log` for a logarithmic scale, or
            `part.option=value,value`, for an option of a `method`, `env` or `graph`.
        trials: number of trials.
        seeds: runs of each trial, with seeds from 1000.
        steps: environment steps of each run.
        episodes: number of episodes of each evaluation.
        metric: `return`, `length` or a metric of the environment.
        mode: whether a larger or a smaller value of it is better, `max` or `min`.
        pruner: trials that are ended early by the training return of their first run: `median` of
            the others at the same step, `hyperband` or `none`.
        seed: seed of the values that are tried.
        hours: begin no trial after so many hours.
        jobs: processes at a time, with output in `worker0.txt`; 0 trains in this process.
        runs: where the folder is.
        checkpoint_every: environment steps between checkpoints.
        evaluate_every: environment steps between evaluations during training, of which the best
            checkpoint is then the one that counts; 0 for the last checkpoint.
        device: device of networks, replay and environments.
        threads: threads of PyTorch in each process; None leaves them unchanged.
        progress: show progress bars where there are no processes.
        on: `local` for this machine, `ray` or `ray:ADDRESS` for a Ray cluster, or `slurm`, with
            `jobs` workers; the machines share the folder.
        cpus: cores of each worker on a cluster; one without it.
        gpus: GPUs of each worker on a cluster; none without it.
        slurm: options of sbatch as submitit names them, as in `partition=gpu` and `time=60`.

    Returns:
        the trials, one in a row, as `trials.csv` has them.

    Raises:
        ValueError: a name, range or value that is not allowed, or the name of another search.
        ImportError: Optuna, or the package of a cluster, is not installed; names the extra.
        RuntimeError: no trial was completed.
    """
    given: dict[str, Any] = dict(locals()) | {"vary": tuple(vary)}
    place = Place(on, cpus, gpus, slurm)
    if not (jobs or place.local):
        raise ValueError(f"jobs is 0; on {on} it is the number of workers, from 1")
    optuna_package()
    search = Search(**{each: given[each] for each in Search.__dataclass_fields__})
    tuner = run_search(search, Path(runs) / name, trials, hours, jobs, place, progress)
    return tuner.result()


def run_search(
    search: Search,
    folder: Path,
    trials: int,
    hours: float | None = None,
    jobs: int = 0,
    place: Place | None = None,
    progress: bool = True,
) -> Tuner:
    """Make the trials of a search that are not made yet.

    Args:
        search: the search.
        folder: its folder.
        trials: number of trials.
        hours: begin no trial after so many hours.
        jobs: processes at a time; 0 trains in this process.
        place: where they run; this machine without it.
        progress: show progress bars where there are no processes.

    Raises:
        ValueError: a name, range or value that is not allowed, or the folder of another search.
        RuntimeError: a process has failed; names the file that says why.
    """
    place = place or Place()
    space = search.space()
    search.keep(folder, space)
    tuner = Tuner(search, space, folder)
    if jobs <= 1 and place.local:
        tuner.work(trials, hours, progress)
        return tuner
    given: dict[str, Any] = {"name": folder.name, "runs": str(folder.parent), "trials": trials}
    given |= vars(search) | {"hours": hours, "jobs": 0, "progress": False}
    work = [Job(f"worker{i}", tune_words(given), folder / f"worker{i}.txt") for i in range(jobs)]
    if failed := place.run(work, jobs, folder, search.threads or 1):
        raise RuntimeError(f"{failed[0].name} of {folder} failed; see {failed[0].log}")
    return tuner


def tune_words(given: dict[str, Any]) -> list[str]:
    """The command of a call of `tune`, after `graphmarl`.

    Args:
        given: its arguments.
    """
    words = ["tune"]
    for name, value in given.items():
        if isinstance(value, (list, tuple)):
            words += [f"--{name}", *map(str, value)]
        elif value is not None or name == "threads":
            words += [f"--{name}", word_of(value)]
    return words
