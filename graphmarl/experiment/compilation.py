"""Compilation of the agent network, and whether it pays."""

from __future__ import annotations

import time
import warnings
from statistics import median
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from graphmarl.data import Collector
from graphmarl.functional.ranks import rank
from graphmarl.learners import Learner

EAGER, SETTLING, COMPILED = 4, 6, 5
"""Training steps with updates before the compilation, until it is over, and measured after it."""


class Compilation(Callback):
    """Compiles the agent network by `torch.compile` after the first updates.

    It warns where the seconds that the compilation took will not be won back within the run. The
    network is compiled all the same, so that a run does not depend on measured times.

    Args:
        learner: its network is compiled.
        collector: knows the environment steps of the run.
    """

    def __init__(self, learner: Learner, collector: Collector) -> None:
        self.learner, self.collector = learner, collector
        self.updates = 0
        self.seconds: list[float] = []
        self.mark = 0.0

    def state_dict(self) -> dict[str, Any]:
        """Number of training steps with updates."""
        return {"updates": self.updates}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue with this number; a resumed run compiles at once if it had compiled."""
        self.updates = state_dict["updates"]

    def _compile(self) -> None:
        from torch._functorch import config  # here, as it imports the compiler

        # Diagnostics differentiate the losses of a graph one by one, which is used again after.
        config.donated_buffer = False
        self.learner.network.compile(dynamic=True)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Compile if the first updates are over."""
        if self.updates >= EAGER:
            self._compile()
        self.mark, self.before = time.perf_counter(), self.collector.env_steps

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Time the step; compile after the first ones, and warn after the last that is timed."""
        now, self.mark = self.mark, time.perf_counter()
        steps, self.before = self.collector.env_steps - self.before, self.collector.env_steps
        if not self.learner.updated_last:
            return
        self.updates += 1
        self.seconds.append(self.mark - now)
        if self.updates == EAGER:
            self._compile()
        elif len(self.seconds) == self.updates == EAGER + SETTLING + COMPILED:
            text = verdict(self.seconds, (self.collector.steps - self.before) // max(steps, 1))
            if text and rank() == 0:
                warnings.warn(text, stacklevel=2)


def verdict(seconds: list[float], left: int) -> str:
    """What is said of a compilation that will not be won back; empty if it will.

    Args:
        seconds: of training steps before and after the compilation, and during it.
        left: training steps until the end of the run.
    """
    before, after = median(seconds[1:EAGER]), median(seconds[-COMPILED:])
    spent = sum(seconds[EAGER:]) - after * len(seconds[EAGER:])
    took = f"compiling the network took {spent:.1f} s; a training step takes {after:.3g} s"
    if after >= before:
        return f"{took}, and took {before:.3g} s before: train without `compile`"
    needed = round(spent / (before - after))
    if needed <= left + COMPILED + SETTLING:
        return ""
    return (
        f"{took} instead of {before:.3g} s, which pays after {needed:,} training steps, of which "
        f"the run has {left:,} left: train without `compile`"
    )
