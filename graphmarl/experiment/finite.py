"""Check that losses, gradients and parameters are finite, before anything is saved."""

from __future__ import annotations

import math
import warnings
from typing import Any, Literal

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import nn

from graphmarl.results.run import Run

OnNaN = Literal["stop", "warn"]


class FiniteCheck(Callback):
    """Stops training at a loss, gradient norm or parameter that is NaN or infinite.

    Runs after each update and before checkpoints are written, so that the last checkpoint is
    always finite. Parameters are summed up as squares in one pass over each group.

    Args:
        run: the run folder, whose last checkpoint the message names.
        on_nan: `stop` raises an error; `warn` warns once and goes on.
    """

    def __init__(self, run: Run, on_nan: OnNaN = "stop") -> None:
        self.run, self.on_nan, self.warned = run, on_nan, False

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Check the last update."""
        steps = getattr(batch, "env_steps", None)
        where = f"{steps:,} environment steps" if steps else f"epoch {trainer.current_epoch}"
        if getattr(pl_module, "updated_last", True):
            self.check(pl_module, where)

    def check(self, module: nn.Module, where: str) -> None:
        """Check the metrics of the last update and all parameters.

        Args:
            module: learner or stage.
            where: when this is, for the message.

        Raises:
            FloatingPointError: names what is not finite, when, and the last checkpoint.
        """
        if self.warned:
            return
        metrics: dict[str, float] = getattr(module, "metrics", {})
        found = [f"{name} is {x}" for name, x in metrics.items() if not math.isfinite(x)]
        found += not_finite(module)
        if not found:
            return
        saved = self.run.saved()
        kept = f"the last checkpoint is {saved[-1]}" if saved else "there is no checkpoint yet"
        more = f" and {len(found) - 3} more" if len(found) > 3 else ""
        text = f"not finite at {where}: {', '.join(found[:3])}{more}; {kept}"
        if self.on_nan == "stop":
            raise FloatingPointError(text)
        self.warned = True
        warnings.warn(text, stacklevel=2)


@torch.no_grad()
def not_finite(module: nn.Module) -> list[str]:
    """Names of the parameters and buffers with an entry that is NaN or infinite.

    Args:
        module: the module.
    """
    tensors = dict(module.named_parameters()) | dict(module.named_buffers())
    tensors = {n: t for n, t in tensors.items() if t.is_floating_point() and t.numel()}
    if not tensors:
        return []
    # The largest magnitude of a tensor is NaN or infinite exactly if one of its entries is.
    largest = torch._foreach_norm(list(tensors.values()), float("inf"))  # type: ignore[attr-defined]
    finite = torch.isfinite(torch.stack([each.float() for each in largest])).tolist()
    return [f"{name} is not finite" for name, good in zip(tensors, finite, strict=True) if not good]
