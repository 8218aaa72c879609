"""Diagnostics of gradients, which do not change what is learned."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from graphmarl.functional import cosine, masked_mean
from graphmarl.learners.minibatch import Minibatch


def gradient_cosine(
    network: nn.Module, log_prob: Float[Tensor, " row"], rows: Minibatch, raw: Minibatch
) -> Tensor:
    """Cosine between policy gradients of team and individual rewards (NVIF, eq. 24).

    By eq. 23 the team advantage is the sum of the agents' advantages, shared by all agents.

    Args:
        network: the policy.
        log_prob: log-probability of the actions.
        rows: the minibatch.
        raw: the same minibatch with advantages that are not standardised.
    """
    own = torch.where(rows.acted, raw.advantage, torch.zeros_like(raw.advantage))
    team = own.view(-1, rows.num_agents).sum(1, keepdim=True).expand(-1, rows.num_agents)
    trained = [p for p in network.parameters() if p.requires_grad]
    gradients = [
        torch.autograd.grad(
            masked_mean(log_prob * advantage, rows.acted),
            trained,
            retain_graph=True,
            allow_unused=True,
        )
        for advantage in (own, team.flatten())
    ]
    return cosine(*gradients)
