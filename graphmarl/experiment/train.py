"""Training: a method in an environment on an agent graph; everything is kept in a run folder."""

from __future__ import annotations

import logging
import random
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from itertools import count
from pathlib import Path

import numpy as np
import torch

from graphmarl.checks import checked
from graphmarl.data import Collector, RandomEpisodes
from graphmarl.experiment.callbacks import (
    ConfigWriter,
    MetricsWriter,
    ProgressBar,
    Saver,
    StageSaver,
)
from graphmarl.experiment.config import Config, Named, on_device
from graphmarl.experiment.finite import OnNaN
from graphmarl.experiment.fitter import Fitter
from graphmarl.experiment.interrupts import Interrupts
from graphmarl.experiment.trust import trusted_config
from graphmarl.learners import Learner, Stage
from graphmarl.ranges import Device, PositiveInt, Seed, Threads
from graphmarl.results.checkpoints import load_checkpoint, load_weights
from graphmarl.results.lock import RunLock
from graphmarl.results.run import Run
from graphmarl.step import Environment
from graphmarl.texts import shown


@checked
def train(
    method: Named = "nvif_ppo",
    env: Named = "gather",
    graph: Named | None = None,
    steps: PositiveInt = 80_000,
    seed: Seed = 0,
    name: str | None = None,
    runs: str = "runs",
    checkpoint_every: PositiveInt = 5_000,
    device: Device = "cpu",
    threads: Threads | None = None,
    on_nan: OnNaN = "stop",
    progress: bool = True,
) -> Run:
    """Train a method from scratch.

    Methods, environments and graphs are named, as in `knn`, with options as in `knn:k=3`, or as a
    mapping of `name` and options.

    Args:
        method: the method; see `graphmarl methods`.
        env: the environment; see `graphmarl envs`.
        graph: the graph builder; see `graphmarl graphs`. The method's own without it.
        steps: environment steps of the run over all copies, rounded up to whole trajectories.
        seed: seed of weights, episodes, actions, minibatches and random graphs.
        name: name of the run folder; made of method, environment, graph and time without it.
        runs: folder of the run folders.
        checkpoint_every: environment steps between checkpoints.
        device: where networks, replay and environment are, such as `cpu` or `cuda:0`. Engines of
            others, such as magent2 and Flatland, run on the CPU. A GPU adds up the messages to an
            agent in no fixed order, so a seed repeats a run on it only up to rounding.
        threads: threads of PyTorch; unchanged without it. One is often fastest on shared cores.
        on_nan: what to do at a loss, gradient norm or parameter that is NaN or infinite: `stop`
            ends the run before anything of it is saved, `warn` warns once and goes on.
        progress: show a progress bar.

    Raises:
        ValueError: a name or value that is not allowed; the message names what is.
        FileExistsError: a run of that name exists and has a checkpoint.
        FloatingPointError: training became NaN or infinite; names what, when and what is kept.
        KeyboardInterrupt: after SIGINT, when a checkpoint has been saved.
        Terminated: a SystemExit after SIGTERM or SIGHUP, when a checkpoint has been saved.
    """
    config = Config(
        {
            "method": method,
            "env": env,
            "graph": graph,
            "steps": steps,
            "seed": seed,
            "checkpoint_every": checkpoint_every,
            "device": device,
            "threads": threads,
            "on_nan": on_nan,
        }
    )
    if name is not None:
        check_name(name)
    with preserved(threads), closing(config.environment()) as environment:
        learner = config.learner(environment.spec)
        run = _new_run(Path(runs), name, config)
        return _train(run, config, environment, learner, progress)


