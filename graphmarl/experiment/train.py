"""Training: a method in an environment on an agent graph; everything is kept in a run folder."""

from __future__ import annotations

import logging
import warnings
from contextlib import closing
from datetime import datetime
from pathlib import Path

import torch
from lightning.pytorch import Callback, LightningDataModule, LightningModule, Trainer

from graphmarl.checks import checked
from graphmarl.data import Collector, RandomEpisodes
from graphmarl.experiment.callbacks import MetricsWriter, ProgressBar, Saver, StageSaver
from graphmarl.experiment.config import Config, Named
from graphmarl.learners import Learner, Stage
from graphmarl.ranges import PositiveInt, Seed, Threads
from graphmarl.results.checkpoints import WholeCheckpoints, load_checkpoint
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
    device: str = "cpu",
    threads: Threads | None = None,
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
        progress: show a progress bar.

    Raises:
        ValueError: a name or value that is not allowed; the message names what is.
        FileExistsError: a run of that name exists.
    """
    check_device(device)
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
        }
    )
    if name is None:
        names = "-".join((config.method, config.env, config.graph)).replace(":", "_")
        name = f"{names}-seed{seed}-{datetime.now():%Y%m%d-%H%M%S}"
    with torch.random.fork_rng(), closing(config.environment()) as environment:
        learner = config.learner(environment.spec)
        run = Run.create(Path(runs) / name, config.config)
        return _train(run, config, environment, learner, progress)


@checked
def resume(path: str | Path, steps: PositiveInt | None = None, progress: bool = True) -> Run:
    """Continue a run from its last checkpoint, with the result of an uninterrupted run.

    Args:
        path: the run folder.
        steps: a new number of environment steps; schedules stretch with it.
        progress: show a progress bar.

    Raises:
        FileNotFoundError: the folder holds no run.
        CheckpointError: the last checkpoint is damaged.
    """
    run = Run(path)
    config = Config(run.config() | ({} if steps is None else {"steps": steps}))
    with torch.random.fork_rng(), closing(config.environment()) as environment:
        learner = config.learner(environment.spec)
        return _train(run, config, environment, learner, progress)


def check_device(device: str) -> None:
    """Refuse a device that this machine does not have.

    Args:
        device: its name.

    Raises:
        ValueError: says what came and what is allowed.
    """
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    found = ["cpu", *(["cuda"] if count else []), *(f"cuda:{i}" for i in range(count))]
    if device not in found:
        raise ValueError(f"device is {device!r}; this machine has {', '.join(found)}")


def _train(run: Run, config: Config, env: Environment, learner: Learner, progress: bool) -> Run:
    """Train the stages and the learner, from the last checkpoint if there is one."""
    if config.config["threads"] is not None:
        torch.set_num_threads(config.config["threads"])
    saved = run.saved()
    for number, stage in enumerate(learner.stages()):
        if not saved:
            torch.manual_seed(config.seed + 1_000 * (number + 1))
            _train_stage(stage, run, config, progress)
        stage.requires_grad_(False)
    torch.manual_seed(config.seed)
    steps, every, device = (config.config[name] for name in ("steps", "checkpoint_every", "device"))
    builder, length = config.builder(), learner.rollout_length
    collector = Collector(env, builder, learner, steps, length, config.seed)
    writer = MetricsWriter(run, collector)
    if not saved:
        writer.clear()
    callbacks: list[Callback] = [writer, Saver(run, collector, every)]
    if progress:
        callbacks.append(ProgressBar(writer))
    fit(learner, collector, callbacks, 1, run.last() if saved else None, device)
    return run


def _train_stage(stage: Stage, run: Run, config: Config, progress: bool) -> None:
    """Train a stage, continue an interrupted one, or load the checkpoint that was given."""
    if stage.given is not None:
        stage.load_state_dict(load_checkpoint(stage.given)["state_dict"])
        return
    path = run.checkpoints / f"{stage.name}.ckpt"
    with closing(config.environment(num_envs=stage.copies)) as env:
        episodes = RandomEpisodes(env, config.builder(), stage.episodes, config.seed)
        episodes.setup("fit")
        stage.start(episodes.trajectories)
        callbacks: list[Callback] = [StageSaver(path)]
        if progress:
            callbacks.append(ProgressBar())
        begun = path if path.exists() else None
        fit(stage, episodes, callbacks, stage.epochs, begun, config.config["device"])


def fit(
    module: LightningModule,
    data: LightningDataModule,
    callbacks: list[Callback],
    epochs: int,
    checkpoint: Path | None,
    device: str,
) -> None:
    """Run Lightning's trainer.

    Args:
        module: learner or stage.
        data: its data.
        callbacks: callbacks of the trainer.
        epochs: passes over the data.
        checkpoint: where to continue; None starts from scratch.
        device: device of the networks.
    """
    kind, _, number = device.partition(":")
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    with warnings.catch_warnings():
        # Data is collected by this process, and saves and restores its own position.
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
