"""Train a method in an environment on a graph; a run folder holds all that comes of it."""

from __future__ import annotations

import logging
import warnings
from contextlib import closing
from datetime import datetime
from pathlib import Path

import torch
from lightning.pytorch import Callback, LightningDataModule, LightningModule, Trainer

from graphmarl.data import Collector, RandomEpisodes
from graphmarl.experiment.callbacks import Bar, Recorder, Saver, StageSaver
from graphmarl.experiment.config import Config, Named
from graphmarl.learners import Learner, Stage
from graphmarl.results.run import Run, WholeCheckpoints, load_checkpoint
from graphmarl.step import Environment


def train(
    method: Named = "nvif_ppo",
    env: Named = "gather",
    graph: Named | None = None,
    steps: int = 80_000,
    seed: int = 0,
    name: str | None = None,
    runs: str = "runs",
    checkpoint_every: int = 5_000,
    device: str = "cpu",
    threads: int | None = None,
    progress: bool = True,
) -> Run:
    """Train from the beginning and return the run folder.

    A method, environment or graph is its name, or a mapping of `name` and options.

    Args:
        method: what learns; see `graphmarl methods`.
        env: where it learns; see `graphmarl envs`.
        graph: who hears whom; see `graphmarl graphs`. Without it the method's own.
        steps: environment transitions, counted over all copies, after which training ends.
        seed: seed of everything that is random.
        name: name of the run folder; made of method, environment and time without it.
        runs: where run folders are.
        checkpoint_every: transitions between checkpoints.
        device: where networks are.
        threads: of PyTorch; as it is set without it. One is best where cores are shared.
        progress: show a progress bar.

    Raises:
        ValueError: a name or value that is not allowed; says what is.
        FileExistsError: a run of that name exists.
    """
    whole = {"steps": steps, "checkpoint_every": checkpoint_every, "threads": threads}
    for what, value in whole.items():
        if value is not None and value < 1:
            raise ValueError(f"{what} is {value}; allowed are 1 and more")
    plan = Config(
        {
            "method": method,
            "env": env,
            "graph": graph,
            "steps": steps,
            "seed": seed,
            "checkpoint_every": checkpoint_every,
            "device": device,
            "threads": threads,
        }
    )
    if name is None:
        names = "-".join((plan.method, plan.env, plan.graph)).replace(":", "_")
        name = f"{names}-seed{seed}-{datetime.now():%Y%m%d-%H%M%S}"
    with torch.random.fork_rng(), closing(plan.environment()) as environment:
        learner = plan.learner(environment.spec)
        run = Run.create(Path(runs) / name, plan.config)
        return _train(run, plan, environment, learner, progress)


def resume(path: str | Path, steps: int | None = None, progress: bool = True) -> Run:
    """Go on with a run from its newest checkpoint, as if it had never stopped.

    Args:
        path: the run folder.
        steps: a new number of transitions after which training ends; schedules stretch with it.
        progress: show a progress bar.

    Raises:
        FileNotFoundError: the folder holds no run.
        CheckpointError: the newest checkpoint is damaged.
    """
    run = Run(path)
    plan = Config(run.config() | ({} if steps is None else {"steps": steps}))
    with torch.random.fork_rng(), closing(plan.environment()) as environment:
        learner = plan.learner(environment.spec)
        return _train(run, plan, environment, learner, progress)


def _train(run: Run, plan: Config, env: Environment, learner: Learner, progress: bool) -> Run:
    """Train the stages and the learner, from the newest checkpoint if there is one."""
    if plan.config["threads"] is not None:
        torch.set_num_threads(plan.config["threads"])
    saved = run.saved()
    for number, stage in enumerate(learner.stages()):
        if not saved:
            torch.manual_seed(plan.seed + 1_000 * (number + 1))
            _train_stage(stage, run, plan, progress)
        stage.requires_grad_(False)
    torch.manual_seed(plan.seed)
    steps, every, device = (plan.config[name] for name in ("steps", "checkpoint_every", "device"))
    collector = Collector(env, plan.builder(), learner, steps, learner.rollout_length, plan.seed)
    recorder = Recorder(run, collector)
    if not saved:
        recorder.clear()
    callbacks: list[Callback] = [recorder, Saver(run, collector, every)]
    if progress:
        callbacks.append(Bar(recorder))
    fit(learner, collector, callbacks, 1, run.last() if saved else None, device)
    return run


def _train_stage(stage: Stage, run: Run, plan: Config, progress: bool) -> None:
    """Train a stage, go on where it was interrupted, or load what was given."""
    if stage.given is not None:
        stage.load_state_dict(load_checkpoint(stage.given)["state_dict"])
        return
    path = run.checkpoints / f"{stage.name}.ckpt"
    with closing(plan.environment(num_envs=stage.copies)) as env:
        episodes = RandomEpisodes(env, plan.builder(), stage.episodes, plan.seed)
        episodes.setup("fit")
        stage.start(episodes.trajectories)
        callbacks: list[Callback] = [StageSaver(path)]
        if progress:
            callbacks.append(Bar())
        begun = path if path.exists() else None
        fit(stage, episodes, callbacks, stage.epochs, begun, plan.config["device"])


def fit(
    module: LightningModule,
    data: LightningDataModule,
    callbacks: list[Callback],
    epochs: int,
    checkpoint: Path | None,
    device: str,
) -> None:
    """Run Lightning's trainer, from a checkpoint if there is one."""
    kind, _, number = device.partition(":")
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    with warnings.catch_warnings():
        # Data is played here and now by one process, and saves and restores its own place.
        for harmless in ("does not have many workers", "`__len__` defined", "is not resumable"):
            warnings.filterwarnings("ignore", f".*{harmless}")
        warnings.filterwarnings("ignore", ".*treespec", FutureWarning)
        trainer = Trainer(
            accelerator=kind,
            devices=[int(number)] if number else 1,
            max_epochs=epochs,
            callbacks=callbacks,
            plugins=[WholeCheckpoints()],
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(
            module, datamodule=data, ckpt_path=checkpoint, weights_only=True if checkpoint else None
        )
