"""Masking of padding, dead agents and unavailable actions."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from graphmarl.functional.ranks import shared_count, shared_sum


def masked_mean(
    x: Float[Tensor, "*axes"],
    mask: Bool[Tensor, "*axes"],
    whole: Bool[Tensor, "*all"] | None = None,
) -> Float[Tensor, ""]:
    """Mean over the entries where the mask holds; 0 if it holds nowhere.

    Where several processes train a run, its mean over the processes is the mean over all entries.

    Args:
        x: numbers.
        mask: entries that count.
        whole: mask of the whole batch if x is a part of it, so that the parts add up to its mean.
    """
    kept = torch.where(mask, x, torch.zeros_like(x))
    return kept.sum() / shared_count((mask if whole is None else whole).sum())


def masked_standardise(
    x: Float[Tensor, "*axes"], mask: Bool[Tensor, "*axes"], epsilon: float = 1e-8
) -> Float[Tensor, "*axes"]:
    """Standardise the entries under the mask to mean 0 and variance 1; 0 elsewhere.

    Where several processes train a run, mean and variance are over the entries of all.
    """
    count = shared_sum(mask.sum()).clamp(min=1)
    mean = shared_sum(torch.where(mask, x, 0.0).sum()) / count
    variance = shared_sum(torch.where(mask, (x - mean) ** 2, 0.0).sum()) / count
    return torch.where(mask, (x - mean) / (variance.sqrt() + epsilon), torch.zeros_like(x))


def mask_logits(
    logits: Float[Tensor, "*rows action"], available: Bool[Tensor, "*rows action"] | None
) -> Float[Tensor, "*rows action"]:
    """Logits under which unavailable actions have probability 0.

    A row without available actions (the slot of a dead agent) becomes uniform instead of NaN.
    """
    if available is None:
        return logits
    return logits.masked_fill(~available, torch.finfo(logits.dtype).min)


def fill_dead(
    value: Float[Tensor, "*batch agent"], alive: Bool[Tensor, "*batch agent"]
) -> Float[Tensor, "*batch agent"]:
    """Values with those of dead agents replaced by the mean of live ones; 0 if all are dead."""
    return torch.where(alive, value, mean_of_live(value, alive))


def mean_of_live(
    value: Float[Tensor, "*batch agent"], alive: Bool[Tensor, "*batch agent"]
) -> Float[Tensor, "*batch agent"]:
    """Mean value of the live agents of each team, for every agent; 0 if all are dead."""
    total = torch.where(alive, value, 0.0).sum(-1, keepdim=True)
    return (total / alive.sum(-1, keepdim=True).clamp(min=1)).expand_as(value)
