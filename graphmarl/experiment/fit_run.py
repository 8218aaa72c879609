"""Training of a run: stages, learner and callbacks, from the last checkpoint."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import ExitStack, closing

import torch
from lightning.pytorch import Callback

from graphmarl.data import Collector, RandomEpisodes
from graphmarl.experiment.callbacks import ConfigWriter, MetricsWriter, Saver, StageSaver
from graphmarl.experiment.compilation import Compilation
from graphmarl.experiment.config import Config
from graphmarl.experiment.ending import Ending
from graphmarl.experiment.fitter import Fitter
from graphmarl.experiment.interrupts import Interrupts
from graphmarl.experiment.loggers import Loggers, opened_loggers
from graphmarl.experiment.periodic_evaluation import PeriodicEvaluation
from graphmarl.experiment.progress_bar import ProgressBar
from graphmarl.functional.ranks import broadcast, num_ranks, rank, rank_seed
from graphmarl.learners import Learner, Stage
from graphmarl.results.checkpoints import load_checkpoint, load_weights
from graphmarl.results.lock import RunLock
from graphmarl.results.run import Run
from graphmarl.step import Environment


def fit_run(
    run: Run,
    config: Config,
    env: Environment,
    learner: Learner,
    progress: bool,
    callbacks: Sequence[Callback],
    logger: Loggers,
    lost_rows: bool = False,
) -> Run:
    """Train the stages and the learner of a run, from the last checkpoint if there is one.

    Args:
        run: the run folder.
        config: its configuration.
        env: the environment copies of this process.
        learner: the learner.
        progress: show a progress bar.
        callbacks: callbacks of the user.
        logger: loggers, as in `train`.
        lost_rows: whether rows of the tables may be missing.
    """
    with Interrupts() as interrupts, ExitStack() as opened:
        if rank() == 0:
            opened.enter_context(RunLock(run.path))
        saved = run.saved()
        env.compile_for(config.config["steps"] // (env.num_envs * num_ranks()))
        done = int(saved[-1].stem.removeprefix("step_")) if saved else 0
        # Only the first process has loggers besides the tables.
        loggers = opened.enter_context(opened_loggers("csv" if rank() else logger, run, done))
        fitter = Fitter(run, config, env.spec, interrupts, progress, loggers)
        _train_stages(learner, fitter, begun=bool(saved))
        seed, steps, length = rank_seed(config.seed), config.config["steps"], learner.rollout_length
        torch.manual_seed(seed)
        collector = Collector(env, config.builder(), learner, steps, length, seed)
        writer = MetricsWriter(run, collector, lost_rows)
        evaluations = _evaluations(fitter, learner, collector, opened, lost_rows)
        for each in () if saved else (writer, *evaluations):
            each.clear()
        saver = Saver(run, collector, config.config["checkpoint_every"], interrupts)
        ending, keeper = Ending(run, config, collector), ConfigWriter(run, config.config)
        compilation = [Compilation(learner, collector)] if config.config["compile"] else []
        everything = [*compilation, writer, *callbacks, *evaluations, ending, saver, keeper]
        # Trajectories between evaluations.
        every = math.ceil(config.config["evaluate_every"] / (num_ranks() * env.num_envs * length))
        bar, last = ProgressBar(writer), run.last_or_none()
        fitter.fit(learner, collector, everything, bar, 1, last, every)
    return run


def _evaluations(
    fitter: Fitter, learner: Learner, collector: Collector, opened: ExitStack, lost_rows: bool
) -> list[PeriodicEvaluation]:
    """The evaluation during training, if there is one, with environments of its own."""
    run, config = fitter.run, fitter.config
    if not config.config["evaluate_every"]:
        return []
    if rank():
        return [PeriodicEvaluation(run, config, None, learner, collector, lost_rows)]
    copies = config.config["evaluate_episodes"]
    env = opened.enter_context(closing(config.environment(num_envs=copies)))
    evaluation = PeriodicEvaluation(run, config, env, learner, collector, lost_rows)
    collector.evaluate = evaluation.play
    return [evaluation]


def _train_stages(learner: Learner, fitter: Fitter, begun: bool) -> None:
    """Train all stages, unless the checkpoint of the learner has their weights; freeze them."""
    for number, stage in enumerate(learner.stages()):
        if not begun:
            torch.manual_seed(fitter.config.seed + 1_000 * (number + 1))
            _train_stage(stage, fitter)
        stage.requires_grad_(False)


def _train_stage(stage: Stage, fitter: Fitter) -> None:
    """Train a stage, continue an interrupted one, or load the checkpoint that was given."""
    if stage.given is not None:
        load_weights(stage, stage.given, load_checkpoint(stage.given))
        return
    config, path = fitter.config, fitter.run.checkpoints / f"{stage.name}.ckpt"
    if rank():  # the first process trains it for all
        broadcast(None)
        load_weights(stage, path, load_checkpoint(path))
        return
    with closing(config.environment(num_envs=stage.copies)) as env:
        episodes = RandomEpisodes(env, config.builder(), stage.episodes, config.seed)
        episodes.setup("fit")
        stage.start(episodes.trajectories)
        saver = StageSaver(path, fitter.interrupts)
        begun = path if path.exists() else None
        fitter.fit(stage, episodes, [saver], ProgressBar(), stage.epochs, begun)
    broadcast(None)
