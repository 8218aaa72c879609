"""Training: a method in an environment on an agent graph; everything is kept in a run folder."""

from __future__ import annotations

import logging
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from lightning.pytorch import Callback

from graphmarl.checks import checked
from graphmarl.experiment.allocator import keep_freed_memory
from graphmarl.experiment.config import Config, Devices, Mode, Named, Precision, Values, on_device
from graphmarl.experiment.finite import OnNaN
from graphmarl.experiment.fit_run import fit_run
from graphmarl.experiment.loggers import Loggers, logger_names
from graphmarl.experiment.parallel import processes
from graphmarl.experiment.presets import with_preset
from graphmarl.experiment.run_names import check_name, new_run
from graphmarl.experiment.trust import trusted_config
from graphmarl.functional.ranks import num_ranks
from graphmarl.ranges import (
    Copies,
    Device,
    FiniteFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    Seed,
    Threads,
)
from graphmarl.results.run import Run


@checked
def train(
    method: Named | None = None,
    env: Named | None = None,
    graph: Named | None = None,
    steps: PositiveInt | None = None,
    seed: Seed = 0,
    name: str | None = None,
    runs: str = "runs",
    checkpoint_every: PositiveInt = 5_000,
    device: Device = "cpu",
    devices: Devices = 1,
    strategy: Literal["auto", "ddp"] = "auto",
    precision: Precision = "32-true",
    compile: bool = False,
    threads: Threads | None = None,
    on_nan: OnNaN = "stop",
    evaluate_every: NonNegativeInt = 0,
    evaluate_episodes: Copies = 32,
    evaluate_greedy: bool = True,
    monitor: str = "return",
    mode: Mode = "max",
    target: FiniteFloat | None = None,
    hours: PositiveFloat | None = None,
    logger: Loggers = "csv",
    callbacks: Sequence[Callback] = (),
    progress: bool = True,
    preset: str | None = None,
) -> Run:
    """Train a method from scratch.

    Methods, environments and graphs are named, as in `knn`, with options as in `knn:k=3`, or as a
    mapping of `name` and options.

    Args:
        method: the method; see `graphmarl methods`. That of the preset or `nvif_ppo` without it.
        env: the environment; see `graphmarl envs`. That of the preset or `gather` without it.
        graph: the graph builder; see `graphmarl graphs`. That of the preset or the method's own
            without it.
        steps: environment steps of the run over all copies, rounded up to whole trajectories.
            Those of the preset or 80,000 without it.
        seed: seed of weights, episodes, actions, minibatches and random graphs.
        name: name of the run folder; made of method, environment, graph and time without it.
        runs: folder of the run folders.
        checkpoint_every: environment steps between checkpoints.
        device: where networks, replay and environment are, such as `cpu` or `cuda:0`. Engines of
            others, such as magent2 and Flatland, run on the CPU. A GPU adds up the messages to an
            agent in no fixed order, so a seed repeats a run on it only up to rounding.
        devices: number of devices of that kind, each with a process of its own: the environment
            copies, buffers, batches and minibatches are divided among them, and gradients averaged.
        strategy: how several devices train; `ddp`, data parallel, is the only way, also of `auto`.
        precision: `32-true`, or `bf16-mixed` for bfloat16 where PyTorch's autocast allows it.
        compile: compile the agent network by `torch.compile` after its first updates, which takes
            up to minutes; warns if they will not be won back within the run.
        threads: threads of PyTorch; unchanged without it. One is often fastest on shared cores.
        on_nan: what to do at a loss, gradient norm or parameter that is NaN or infinite: `stop`
            ends the run before anything of it is saved, `warn` warns once and goes on.
        evaluate_every: environment steps between evaluations during training, rounded up to whole
            trajectories, and one at the end; 0 for none. Writes `evaluations.csv`.
        evaluate_episodes: episodes of each, the same ones every time.
        evaluate_greedy: take the most likely or most valuable action; otherwise act as in training.
        monitor: metric of the evaluations by which the best checkpoint is kept, such as `return`,
            `length` or one of the environment.
        mode: whether a larger or a smaller value of it is better, `max` or `min`.
        target: end training when an evaluation reaches this value of it.
        hours: end training after so many hours, over all parts of a run that was interrupted.
        logger: `csv`, which every run has, and `tensorboard`, `wandb` or `mlflow`, as in
            `csv,tensorboard`; in Python also loggers of Lightning.
        callbacks: callbacks of Lightning for the training of the learner, not of its stages.
        progress: show a progress bar.
        preset: settings that are known to learn, `TASK/NAME`, or `TASK` where the method is named;
            see `graphmarl presets`. What is given beside it changes it.

    Raises:
        ValueError: a name or value that is not allowed; the message names what is.
        ImportError: the package of a logger is not installed; names the extra.
        FileExistsError: a run of that name exists and has a checkpoint.
        FloatingPointError: training became NaN or infinite; names what, when and what is kept.
        KeyboardInterrupt: after SIGINT, when a checkpoint has been saved.
        Terminated: a SystemExit after SIGTERM or SIGHUP, when a checkpoint has been saved.
    """
    # What a run keeps has the names of the arguments.
    given = dict(locals()) | {"logger": logger_names(logger)}
    given |= with_preset(preset, method, env, graph, steps)
    check_devices(devices, strategy, callbacks)
    config = Config({each: given[each] for each in ("method", "env", "graph", *Values._fields)})
    return _start(config, Path(runs), name, progress, callbacks, logger)


