"""Check that losses, gradients and parameters are finite, before anything is saved."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from typing import Any, Literal

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor, nn

from graphmarl.results.run import Run

OnNaN = Literal["stop", "warn"]
Place = tuple[str, Mapping[str, Tensor | None], str]
"""Name of a parameter or buffer, the dictionary that holds it and its key there."""


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
        self.module: nn.Module | None = None
        self.places: list[Place] = []

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
        if module is not self.module:
            self.module, self.places = module, places_of(module)
        found += not_finite(self.places)
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


def places_of(module: nn.Module) -> list[Place]:
    """Where the parameters and buffers of a module stand.

    A walk through the modules costs more than the check itself, so it is made once. The tensors
    are read anew at each check, since a module may replace a buffer.

    Args:
        module: the module.
    """
    return [
        (f"{prefix}.{key}" if prefix else key, table, key)
        for prefix, part in module.named_modules()
        for table in (part._parameters, part._buffers)
        for key in table
    ]


@torch.no_grad()
def not_finite(places: list[Place]) -> list[str]:
    """Names of the parameters and buffers with an entry that is NaN or infinite.

    Args:
        places: see `places_of`.
    """
    tensors = {
        name: tensor
        for name, table, key in places
        if (tensor := table[key]) is not None and tensor.is_floating_point() and tensor.numel()
    }
    if not tensors:
        return []
    # The largest magnitude of a tensor is NaN or infinite exactly if one of its entries is.
    largest = torch._foreach_norm(list(tensors.values()), float("inf"))  # type: ignore[attr-defined]
    finite = torch.isfinite(torch.stack([each.float() for each in largest])).tolist()
    return [f"{name} is not finite" for name, good in zip(tensors, finite, strict=True) if not good]
