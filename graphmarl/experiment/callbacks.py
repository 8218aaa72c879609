"""What happens around training: metrics, progress, checkpoints."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from graphmarl.data import Collector
from graphmarl.learners import Learner, Stage
from graphmarl.results.run import Run, Table


class Recorder(Callback):
    """Writes a line of `metrics.csv` and one of `timing.csv` for each trajectory.

    `metrics.csv` depends on nothing but configuration and seed; seconds are kept apart from it.

    Args:
        run: the run folder.
        collector: where trajectories come from.
    """

    def __init__(self, run: Run, collector: Collector) -> None:
        self.collector = collector
        self.table = Table(run.path / "metrics.csv")
        self.timing = Table(run.path / "timing.csv")
        self.mark = 0.0
        self.rate = 0.0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock."""
        self.mark = time.perf_counter()
        self.steps = self.collector.env_steps

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Write what the last trajectory gave."""
        assert isinstance(pl_module, Learner), "stages have no trajectories"
        played = self.collector
        count = {"env_steps": played.env_steps, "episodes": played.episodes}
        self.row: dict[str, float] = count | played.metrics()
        self.table.add(self.row | pl_module.metrics)
        now = time.perf_counter()
        seconds, new = now - self.mark, played.env_steps - self.steps
        parts = played.timer.take() | pl_module.timer.take()
        parts["other"] = seconds - sum(parts.values())
        self.rate = new / seconds
        self.timing.add({"env_steps": played.env_steps, "seconds": seconds} | parts)
        self.mark, self.steps = now, played.env_steps

    def state_dict(self) -> dict[str, Any]:
        """Where the files ended."""
        return {"metrics": self.table.size(), "timing": self.timing.size()}

    def clear(self) -> None:
        """Begin anew: what was written belongs to a run that ended before its first checkpoint."""
        self.table.cut(0)
        self.timing.cut(0)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Cut off what was written after the checkpoint."""
        self.table.cut(state_dict["metrics"])
        self.timing.cut(state_dict["timing"])


class Saver(Callback):
    """Saves a checkpoint every so many transitions and at the end; keeps the last few.

    Args:
        run: the run folder.
        collector: counts the transitions.
        every: transitions between checkpoints.
        keep: how many checkpoints stay.
    """

    def __init__(self, run: Run, collector: Collector, every: int, keep: int = 2) -> None:
        self.run, self.collector, self.every, self.keep = run, collector, every, keep
        self.saved = collector.env_steps

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save if it is time."""
        steps = self.collector.env_steps
        if steps // self.every > self.saved // self.every or steps >= self.collector.steps:
            self.saved = steps
            trainer.save_checkpoint(self.run.checkpoints / f"step_{steps:012d}.ckpt")
            for old in self.run.saved()[: -self.keep]:
                old.unlink()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on counting from the checkpoint."""
        self.saved = state_dict["saved"]

    def state_dict(self) -> dict[str, Any]:
        """When the last checkpoint was saved: now."""
        return {"saved": self.saved}


class StageSaver(Callback):
    """Saves a stage after each epoch.

    Args:
        path: the checkpoint.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save what the epoch gave."""
        trainer.save_checkpoint(self.path)


class Bar(Callback):
    """A progress bar with steps, return and speed; a line now and then where there is no terminal.

    Args:
        recorder: knows the last metrics and the speed; None for a stage.
        seconds: time between lines where there is no terminal.
    """

    def __init__(self, recorder: Recorder | None = None, seconds: float = 15.0) -> None:
        self.recorder, self.seconds = recorder, seconds
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[said]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        self.spoke = 0.0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Show the bar."""
        self.spoke = time.monotonic()
        if self.recorder is not None:
            name, total = "train", self.recorder.collector.steps
        else:
            assert isinstance(pl_module, Stage), "what is not recorded is a stage"
            name, total = f"pre-train {pl_module.name}", pl_module.epochs
        self.task = self.progress.add_task(name, total=total, said="")
        self.name, self.total = name, total
        if self.progress.console.is_terminal:
            self.progress.start()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Say where training is."""
        if self.recorder is not None:
            row = self.recorder.row
            done: float = row["env_steps"]
            said = (
                f"{done:,} of {self.total:,} env steps, return {row['return']:.1f}, "
                f"{self.recorder.rate:,.0f} steps/s"
            )
        else:
            assert isinstance(pl_module, Stage), "what is not recorded is a stage"
            done = trainer.current_epoch + (batch_idx + 1) / trainer.num_training_batches
            numbers = [f"{name} {value:.2f}" for name, value in pl_module.metrics.items()]
            said = f"epoch {done:.1f} of {self.total}, " + ", ".join(numbers)
        self.progress.update(self.task, completed=done, said=said)
        ended = done >= self.total
        if not self.progress.console.is_terminal and (
            ended or time.monotonic() - self.spoke > self.seconds
        ):
            self.spoke = time.monotonic()
            print(f"{self.name}: {said}", flush=True)

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Leave the bar where it is."""
        self.progress.stop()
