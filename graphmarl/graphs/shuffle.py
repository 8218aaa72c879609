"""Random partners: the edges of another builder, rewired at random with the same degrees."""

from __future__ import annotations

import torch
from jaxtyping import Int
from torch import Tensor
from torch_geometric.data import Data

from graphmarl.graphs.agents import LiveAgents, canonical
from graphmarl.graphs.base import GraphBuilder
from graphmarl.graphs.wrappers import Wrapper

ROUNDS = 20
"""Rounds of exchanges. Every edge takes part in each, and most edges of a sparse graph are changed
by the first, so that little is left of the order of the edges."""


class ShuffleEdges(Wrapper):
    """Shuffled edges: those of another builder with random partners, a control of who hears whom.

    Every agent keeps the number of agents that it hears (in-degree) and of agents that hear it
    (out-degree); who they are is drawn anew in each step, among the live agents of the same graph.
    Groups of two or three random edges exchange their receivers, unless this would make a self loop
    or an edge that is there already. A true partner can be drawn too: the more neighbours an agent
    has, the more often. The complete graph, the empty one and all others whose degrees allow a
    single graph are unchanged. A symmetric graph becomes a directed one.

    Args:
        builder: the wrapped builder.
        shuffle: exchange partners; if off, the edges are those of the wrapped builder.
    """

    def __init__(self, builder: GraphBuilder, shuffle: bool = True) -> None:
        super().__init__(builder)
        self.shuffle = shuffle
        self.stochastic = builder.stochastic or shuffle

    def edges(self, data: Data, agents: LiveAgents) -> Int[Tensor, "2 edge"]:
        """The edges after all rounds, alternately with groups of two and of three."""
        edge_index = self.builder.edges(data, agents)
        if not self.shuffle or edge_index.shape[1] < 2:
            return edge_index
        graph = agents.graph[agents.number[edge_index[1]]]
        draws = torch.rand(
            ROUNDS, len(graph), generator=self._get_generator(), dtype=torch.float64
        ).to(graph.device)
        for number, draw in enumerate(draws):
            edge_index = exchanged(edge_index, graph, draw, 2 + number % 2, agents.num_nodes)
        return canonical(edge_index, agents.num_nodes)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.builder!r}, shuffle={self.shuffle})"


def exchanged(
    edge_index: Int[Tensor, "2 edge"],
    graph: Int[Tensor, " edge"],
    draw: Tensor,
    size: int,
    num_nodes: int,
) -> Int[Tensor, "2 edge"]:
    """Edges after one exchange of receivers within random groups of edges of the same graph.

    Args:
        edge_index: senders and receivers, without self loops and duplicates.
        graph: graph of each edge, sorted.
        draw: random number of each edge, in [0, 1).
        size: edges of each group, 2 or more; edges that are left over keep their receivers.
        num_nodes: number of rows.
    """
    # Stable, so that the edges of each graph stay together.
    order = draw.argsort()
    order = order[graph[order].argsort(stable=True)]
    count = torch.bincount(graph)
    place = torch.arange(len(graph), device=graph.device) - (count.cumsum(0) - count)[graph]
    last = place % size == size - 1
    follower = torch.arange(len(graph), device=graph.device) + torch.where(last, 1 - size, 1)
    whole = place - place % size + size <= count[graph]
    sender, receiver = edge_index[:, order]
    other = receiver[torch.where(whole, follower, 0)]
    old = receiver * num_nodes + sender
    new = torch.where(whole, other * num_nodes + sender, old)
    # An edge that is proposed twice, or is there before the exchange, would be a duplicate.
    _, which, times = torch.unique(new, return_inverse=True, return_counts=True)
    good = whole & (sender != other) & (times[which] == 1) & ~torch.isin(new, old)
    group = (count // size).cumsum(0) - count // size
    group = torch.where(whole, group[graph] + place // size, 0)
    accepted = torch.bincount(group[good], minlength=len(graph))[group] == size
    return torch.stack([sender, torch.where(whole & accepted, other, receiver)])
