"""Train a method in an environment on a graph; a run folder holds all that comes of it."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningDataModule, LightningModule, Trainer

from graphmarl.callbacks import Bar, Recorder, Saver, StageSaver
from graphmarl.data import Collector, RandomEpisodes
from graphmarl.envs import ENVS
from graphmarl.graphs import GraphBuilder, make_graph
from graphmarl.learners import Learner, Stage
from graphmarl.methods import METHODS
from graphmarl.naming import construct, lookup, split_name
from graphmarl.run import Run, WholeCheckpoints, load_checkpoint
from graphmarl.step import Environment, Spec

Named = str | Mapping[str, Any]


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
        progress: show a progress bar.

    Raises:
        ValueError: a name or value that is not allowed; says what is.
        FileExistsError: a run of that name exists.
    """
    config = {
        "method": method if isinstance(method, str) else dict(method),
        "env": env if isinstance(env, str) else dict(env),
        "graph": graph if graph is None or isinstance(graph, str) else dict(graph),
        "steps": steps,
        "seed": seed,
        "checkpoint_every": checkpoint_every,
        "device": device,
    }
    if steps < 1 or checkpoint_every < 1:
        raise ValueError(f"steps is {steps}, checkpoint_every {checkpoint_every}; allowed are 1 up")
    plan = Plan(config)
    if name is None:
        names = "-".join(str(part).replace(":", "_") for part in plan.names)
        name = f"{names}-seed{seed}-{datetime.now():%Y%m%d-%H%M%S}"
    run = Run.create(Path(runs) / name, config)
    return _train(run, plan, progress)


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
    config = run.config()
    if steps is not None:
        config["steps"] = steps
    return _train(run, Plan(config), progress)


class Plan:
    """Makes the parts of a run from its configuration.

    Args:
        config: what `train` was called with.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.config = config
        self.method, self.method_options = split_name(config["method"], "method")
        self.env, self.env_options = split_name(config["env"], "environment")
        self.method_class = lookup("method", self.method, METHODS)
        self.env_class = lookup("environment", self.env, ENVS)
        graph = config["graph"]
        self.graph, self.graph_options = split_name(
            self.method_class.default_graph if graph is None else graph, "graph"
        )
        self.builder()

    @property
    def names(self) -> tuple[str, str, str]:
        """Method, environment and graph."""
        return self.method, self.env, self.graph

    def environment(self, **changes: Any) -> Environment:
        """A new environment, with some options changed."""
        options = self.env_options | changes
        return construct("environment", self.env, self.env_class, options)

    def builder(self) -> GraphBuilder:
        """A new graph builder, seeded."""
        builder = make_graph(self.graph, **self.graph_options)
        builder.seed(self.config["seed"])
        return builder

    def learner(self, spec: Spec) -> Learner:
        """A new learner; its weights depend on the seed."""
        torch.manual_seed(self.config["seed"])
        return construct("method", self.method, self.method_class, self.method_options, spec)


def _train(run: Run, plan: Plan, progress: bool) -> Run:
    env = plan.environment()
    try:
        learner = plan.learner(env.spec)
        saved = run.saved()
        for number, stage in enumerate(learner.stages()):
            if not saved:
                torch.manual_seed(plan.config["seed"] + 1_000 * (number + 1))
                _train_stage(stage, run, plan, progress)
            stage.requires_grad_(False)
        torch.manual_seed(plan.config["seed"])
        collector = Collector(
            env,
            plan.builder(),
            learner,
            steps=plan.config["steps"],
            rollout=learner.rollout,
            seed=plan.config["seed"],
        )
        recorder = Recorder(run, collector)
        callbacks: list[Callback] = [
            recorder,
            Saver(run, collector, plan.config["checkpoint_every"]),
        ]
        if progress:
            callbacks.append(Bar(recorder))
        fit(learner, collector, callbacks, 1, run.last() if saved else None, plan.config["device"])
    finally:
        env.close()
    return run


def _train_stage(stage: Stage, run: Run, plan: Plan, progress: bool) -> None:
    """Train a stage, go on where it was interrupted, or load what was given."""
    if stage.given is not None:
        stage.load_state_dict(load_checkpoint(stage.given)["state_dict"])
        return
    path = run.checkpoints / f"{stage.name}.ckpt"
    env = plan.environment(num_envs=stage.copies)
    try:
        episodes = RandomEpisodes(env, plan.builder(), stage.episodes, plan.config["seed"])
        episodes.setup("fit")
        stage.start(episodes.trajectories)
        callbacks: list[Callback] = [StageSaver(path)]
        if progress:
            callbacks.append(Bar())
        begun = path if path.exists() else None
        fit(stage, episodes, callbacks, stage.epochs, begun, plan.config["device"])
    finally:
        env.close()


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
        # Data is played here and now: it needs no workers.
        warnings.filterwarnings("ignore", ".*does not have many workers.*")
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
