"""Diagnostics of gradients, which do not change what is learned."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from graphmarl.functional import cosine, masked_mean
from graphmarl.learners.minibatch import Minibatch


class TeamGradients:
    """Policy gradients of team and individual rewards (NVIF, eq. 24), summed over parts.

    By eq. 23 the team advantage is the sum of the agents' advantages, shared by all agents.

    Args:
        network: the policy.
    """

    def __init__(self, network: nn.Module) -> None:
        self.trained = [p for p in network.parameters() if p.requires_grad]
        self.sums: list[list[Tensor]] = []

    def add(
        self, log_prob: Float[Tensor, " row"], rows: Minibatch, raw: Minibatch, share: Tensor
    ) -> None:
        """Add the gradients of a part of a minibatch.

        Args:
            log_prob: log-probability of the actions.
            rows: the part.
            raw: the same part with advantages that are not standardised.
            share: its share of the agents of the minibatch that acted.
        """
        own = torch.where(rows.acted, raw.advantage, torch.zeros_like(raw.advantage))
        team = own.view(-1, rows.num_agents).sum(1, keepdim=True).expand(-1, rows.num_agents)
        found = []
        for advantage in (own, team.flatten()):
            loss = share * masked_mean(log_prob * advantage, rows.acted)
            each = torch.autograd.grad(loss, self.trained, retain_graph=True, allow_unused=True)
            pairs = zip(each, self.trained, strict=True)
            found.append([torch.zeros_like(p) if g is None else g for g, p in pairs])
        sums = self.sums or [[torch.zeros_like(p) for p in self.trained] for _ in found]
        self.sums = [
            [a + b for a, b in zip(one, two, strict=True)]
            for one, two in zip(sums, found, strict=True)
        ]

    def cosine(self) -> Tensor:
        """Cosine between the two gradients; 0 without any."""
        return cosine(*self.sums) if self.sums else torch.zeros(())
