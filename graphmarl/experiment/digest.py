"""Digests of episodes, by which identical ones are told."""

from __future__ import annotations

import torch
from torch import Tensor

FACTOR = 6364136223846793005
"""Of the linear congruential generator of Knuth's MMIX."""


class EpisodeDigest:
    """A number of 64 bits for each episode: equal where all steps are, and else very likely not.

    Args:
        num_envs: environment copies, B, with an episode each.
        device: where the steps are.
    """

    def __init__(self, num_envs: int, device: torch.device) -> None:
        self.value = torch.zeros(num_envs, dtype=torch.long, device=device)
        self._weights: dict[int, Tensor] = {}

    def add(self, running: Tensor, *tensors: Tensor) -> None:
        """Add a step to the episodes that are running.

        Args:
            running: whether the episode of a copy is running, (env,).
            tensors: what belongs to the step, (env, ...) each.
        """
        for tensor in tensors:
            # Every value has its bits, as a number of double precision.
            bits = tensor.to(self.value.device, torch.float64).flatten(1).view(torch.long)
            mixed = (bits * self._weight(bits.shape[1])).sum(1)
            self.value = torch.where(running, self.value * FACTOR + mixed, self.value)

    def _weight(self, size: int) -> Tensor:
        """Random odd factors, the same in every process."""
        if size not in self._weights:
            generator = torch.Generator().manual_seed(0)
            drawn = torch.randint(-(2**62), 2**62, (size,), generator=generator)
            self._weights[size] = (2 * drawn + 1).to(self.value.device)
        return self._weights[size]
