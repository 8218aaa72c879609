"""Running statistics of observations."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from graphmarl.functional.ranks import shared_sum


class RunningMoments(nn.Module):
    """Mean and variance of each feature over all rows seen so far (Chan et al. 1979).

    Args:
        size: number of features.
        least: lower bound of the standard deviation, for features that hardly change.
    """

    def __init__(self, size: int, least: float = 1e-2) -> None:
        super().__init__()
        self.least = least
        self.register_buffer("count", torch.zeros(()))
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("spread", torch.zeros(size))
        self.count: Tensor
        self.mean: Tensor
        self.spread: Tensor
        """Sum of squared deviations from the mean."""

    @torch.no_grad()
    def update(self, rows: Float[Tensor, "row feature"]) -> None:
        """Add rows to the statistics, also those of the other processes that train the run."""
        new = shared_sum(self.count.new_tensor(len(rows)))
        if not new:
            return
        before, count = self.count.clone(), self.count + new
        mean = shared_sum(rows.sum(0)) / new
        gap = mean - self.mean
        self.spread += shared_sum(((rows - mean) ** 2).sum(0)) + gap**2 * before * new / count
        self.mean += gap * new / count
        self.count.copy_(count)

    def standardise(self, rows: Float[Tensor, "*axes feature"]) -> Float[Tensor, "*axes feature"]:
        """Rows less the mean, over the standard deviation; unchanged before the first update."""
        return (rows - self.mean) / self.deviation if self.count else rows

    def original(self, rows: Float[Tensor, "*axes feature"]) -> Float[Tensor, "*axes feature"]:
        """The rows whose standardised form is given; unchanged before the first update."""
        return rows * self.deviation + self.mean if self.count else rows

    @property
    def deviation(self) -> Float[Tensor, " feature"]:
        """Standard deviation of each feature, or its lower bound."""
        return (self.spread / self.count).sqrt().clamp(min=self.least)
