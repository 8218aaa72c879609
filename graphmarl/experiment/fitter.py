"""Lightning's trainer with the callbacks and checkpoints of a run."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from lightning.pytorch import Callback, LightningDataModule, LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.loggers import Logger

from graphmarl.experiment.config import Config
from graphmarl.experiment.finite import FiniteCheck
from graphmarl.experiment.interrupts import Interrupts
from graphmarl.experiment.parallel import AveragedGradients
from graphmarl.experiment.progress_bar import ProgressBar
from graphmarl.functional.ranks import num_ranks
from graphmarl.learners import Stage
from graphmarl.results.checkpoints import WholeCheckpoints, header_of
from graphmarl.results.run import Run
from graphmarl.step import Spec

HARMLESS = (
    "does not have many workers",
    "`__len__` defined",
    "is not resumable",
    # Metrics are means over all processes before they are logged.
    "recommended to use `self.log",
)
"""Warnings of Lightning about data that is collected by this process, and saves its position."""


@dataclass(frozen=True)
class Fitter:
    """Fits the stages and the learner of a run.

    Args:
        run: the run folder.
        config: its configuration.
        spec: shapes of the environment, for the header of checkpoints.
        interrupts: signals that end the run.
        progress: show progress bars.
        loggers: loggers of Lightning.
    """

    run: Run
    config: Config
    spec: Spec
    interrupts: Interrupts
    progress: bool
    loggers: Sequence[Logger] = ()

    def fit(
        self,
        module: LightningModule,
        data: LightningDataModule,
        callbacks: list[Callback],
        bar: ProgressBar,
        epochs: int,
        checkpoint: Path | None,
        interval: int = 0,
    ) -> None:
        """Run Lightning's trainer.

        Args:
            module: learner or stage.
            data: its data.
            callbacks: what writes files.
            bar: progress bar.
            epochs: passes over the data.
            checkpoint: where to continue; None starts from scratch.
            interval: trajectories between evaluations; 0 for none.
        """
        finite = FiniteCheck(self.run, self.config.config["on_nan"])
        # What is not finite is found before anything is written.
        everything = [finite, *callbacks, *([bar] if self.progress else [])]
        for name in ("pytorch", "fabric"):
            logging.getLogger(f"lightning.{name}").setLevel(logging.WARNING)
        with warnings.catch_warnings():
            # Data is collected by this process, and saves and restores its own position.
            for harmless in HARMLESS:
                warnings.filterwarnings("ignore", f".*{harmless}")
            warnings.filterwarnings("ignore", ".*treespec", FutureWarning)
            # A stage is trained by one process.
            count = 1 if isinstance(module, Stage) else num_ranks()
            self._trainer(everything, epochs, interval, count).fit(
                module,
                datamodule=data,
                ckpt_path=checkpoint,
                weights_only=True if checkpoint else None,
            )

    def _trainer(
        self, callbacks: list[Callback], epochs: int, interval: int, count: int
    ) -> Trainer:
        kind, _, number = self.config.config["device"].partition(":")
        return Trainer(
            accelerator=kind,
            devices=[int(number)] if number else count,
            strategy="auto" if count == 1 else AveragedGradients(),
            precision=self.config.config["precision"],
            max_epochs=epochs,
            callbacks=callbacks,
            plugins=[WholeCheckpoints(header(self.config.method, self.spec))],
            logger=list(self.loggers) or False,
            log_every_n_steps=1,
            limit_val_batches=1 if interval else 0,
            val_check_interval=interval or None,
            check_val_every_n_epoch=None,
            num_sanity_val_steps=0,
            # Callbacks of the user may save checkpoints of their own, beside those of the run.
            enable_checkpointing=any(isinstance(each, Checkpoint) for each in callbacks),
            default_root_dir=self.run.path / "lightning",
            enable_progress_bar=False,
            enable_model_summary=False,
        )


def header(method: str, spec: Spec) -> dict[str, object]:
    """Header of the checkpoints of a method in an environment.

    Args:
        method: name of the method.
        spec: shapes of the environment.
    """
    shapes = {"obs_shape": list(spec.obs_shape), "num_actions": spec.num_actions}
    return header_of(method, shapes | {"action": spec.action}, version("graphmarl"))
