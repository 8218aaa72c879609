"""Training: a method in an environment on an agent graph; everything is kept in a run folder."""

from __future__ import annotations

import logging
import math
import random
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import numpy as np
import torch
from lightning.pytorch import Callback

from graphmarl.checks import checked
from graphmarl.data import Collector, RandomEpisodes
from graphmarl.experiment.callbacks import ConfigWriter, MetricsWriter, Saver, StageSaver
from graphmarl.experiment.config import Config, Mode, Named, Values
from graphmarl.experiment.ending import Ending
from graphmarl.experiment.finite import OnNaN
from graphmarl.experiment.fitter import Fitter
from graphmarl.experiment.interrupts import Interrupts
from graphmarl.experiment.loggers import Loggers, logger_names, opened_loggers
from graphmarl.experiment.periodic_evaluation import PeriodicEvaluation
from graphmarl.experiment.progress_bar import ProgressBar
from graphmarl.experiment.run_names import check_name, new_run
from graphmarl.experiment.trust import trusted_config
from graphmarl.learners import Learner, Stage
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
from graphmarl.results.checkpoints import load_checkpoint, load_weights
from graphmarl.results.lock import RunLock
from graphmarl.results.run import Run
from graphmarl.step import Environment


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
        device: device of the networks, such as `cpu` or `cuda:0`.
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
    config = Config({each: given[each] for each in ("method", "env", "graph", *Values._fields)})
    if name is not None:
        check_name(name)
    with preserved(threads), closing(config.environment()) as environment:
        learner = config.learner(environment.spec)
        run = new_run(Path(runs), name, config)
        return _train(run, config, environment, learner, progress, callbacks, logger)


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
    config = Config(trusted_config(run, trust) | given)
    done = int(run.saved()[-1].stem.removeprefix("step_")) if run.saved() else 0
    if steps is not None and steps <= done:
        raise ValueError(f"steps is {steps}; {run.path} has {done:,} already, allowed are more")
    with preserved(config.config["threads"]), closing(config.environment()) as environment:
        learner = config.learner(environment.spec)
        used = config.config["logger"] if logger is None else logger
        return _train(run, config, environment, learner, progress, callbacks, used, lost_rows)


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
    callbacks: Sequence[Callback],
    logger: Loggers,
    lost_rows: bool = False,
) -> Run:
    """Train the stages and the learner, from the last checkpoint if there is one."""
    with RunLock(run.path), Interrupts() as interrupts, ExitStack() as opened:
        saved = run.saved()
        done = int(saved[-1].stem.removeprefix("step_")) if saved else 0
        loggers = opened.enter_context(opened_loggers(logger, run, done))
        fitter = Fitter(run, config, env.spec, interrupts, progress, loggers)
        for number, stage in enumerate(learner.stages()):
            if not saved:
                torch.manual_seed(config.seed + 1_000 * (number + 1))
                _train_stage(stage, fitter)
            stage.requires_grad_(False)
        torch.manual_seed(config.seed)
        steps, length = config.config["steps"], learner.rollout_length
        collector = Collector(env, config.builder(), learner, steps, length, config.seed)
        writer = MetricsWriter(run, collector, lost_rows)
        evaluations = _evaluations(fitter, learner, collector, opened, lost_rows)
        if not saved:
            for each in (writer, *evaluations):
                each.clear()
        saver = Saver(run, collector, config.config["checkpoint_every"], interrupts)
        ending, keeper = Ending(run, config, collector), ConfigWriter(run, config.config)
        everything = [writer, *callbacks, *evaluations, ending, saver, keeper]
        interval = math.ceil(config.config["evaluate_every"] / (env.num_envs * length))
        bar, last = ProgressBar(writer), run.last_or_none()
        fitter.fit(learner, collector, everything, bar, 1, last, interval)
    return run


def _evaluations(
    fitter: Fitter, learner: Learner, collector: Collector, opened: ExitStack, lost_rows: bool
) -> list[PeriodicEvaluation]:
    """The evaluation during training, if there is one, with environments of its own."""
    run, config = fitter.run, fitter.config
    if not config.config["evaluate_every"]:
        return []
    copies = config.config["evaluate_episodes"]
    env = opened.enter_context(closing(config.environment(num_envs=copies)))
    evaluation = PeriodicEvaluation(run, config, env, learner, collector, lost_rows)
    collector.evaluate = evaluation.play
    return [evaluation]


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
