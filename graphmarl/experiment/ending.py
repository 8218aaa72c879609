"""When a run ends: after its steps, its hours, or at a target of the evaluations."""

from __future__ import annotations

import time
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from graphmarl.data import Collector
from graphmarl.experiment.config import SIGNS, Config
from graphmarl.functional.ranks import any_rank, rank
from graphmarl.learners.base import EVALUATION
from graphmarl.results.run import Run


class Ending(Callback):
    """Ends training early, and writes in `ended.txt` why training has ended and what it reached.

    Args:
        run: the run folder.
        config: its configuration, with `hours`, `target`, `monitor` and `mode`.
        collector: counts the environment steps.
    """

    def __init__(self, run: Run, config: Config, collector: Collector) -> None:
        self.run, self.collector = run, collector
        self.hours: float | None = config.config["hours"]
        self.target: float | None = config.config["target"]
        self.monitor: str = config.config["monitor"]
        self.sign = SIGNS[config.config["mode"]]
        self.seconds = 0.0
        self.mark = 0.0
        self.reason = ""

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start timing."""
        if rank() == 0:
            (self.run.path / "ended.txt").unlink(missing_ok=True)
        self.mark = time.perf_counter()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """End training if the hours are used up."""
        now = time.perf_counter()
        self.seconds, self.mark = self.seconds + now - self.mark, now
        if self.hours is not None and any_rank(self.seconds >= 3600 * self.hours):
            self.reason = f"{self.hours:g} hours are used up"
            trainer.should_stop = True

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """End training if the target is reached."""
        if self.target is None:
            return
        value = float(trainer.callback_metrics[f"{EVALUATION}{self.monitor}"])
        if self.sign * value >= self.sign * self.target:
            self.reason = f"{self.monitor} {value:.6g} reached the target {self.target:g}"
            trainer.should_stop = True

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the reason."""
        if rank():
            return
        done, asked = self.collector.env_steps, self.collector.steps
        reason = self.reason or ("stopped by a callback" if done < asked else "all steps are done")
        text = f"{reason}: {done:,} of {asked:,} environment steps, {self.seconds / 3600:.2f} hours"
        self.run.write("ended.txt", f"{text}\n")

    def state_dict(self) -> dict[str, Any]:
        """Seconds of training so far."""
        return {"seconds": self.seconds}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue counting from the checkpoint."""
        self.seconds = state_dict["seconds"]
