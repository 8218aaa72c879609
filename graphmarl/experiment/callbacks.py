"""Callbacks of training that write metrics, configuration and checkpoints."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from graphmarl.data import Collector
from graphmarl.experiment.interrupts import InterruptedTrainingError, Interrupts
from graphmarl.functional.ranks import any_rank, rank
from graphmarl.learners import Learner
from graphmarl.results.csv_table import Table
from graphmarl.results.run import Run


class ConfigWriter(Callback):
    """Writes the configuration of a resumed run, once its checkpoint and tables are loaded.

    Args:
        run: the run folder.
        config: the configuration.
    """

    def __init__(self, run: Run, config: Mapping[str, Any]) -> None:
        self.run, self.config = run, config

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write it if it is another."""
        if rank() == 0 and self.run.config() != self.config:
            self.run.configure(self.config)


class MetricsWriter(Callback):
    """Writes a line of `metrics.csv` and one of `timing.csv` for each trajectory.

    `metrics.csv` depends on nothing but configuration and seed; seconds are kept apart from it.

    Args:
        run: the run folder.
        collector: yields the trajectories.
        lost_rows: whether rows of the files may be missing on resume.
    """

    def __init__(self, run: Run, collector: Collector, lost_rows: bool = False) -> None:
        self.collector, self.lost_rows = collector, lost_rows
        self.table = Table(run.path / "metrics.csv")
        self.timing = Table(run.path / "timing.csv")
        self.mark = 0.0
        self.rate = 0.0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start timing."""
        self.mark = time.perf_counter()
        self.steps = self.collector.env_steps

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Write the metrics of the last trajectory."""
        assert isinstance(pl_module, Learner), "stages have no trajectories"
        collector = self.collector
        count = {"env_steps": collector.env_steps, "episodes": collector.episodes}
        self.row: dict[str, float] = count | collector.metrics()
        row = self.row | pl_module.metrics
        if rank() == 0:
            self.table.add(row)
        pl_module.log_metrics(row, collector.env_steps)
        now = time.perf_counter()
        seconds, new = now - self.mark, collector.env_steps - self.steps
        parts = collector.timer.take() | pl_module.timer.take()
        parts["other"] = seconds - sum(parts.values())
        self.rate = new / seconds
        if rank() == 0:
            self.timing.add({"env_steps": collector.env_steps, "seconds": seconds} | parts)
        self.mark, self.steps = now, collector.env_steps

    def state_dict(self) -> dict[str, Any]:
        """Sizes of the files, whose rows are made durable with the checkpoint."""
        self.table.sync()
        self.timing.sync()
        return {"metrics": self.table.size(), "timing": self.timing.size()}

    def clear(self) -> None:
        """Empty the files, which hold a run that ended before its first checkpoint."""
        if rank():
            return
        self.table.truncate(0)
        self.timing.truncate(0)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Remove the lines that were written after the checkpoint.

        Raises:
            LostRowsError: rows are missing.
        """
        if rank():
            return
        self.table.truncate(state_dict["metrics"], self.lost_rows)
        self.timing.truncate(state_dict["timing"], self.lost_rows)


class Saver(Callback):
    """Saves a checkpoint at regular intervals, at the end and at a signal; keeps the last few.

    Args:
        run: the run folder.
        collector: counts the environment steps.
        every: environment steps between checkpoints.
        interrupts: signals that end the run.
        keep: number of checkpoints that are kept.
    """

    def __init__(
        self, run: Run, collector: Collector, every: int, interrupts: Interrupts, keep: int = 2
    ) -> None:
        self.run, self.collector, self.every, self.keep = run, collector, every, keep
        self.interrupts = interrupts
        self.saved = collector.env_steps

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """From here on a signal waits for the end of a trajectory."""
        self.interrupts.install()
        self.interrupts.training = True

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save a checkpoint if one is due, or if a signal ends the run."""
        if trainer.enable_validation:
            if self.collector.env_steps >= self.collector.steps:
                trainer.should_stop = True  # also evaluates what was trained
            interval = trainer.val_check_batch
            # A run resumed from here would leave out the evaluation that comes now.
            if trainer.should_stop or (interval and (batch_idx + 1) % interval == 0):
                return
        self._save(trainer)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save a checkpoint after the evaluation that had to come first."""
        self._save(trainer)

    def _save(self, trainer: Trainer) -> None:
        steps, ends = self.collector.env_steps, any_rank(self.interrupts.due())
        due = steps // self.every > self.saved // self.every or steps >= self.collector.steps
        if due or ends or trainer.should_stop:
            self.saved = steps
            trainer.save_checkpoint(self.run.checkpoints / f"step_{steps:012d}.ckpt")
            for old in self.run.saved()[: -self.keep] if rank() == 0 else []:
                old.unlink()
        if ends:
            self.interrupts.saved = steps
            raise InterruptedTrainingError

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue counting from the checkpoint."""
        self.saved = state_dict["saved"]

    def state_dict(self) -> dict[str, Any]:
        """Environment steps at the last checkpoint."""
        return {"saved": self.saved}


class StageSaver(Callback):
    """Saves a stage after each epoch.

    Args:
        path: the checkpoint.
        interrupts: signals that end the run.
    """

    def __init__(self, path: Path, interrupts: Interrupts) -> None:
        self.path, self.interrupts = path, interrupts

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """From here on a signal waits for the end of a batch."""
        self.interrupts.install()
        self.interrupts.training = True

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """End if a signal has come; the last epoch is saved."""
        if self.interrupts.due():
            raise InterruptedTrainingError

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save a checkpoint."""
        trainer.save_checkpoint(self.path)
