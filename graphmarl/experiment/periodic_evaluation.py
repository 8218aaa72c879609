"""Evaluation at regular intervals of training, with the best checkpoint."""

from __future__ import annotations

import math
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from graphmarl.data import Collector
from graphmarl.experiment.config import SIGNS, Config
from graphmarl.experiment.evaluate import play
from graphmarl.experiment.policies import LearnerPolicy
from graphmarl.functional.ranks import rank
from graphmarl.learners import Learner
from graphmarl.results.csv_table import Table
from graphmarl.results.run import Run
from graphmarl.step import Environment

SEED = 2_000_000
"""Seed of the episodes, which are the same at every evaluation, and not those of `evaluate`."""


class PeriodicEvaluation(Callback):
    """Plays episodes with the current policy; writes `evaluations.csv` and `best.ckpt`.

    It is called by Lightning's validation loop through the collector's `val_dataloader`, with the
    policy in evaluation mode. Random states of training are left as they were. `best.ckpt` holds
    the weights of the best evaluation, the first of several equal ones.

    Args:
        run: the run folder.
        config: its configuration, with `evaluate_greedy`, `monitor` and `mode`.
        env: environment copies, one for each episode; None in all processes but the first, which
            evaluates for all.
        learner: chooses the actions.
        collector: counts the environment steps.
        lost_rows: whether rows of the file may be missing on resume.
    """

    def __init__(
        self,
        run: Run,
        config: Config,
        env: Environment | None,
        learner: Learner,
        collector: Collector,
        lost_rows: bool = False,
    ) -> None:
        self.lost_rows = lost_rows
        self.run, self.config, self.env = run, config, env
        self.learner, self.collector = learner, collector
        self.monitor: str = config.config["monitor"]
        self.sign = SIGNS[config.config["mode"]]
        self.table = Table(run.path / "evaluations.csv")
        self.best = -math.inf

    def play(self) -> dict[str, float]:
        """Means over the episodes: `return`, `length` and the metrics of the environment.

        Raises:
            ValueError: the environment has no metric that is called `monitor`.
        """
        assert self.env is not None, "the first process evaluates"
        greedy = self.config.config["evaluate_greedy"]
        policy = LearnerPolicy(self.env, self.learner, self.config.builder(), greedy)
        found = play(self.env, policy, SEED).means()
        if self.monitor not in found:
            raise ValueError(f"monitor is {self.monitor!r}; allowed are {', '.join(found)}")
        return found

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write a row, and the weights if they are the best so far."""
        assert isinstance(pl_module, Learner), "stages are not evaluated"
        found = pl_module.evaluation
        if rank() == 0:
            self.table.add({"env_steps": self.collector.env_steps} | found)
        value = self.sign * found[self.monitor]
        if value > self.best:
            self.best = value
            # Lightning's checkpoints of weights have the replay and the environments as well.
            if rank() == 0:
                weights = {"state_dict": pl_module.state_dict()}
                path = self.run.checkpoints / "best.ckpt"
                trainer.strategy.checkpoint_io.save_checkpoint(weights, path)

    def clear(self) -> None:
        """Remove what a run left that ended before its first checkpoint."""
        if rank():
            return
        self.table.truncate(0)
        (self.run.checkpoints / "best.ckpt").unlink(missing_ok=True)

    def state_dict(self) -> dict[str, Any]:
        """Size of the file, whose rows are made durable with the checkpoint, and the best value."""
        self.table.sync()
        return {"evaluations": self.table.size(), "best": self.best}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Remove the rows that were written after the checkpoint.

        Raises:
            LostRowsError: rows are missing.
        """
        if rank() == 0:
            self.table.truncate(state_dict["evaluations"], self.lost_rows)
        self.best = state_dict["best"]
