"""Edges of many small graphs as small dense matrices, which CPUs multiply much faster."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch_geometric.data import Data

from graphmarl.nn.network import count_graphs

LARGEST = 40
"""Agents of a graph from which on a list of edges is faster than a matrix."""


class Blocks:
    """Who hears whom in graphs of N agents each, as B matrices of N x N.

    Args:
        edge_index: senders and receivers, no pair twice.
        num_graphs: B.
        num_agents: N.

    Attributes:
        hears: whether agent i (row) of each graph hears agent j (column).
    """

    def __init__(self, edge_index: Tensor, num_graphs: int, num_agents: int) -> None:
        sender, receiver = edge_index.long()
        self.place = receiver * num_agents + sender % num_agents
        shape = (num_graphs, num_agents, num_agents)
        flat = torch.zeros(num_graphs * num_agents**2, device=edge_index.device)
        self.weight: Float[Tensor, "graph agent agent"] = flat.index_fill_(0, self.place, 1.0).view(
            shape
        )

    def sum(self, x: Float[Tensor, "row feature"]) -> Float[Tensor, "row feature"]:
        """The sum over those that each agent hears."""
        graphs = x.view(*self.weight.shape[:2], -1)
        return torch.bmm(self.weight, graphs).view_as(x)

    def with_oneself(self) -> Bool[Tensor, "graph 1 agent agent"]:
        """Whom each agent hears, itself included."""
        own = torch.eye(self.weight.shape[1], dtype=torch.bool, device=self.weight.device)
        return ((self.weight > 0) | own)[:, None]


def blocks_of(graph: Data) -> Blocks | None:
    """The blocks of a disjoint union of small graphs of one size; None for any other data."""
    edge_index, count = graph.edge_index, count_graphs(graph)
    assert edge_index is not None, "a builder has set the edges"
    rows = graph.num_nodes or 0
    # Only what was batched has `ptr`; graphs of one size are the rule, so that is all to check.
    if "ptr" not in graph or not rows or rows % count or rows // count > LARGEST:
        return None
    if not torch.equal(
        graph.ptr, torch.arange(0, rows + 1, rows // count, device=graph.ptr.device)
    ):
        return None
    return Blocks(edge_index, count, rows // count)


def watched(layer: torch.nn.Module) -> bool:
    """Whether someone counts or cuts what a layer sends over its edges."""
    return bool(layer._message_forward_hooks or layer._propagate_forward_pre_hooks)
