"""Running standardisation of value targets."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from graphmarl.functional.ranks import shared_sum


class ValueNormalizer(nn.Module):
    """Standardises values by exponential moving averages of mean and square, without bias.

    As in the code of MAPPO (Yu et al. 2022), but updated once per trajectory instead of once per
    minibatch.

    Args:
        decay: weight of the old averages in each update.
        least: lower bound of the variance.
    """

    def __init__(self, decay: float = 0.99999, least: float = 1e-2) -> None:
        super().__init__()
        self.decay, self.least = decay, least
        for name in ("mean", "square", "weight"):
            self.register_buffer(name, torch.zeros(()))
        self.mean: Tensor
        self.square: Tensor
        self.weight: Tensor

    @torch.no_grad()
    def update(self, target: Float[Tensor, " entry"]) -> None:
        """Update the averages with new targets."""
        sums = torch.stack([target.sum(), (target**2).sum(), target.new_tensor(len(target))])
        total, square, count = shared_sum(sums)
        if not count:
            return
        new = (total / count, square / count, torch.ones_like(count))
        for average, each in zip((self.mean, self.square, self.weight), new, strict=True):
            average.lerp_(each, 1 - self.decay)

    def _statistics(self) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation; 0 and 1 before the first update."""
        if not self.weight:
            return torch.zeros_like(self.mean), torch.ones_like(self.mean)
        mean = self.mean / self.weight
        return mean, (self.square / self.weight - mean**2).clamp(min=self.least).sqrt()

    def normalize(self, value: Float[Tensor, "*axes"]) -> Float[Tensor, "*axes"]:
        """Standardised values."""
        mean, std = self._statistics()
        return (value - mean) / std

    def denormalize(self, value: Float[Tensor, "*axes"]) -> Float[Tensor, "*axes"]:
        """Values from standardised ones."""
        mean, std = self._statistics()
        return value * std + mean
