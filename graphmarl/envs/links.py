"""Edges of all copies of an environment as one `edge_index`, over the rows `b * N + i`."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Int
from torch import Tensor


def replicate_edges(
    links: Int[Tensor, "2 edge"], num_envs: int, num_agents: int
) -> Int[Tensor, "2 edges"]:
    """Replicate the edges of one copy over the disjoint union of all copies.

    Args:
        links: edges of one copy.
        num_envs: copies, B.
        num_agents: agents of each copy, N.
    """
    first = torch.arange(0, num_envs * num_agents, num_agents, device=links.device)
    return (links.unsqueeze(1) + first.unsqueeze(1)).flatten(1)


def edges_of(mask: Bool[Tensor, "env receiver sender"]) -> Int[Tensor, "2 edge"]:
    """Edges of a mask, sorted by copy, receiver and sender.

    Args:
        mask: whether the sender's messages reach the receiver.
    """
    copy, receiver, sender = mask.nonzero().unbind(1)
    return torch.stack([sender, receiver]) + copy * mask.shape[1]
