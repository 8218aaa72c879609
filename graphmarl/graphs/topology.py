"""Graphs without geometry: complete, empty, random, and the links of the environment."""

from __future__ import annotations

from functools import cache

import torch
from jaxtyping import Int
from torch import Tensor
from torch_geometric.data import Data

from graphmarl.functional.layouts import Layout
from graphmarl.graphs.agents import LiveAgents, canonical
from graphmarl.graphs.base import GraphBuilder
from graphmarl.ranges import PositiveInt


def complete_edges(agents: LiveAgents) -> Int[Tensor, "2 edge"]:
    """All ordered pairs of live agents of the same graph."""
    device = agents.index.device
    count = agents.count[agents.graph]
    receiver = torch.repeat_interleave(torch.arange(len(count), device=device), count)
    first = count.cumsum(0) - count
    sender = torch.arange(len(receiver), device=device) - first[receiver]
    sender += agents.start[agents.graph[receiver]]
    other = sender != receiver
    return agents.index[torch.stack([sender[other], receiver[other]])]


class Complete(GraphBuilder):
    """Complete graph of the live agents."""

    def edges(self, data: Data, agents: LiveAgents) -> Int[Tensor, "2 edge"]:
        """All ordered pairs of live agents."""
        if not agents.equal_size:
            return complete_edges(agents)
        layout = complete_layout(agents.equal_size, agents.index.device)
        return layout.union(agents.num_graphs)


@cache
def complete_layout(num_agents: int, device: torch.device) -> Layout:
    """Edges of a complete graph of agents that are all alive.

    Args:
        num_agents: N.
        device: where the edges are.
    """
    pair = ~torch.eye(num_agents, dtype=torch.bool, device=device)
    receiver, sender = pair.nonzero().t()
    return Layout.of(torch.stack([sender, receiver]), num_agents)


class NoEdges(GraphBuilder):
    """Empty graph, without any edges."""

    def edges(self, data: Data, agents: LiveAgents) -> Int[Tensor, "2 edge"]:
        """No edges."""
        return agents.index.new_empty(2, 0)


class Links(GraphBuilder):
    """Links of the environment (roads, rails, visibility).

    Reads `data.links`, an `edge_index` over the rows of the data. Links from or to dead agents are
    dropped, duplicates are merged.

    Raises:
        ValueError: a link is not a pair of rows of one graph, or is a self loop.
    """

    needs_links = True

    def __init__(self) -> None:
        super().__init__()
        self._last: tuple[Tensor, int, Layout] | None = None

    def edges(self, data: Data, agents: LiveAgents) -> Int[Tensor, "2 edge"]:
        """The links between live agents; those that do not change are computed once."""
        size, links = agents.equal_size, data.links
        if not size:
            return self._between_live(links, agents)
        if self._last is not None:
            before, graphs, layout = self._last
            same = graphs == agents.num_graphs and layout.num_agents == size
            if same and before.device == links.device and torch.equal(before, links):
                return layout.union(graphs)
        edge_index = self._between_live(links, agents)
        layout = Layout.repeated(edge_index, agents.num_graphs, size)
        if layout is None:
            return edge_index
        self._last = links.clone(), agents.num_graphs, layout
        return layout.union(agents.num_graphs)

    @staticmethod
    def _between_live(links: Tensor, agents: LiveAgents) -> Int[Tensor, "2 edge"]:
        """The links between live agents, without duplicates."""
        rows = agents.num_nodes
        if links.dim() != 2 or links.shape[0] != 2:
            raise ValueError(f"`links` has shape {tuple(links.shape)}; expected (2, edges)")
        if ((links < 0) | (links >= rows)).any():
            low, high = int(links.min()), int(links.max())
            raise ValueError(f"`links` has rows from {low} to {high}; allowed are 0 to {rows - 1}")
        if (links[0] == links[1]).any():
            row = int(links[0][links[0] == links[1]][0])
            raise ValueError(f"`links` joins agent {row} with itself; self loops are not allowed")
        graph = torch.searchsorted(agents.ptr, links.contiguous(), right=True)
        if (graph[0] != graph[1]).any():
            raise ValueError("`links` joins agents of different graphs of the batch")
        links = links[:, (agents.number[links] >= 0).all(0)].long()
        key = torch.unique(links[1] * rows + links[0])
        return torch.stack([key % rows, key // rows]) if rows else links


class Random(GraphBuilder):
    """Random graph: k neighbours per agent, drawn anew in every step.

    The k neighbours are distinct live agents of the same graph, sampled uniformly; with fewer than
    k other live agents, all of them are neighbours.

    Args:
        k: neighbours per agent.

    Raises:
        ValueError: k is less than 1.
    """

    stochastic = True

    def __init__(self, k: PositiveInt = 8) -> None:
        self.k = k

    def edges(self, data: Data, agents: LiveAgents) -> Int[Tensor, "2 edge"]:
        """Floyd's sampling without replacement for all agents in parallel, one draw per round.

        Of the other agents 0..n-1, round s draws t from 0..j with j = n - k + s, and takes j itself
        if t has been taken before.
        """
        others = agents.count[agents.graph] - 1
        k = max(0, min(self.k, agents.largest - 1))
        draw = torch.rand(len(others), k, generator=self._get_generator(), dtype=torch.float64)
        draw = draw.to(others.device)
        first = others - others.clamp(max=k)
        chosen = torch.full((len(others), k), -1, device=others.device)
        for s in range(k):
            last = first + s
            pick = (draw[:, s] * (last + 1)).long().minimum(last)
            taken = (chosen[:, :s] == pick.unsqueeze(1)).any(1)
            chosen[:, s] = torch.where(last < others, torch.where(taken, last, pick), -1)
        receiver, column = (chosen >= 0).nonzero().unbind(1)
        sender = chosen[receiver, column] + agents.start[agents.graph[receiver]]
        sender += sender >= receiver
        edge_index = agents.index[torch.stack([sender, receiver])]
        return canonical(edge_index, agents.num_nodes)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(k={self.k})"