@checked
def resume(
    path: str | Path | Run,
    steps: PositiveInt | None = None,
    progress: bool = True,
    trust: bool = False,
    lost_rows: bool = False,
    device: Device | None = None,
) -> Run:
    """Continue a run from its last checkpoint, with the result of an uninterrupted run.

    Args:
        path: the run folder.
        steps: a new number of environment steps, which the run keeps; schedules stretch with it.
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
    begun = trusted_config(run, trust) | ({} if steps is None else {"steps": steps})
    config = Config(begun if device is None else on_device(begun, device))
    done = int(run.saved()[-1].stem.removeprefix("step_")) if run.saved() else 0
    if steps is not None and steps <= done:
        raise ValueError(f"steps is {steps}; {run.path} has {done:,} already, allowed are more")
    with preserved(config.config["threads"]), closing(config.environment()) as environment:
        learner = config.learner(environment.spec)
        return _train(run, config, environment, learner, progress, lost_rows)


def check_name(name: str) -> None:
    """Refuse a name of a run that is no plain name of a folder.

    Args:
        name: the name.

    Raises:
        ValueError: says what came and what is allowed.
    """
    plain = name.isprintable() and Path(name).name == name and name not in ("", ".", "..")
    if not plain or "\\" in name or len(name.encode()) > 200:
        raise ValueError(f"name is {shown(name)}; allowed are names of a folder, up to 200 bytes")


def _new_run(runs: Path, name: str | None, config: Config) -> Run:
    """The folder of a new run; one that is named by the time gets a number if it is taken."""
    if name is not None:
        return Run.create(runs / name, config.config)
    parts = "-".join((config.method, config.env, config.graph))
    base = re.sub(r"[^\w.=+-]", "_", parts)[:120]
    base = f"{base}-seed{config.seed}-{datetime.now():%Y%m%d-%H%M%S}"
    for number in count(1):
        path = runs / (base if number == 1 else f"{base}-{number}")
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            continue
        return Run.create(path, config.config)
    raise AssertionError("there are more numbers")


@contextmanager
def preserved(threads: int | None) -> Iterator[None]:
    """Keep settings of the process: threads, random states and the level of Lightning's logger.

    Args:
        threads: threads of PyTorch inside the block; None leaves them unchanged.
    """
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


def _train(
    run: Run,
    config: Config,
    env: Environment,
    learner: Learner,
    progress: bool,
    lost_rows: bool = False,
) -> Run:
    """Train the stages and the learner, from the last checkpoint if there is one."""
    with RunLock(run.path), Interrupts() as interrupts:
        fitter = Fitter(run, config, env.spec, interrupts, progress)
        saved = run.saved()
        for number, stage in enumerate(learner.stages()):
            if not saved:
                torch.manual_seed(config.seed + 1_000 * (number + 1))
                _train_stage(stage, fitter)
            stage.requires_grad_(False)
        torch.manual_seed(config.seed)
        steps, every = config.config["steps"], config.config["checkpoint_every"]
        builder, length = config.builder(), learner.rollout_length
        collector = Collector(env, builder, learner, steps, length, config.seed)
        writer = MetricsWriter(run, collector, lost_rows)
        keeper = ConfigWriter(run, config.config)
        if not saved:
            writer.clear()
        saver = Saver(run, collector, every, interrupts)
        callbacks, bar = [writer, saver, keeper], ProgressBar(writer)
        fitter.fit(learner, collector, callbacks, bar, 1, run.last_or_none())
    return run


def _train_stage(stage: Stage, fitter: Fitter) -> None:
    """Train a stage, continue an interrupted one, or load the checkpoint that was given."""
    if stage.given is not None:
        load_weights(stage, stage.given, load_checkpoint(stage.given))
        return
    config, path = fitter.config, fitter.run.checkpoints / f"{stage.name}.ckpt"
    with closing(config.environment(num_envs=stage.copies)) as env:
        episodes = RandomEpisodes(env, config.builder(), stage.episodes, config.seed)
        episodes.setup("fit")
        stage.start(episodes.trajectories)
        saver = StageSaver(path, fitter.interrupts)
        begun = path if path.exists() else None
        fitter.fit(stage, episodes, [saver], ProgressBar(), stage.epochs, begun)
