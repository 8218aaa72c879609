"""The only ways to leave out padding, the dead and illegal actions."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def masked_mean(x: Float[Tensor, "*axes"], mask: Bool[Tensor, "*axes"]) -> Float[Tensor, ""]:
    """Mean of the entries where the mask holds; 0 if it holds nowhere."""
    kept = torch.where(mask, x, torch.zeros_like(x))
    return kept.sum() / mask.sum().clamp(min=1)


def masked_standardise(
    x: Float[Tensor, "*axes"], mask: Bool[Tensor, "*axes"], epsilon: float = 1e-8
) -> Float[Tensor, "*axes"]:
    """Shift and scale the entries under the mask to mean 0 and variance 1; 0 elsewhere."""
    mean = masked_mean(x, mask)
    variance = masked_mean((x - mean) ** 2, mask)
    return torch.where(mask, (x - mean) / (variance.sqrt() + epsilon), torch.zeros_like(x))


def mask_logits(
    logits: Float[Tensor, "*rows action"], available: Bool[Tensor, "*rows action"] | None
) -> Float[Tensor, "*rows action"]:
    """Logits under which illegal actions have probability 0.

    A row in which nothing is legal (the slot of a dead agent) becomes uniform instead of NaN.
    """
    if available is None:
        return logits
    return logits.masked_fill(~available, torch.finfo(logits.dtype).min)


def inherited(
    value: Float[Tensor, "*batch agent"], alive: Bool[Tensor, "*batch agent"]
) -> Float[Tensor, "*batch agent"]:
    """Values of the living, whose mean the dead of the same team have; 0 where all are dead."""
    return torch.where(alive, value, mean_of_living(value, alive))


def mean_of_living(
    value: Float[Tensor, "*batch agent"], alive: Bool[Tensor, "*batch agent"]
) -> Float[Tensor, "*batch agent"]:
    """The mean value of the living of each team, for all of it; 0 where all are dead."""
    living = torch.where(alive, value, 0.0).sum(-1, keepdim=True)
    return (living / alive.sum(-1, keepdim=True).clamp(min=1)).expand_as(value)
