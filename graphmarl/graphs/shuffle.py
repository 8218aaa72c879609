"""Random partners: the edges of another builder, rewired at random with the same degrees."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch_geometric.data import Data

from graphmarl.graphs.agents import LiveAgents, canonical
from graphmarl.graphs.base import GraphBuilder
from graphmarl.graphs.wrappers import Wrapper

DRAWN = 2**31
"""Number of different random numbers by which edges are sorted."""
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
        shuffle: give every agent random partners; if off, the edges are those of the wrapped
            builder.
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
        groups = [EdgeGroups.of(graph, size) for size in (2, 3)]
        for number, order in enumerate(shuffled(graph, draws)):
            edge_index = exchanged(edge_index[:, order], groups[number % 2], agents.num_nodes)
        return canonical(edge_index, agents.num_nodes)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.builder!r}, shuffle={self.shuffle})"


def shuffled(
    graph: Int[Tensor, " edge"], draws: Float[Tensor, "round edge"]
) -> Int[Tensor, "round edge"]:
    """Random orders of the edges, in which those of each graph stay together.

    Args:
        graph: graph of each edge, sorted.
        draws: random numbers in [0, 1).
    """
    # Integers: a sum of graph and draw could be rounded up to the next graph.
    return (graph * DRAWN + (draws * DRAWN).long()).argsort(stable=True)


@dataclass(frozen=True)
class EdgeGroups:
    """Groups of as many neighbouring edges of the same graph, in any order of the edges.

    Args:
        follower: of each edge, the one whose receiver it gets: the next of its group, or the first
            for the last; itself for edges that are left over.
        group: number of its group; one after the last for edges that are left over.
        count: number of groups.
    """

    follower: Int[Tensor, " edge"]
    group: Int[Tensor, " edge"]
    count: int

    @classmethod
    def of(cls, graph: Int[Tensor, " edge"], size: int) -> EdgeGroups:
        """Groups of `size` edges each.

        Args:
            graph: graph of each edge, sorted.
            size: edges of each group, 2 or more.
        """
        edges = torch.arange(len(graph), device=graph.device)
        count = torch.bincount(graph)
        place = edges - (count.cumsum(0) - count)[graph]
        whole = place - place % size + size <= count[graph]
        step = torch.where(place % size == size - 1, 1 - size, 1)
        first = (count // size).cumsum(0) - count // size
        total = int((count // size).sum())
        group = torch.where(whole, first[graph] + place // size, total)
        return cls(edges + step * whole, group, total)


def exchanged(
    edge_index: Int[Tensor, "2 edge"], groups: EdgeGroups, num_nodes: int
) -> Int[Tensor, "2 edge"]:
    """Edges after an exchange of receivers in those groups where it makes a simple graph.

    Args:
        edge_index: senders and receivers, without self loops and duplicates.
        groups: the groups.
        num_nodes: number of rows.
    """
    sender, receiver = edge_index
    other = receiver[groups.follower]
    # An edge that is proposed twice, or is there before the exchange, would be a duplicate.
    keys, order = torch.cat([receiver * num_nodes + sender, other * num_nodes + sender]).sort()
    same = torch.zeros(len(keys) + 1, dtype=torch.bool, device=keys.device)
    same[1:-1] = keys[1:] == keys[:-1]
    repeated = torch.empty_like(same[1:])
    repeated[order] = same[1:] | same[:-1]
    bad = repeated[len(sender) :] | (sender == other)
    spoiled = torch.zeros(groups.count + 1, dtype=torch.bool, device=keys.device)
    spoiled[groups.group[bad]] = True
    return torch.stack([sender, torch.where(spoiled[groups.group], receiver, other)])
