"""Progress bar of training, in a terminal, a notebook or as lines of text."""

from __future__ import annotations

import time
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from graphmarl.experiment.callbacks import MetricsWriter
from graphmarl.experiment.notebook_bar import NotebookBar
from graphmarl.learners import Stage

REFRESH = 0.25
"""Seconds between updates of the bar of a notebook."""


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
