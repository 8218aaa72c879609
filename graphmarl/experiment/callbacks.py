"""Callbacks of training: metrics, checkpoints and the progress bar."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from graphmarl.data import Collector
from graphmarl.experiment.interrupts import InterruptedTrainingError, Interrupts
from graphmarl.experiment.notebook_bar import NotebookBar
from graphmarl.learners import Learner, Stage
from graphmarl.results.csv_table import Table
from graphmarl.results.run import Run

REFRESH = 0.25
"""Seconds between updates of the bar of a notebook."""


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
        if self.run.config() != self.config:
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
        self.table.add(self.row | pl_module.metrics)
        now = time.perf_counter()
        seconds, new = now - self.mark, collector.env_steps - self.steps
        parts = collector.timer.take() | pl_module.timer.take()
        parts["other"] = seconds - sum(parts.values())
        self.rate = new / seconds
        self.timing.add({"env_steps": collector.env_steps, "seconds": seconds} | parts)
        self.mark, self.steps = now, collector.env_steps

    def state_dict(self) -> dict[str, Any]:
        """Sizes of the files, whose rows are made durable with the checkpoint."""
        self.table.sync()
        self.timing.sync()
        return {"metrics": self.table.size(), "timing": self.timing.size()}

    def clear(self) -> None:
        """Empty the files, which hold a run that ended before its first checkpoint."""
        self.table.truncate(0)
        self.timing.truncate(0)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Remove the lines that were written after the checkpoint.

        Raises:
            LostRowsError: rows are missing.
        """
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
        steps, ends = self.collector.env_steps, self.interrupts.due()
        due = steps // self.every > self.saved // self.every or steps >= self.collector.steps
        if due or ends:
            self.saved = steps
            trainer.save_checkpoint(self.run.checkpoints / f"step_{steps:012d}.ckpt")
            for old in self.run.saved()[: -self.keep]:
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


class ProgressBar(Callback):
    """Progress bar with steps, return and speed, in a terminal or a notebook; else lines of text.

    Args:
        writer: holds the last metrics and the speed; None for a stage.
        seconds: seconds between lines of text.
    """

    def __init__(self, writer: MetricsWriter | None = None, seconds: float = 15.0) -> None:
        self.writer, self.seconds = writer, seconds
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[text]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        self.started = self.printed = 0.0
        self.notebook: NotebookBar | None = None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Show the bar."""
        self.started = self.printed = time.monotonic()
        if self.writer is not None:
            name, total = "train", self.writer.collector.steps
        else:
            assert isinstance(pl_module, Stage), "a module without a writer is a stage"
            name, total = f"pre-train {pl_module.name}", pl_module.epochs
        self.task = self.progress.add_task(name, total=total, text="")
        self.name, self.total = name, total
        if self.progress.console.is_terminal:
            self.progress.start()
        elif self.progress.console.is_jupyter:
            self.notebook = NotebookBar(name, total)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Update the bar, or print a line."""
        if self.writer is not None:
            row = self.writer.row
            done: float = row["env_steps"]
            text = (
                f"{done:,} of {self.total:,} env steps, return {row['return']:.1f}, "
                f"{self.writer.rate:,.0f} steps/s"
            )
        else:
            assert isinstance(pl_module, Stage), "a module without a writer is a stage"
            done = trainer.current_epoch + (batch_idx + 1) / trainer.num_training_batches
            numbers = [f"{name} {value:.2f}" for name, value in pl_module.metrics.items()]
            text = f"epoch {done:.1f} of {self.total}, " + ", ".join(numbers)
        self.progress.update(self.task, completed=done, text=text)
        if not self.progress.console.is_terminal:
            self._show(done, text)

    def _show(self, done: float, text: str) -> None:
        """Update the bar of a notebook, or print a line, if it is time to or the end."""
        now = time.monotonic()
        wait = self.seconds if self.notebook is None else REFRESH
        if done < self.total and now - self.printed <= wait:
            return
        self.printed = now
        if self.notebook is None:
            print(f"{self.name}: {text}", flush=True)
        else:
            self.notebook.update(done, text, now - self.started)

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Stop the bar."""
        self.progress.stop()

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Stop the bar: Lightning skips `teardown` after an exception."""
        self.progress.stop()