def _start(
    config: Config,
    runs: Path,
    name: str | None,
    progress: bool,
    callbacks: Sequence[Callback],
    logger: Loggers,
) -> Run:
    """Make the folder of a new run and train it."""
    if name is not None:
        check_name(name)
    with preserved(config.config["threads"]), closing(config.own_copies()) as environment:
        learner = config.learner(environment.spec)
        run = new_run(runs, name, config)
        with processes(run, config.config):
            if num_ranks() > 1:  # of which each has a part of the buffers
                learner = config.learner(environment.spec)
            return fit_run(run, config, environment, learner, progress, callbacks, logger)


@checked
def resume(
    path: str | Path | Run,
    steps: PositiveInt | None = None,
    hours: PositiveFloat | None = None,
    logger: Loggers | None = None,
    callbacks: Sequence[Callback] = (),
    progress: bool = True,
    trust: bool = False,
    lost_rows: bool = False,
    device: Device | None = None,
) -> Run:
    """Continue a run from its last checkpoint, with the result of an uninterrupted run.

    Args:
        path: the run folder.
        steps: a new number of environment steps, which the run keeps; schedules stretch with it.
        hours: a new number of hours, which the run keeps.
        logger: as in `train`; names are kept. Those of the run without it.
        callbacks: callbacks of Lightning, as in `train`.
        progress: show a progress bar.
        trust: import classes and functions from outside the library that the run names.
        lost_rows: go on although rows of `metrics.csv` or `timing.csv` are missing.
        device: another device, which the run keeps; its result is then another one.

    Raises:
        FileNotFoundError: the folder holds no run.
        CheckpointError: the last checkpoint is damaged or of another run.
        LockedError: another process trains the run.
        LostRowsError: rows are missing.
        ValueError: the run has as many steps already, or names code from outside the library.
    """
    run = path if isinstance(path, Run) else Run(path, trust)
    names = None if logger is None else logger_names(logger)
    given = {"steps": steps, "hours": hours, "logger": names}
    given = {name: value for name, value in given.items() if value is not None}
    begun = trusted_config(run, trust) | given
    config = Config(begun if device is None else on_device(begun, device))
    done = int(run.saved()[-1].stem.removeprefix("step_")) if run.saved() else 0
    if steps is not None and steps <= done:
        raise ValueError(f"steps is {steps}; {run.path} has {done:,} already, allowed are more")
    check_devices(config.config["devices"], "auto", callbacks)
    used = config.config["logger"] if logger is None else logger
    with (
        preserved(config.config["threads"]),
        closing(config.own_copies()) as environment,
        processes(run, config.config),
    ):
        learner = config.learner(environment.spec)
        return fit_run(run, config, environment, learner, progress, callbacks, used, lost_rows)


def train_as_rank(run: Run, config: Mapping[str, Any]) -> None:
    """Train as one of several processes, which is not the first.

    Args:
        run: the run folder.
        config: its configuration.
    """
    resolved = Config(config)
    with preserved(config["threads"]), closing(resolved.own_copies()) as environment:
        learner = resolved.learner(environment.spec)
        fit_run(run, resolved, environment, learner, False, (), "csv")


def check_devices(devices: int, strategy: str, callbacks: Sequence[Callback]) -> None:
    """Refuse what several devices cannot do.

    Args:
        devices: number of devices.
        strategy: how they train.
        callbacks: callbacks of the user.

    Raises:
        ValueError: a strategy for one device, or callbacks for several.
    """
    if devices == 1 and strategy != "auto":
        raise ValueError(f"strategy is {strategy!r}; it needs two devices or more, devices is 1")
    if devices > 1 and callbacks:
        raise ValueError(
            "callbacks are of this process only; allowed are none with several devices"
        )


@contextmanager
def preserved(threads: int | None) -> Iterator[None]:
    """Keep settings of the process: threads, random states and the level of Lightning's logger.

    Memory that is freed stays with the process, which makes training faster.

    Args:
        threads: threads of PyTorch inside the block; None leaves them unchanged.
    """
    keep_freed_memory()
    logger, before = logging.getLogger("lightning.pytorch"), torch.get_num_threads()
    level, state, numbers = logger.level, random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng():
            if threads is not None:
                torch.set_num_threads(threads)
            yield
    finally:
        torch.set_num_threads(before)
        logger.setLevel(level)
        random.setstate(state)
        np.random.set_state(numbers)
