"""Graphs by distance: k nearest neighbours and radius."""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch_geometric.data import Data

from graphmarl.graphs.agents import LiveAgents, canonical, dense_is_faster
from graphmarl.graphs.base import GraphBuilder
from graphmarl.graphs.kd_tree import TIE, Forest, multiplicity
from graphmarl.graphs.topology import complete_edges
from graphmarl.ranges import NonNegativeFloat, PositiveInt


def nearest_dense(agents: LiveAgents, k: int) -> Int[Tensor, "2 edge"]:
    """Edges from the k nearest neighbours, by a dense distance matrix; k < number of agents."""
    square = agents.square_distance()
    return agents.edges_of(smallest(square, k))


def smallest(square: Float[Tensor, "graph slot slot"], k: int) -> Bool[Tensor, "graph slot slot"]:
    """Mask of the k smallest finite entries of each row, ties to the lower index."""
    kth = square.topk(k, dim=2, largest=False).values[..., -1:]
    keep = (square <= kth) & (square < torch.inf)
    surplus = keep.sum(2, keepdim=True) - k
    if (surplus > 0).any():
        # Drop the last of those that are exactly as far as the k-th.
        tied = square == kth
        rank = tied.cumsum(2)
        keep &= ~tied | (rank <= rank[..., -1:] - surplus) | (surplus <= 0)
    return keep


def nearest_tree(agents: LiveAgents, k: int) -> Int[Tensor, "2 edge"]:
    """Edges from the k nearest neighbours, by a k-d tree; k < number of agents."""
    pos, graph = agents.positions.cpu().numpy(), agents.graph.cpu().numpy()
    # Of many agents at one position only the first k + 1 can be among the k nearest of any agent.
    rank = multiplicity(pos, graph)[1]
    candidates = np.flatnonzero(rank <= k) if (rank > k).any() else None
    rows = np.arange(len(pos))
    near = Forest(pos, graph, candidates).nearest(rows, graph, k)
    near.sort(axis=1)
    receiver = np.repeat(rows, k)
    edge = np.stack([near.ravel(), receiver])
    edge_index = torch.from_numpy(edge[:, edge[0] < len(pos)]).to(agents.index.device)
    return agents.index[edge_index]


def nearest(agents: LiveAgents, k: int) -> Int[Tensor, "2 edge"]:
    """Edges from the k nearest neighbours of the same graph, in the faster form."""
    if agents.largest <= k + 1:
        return complete_edges(agents)
    return (nearest_dense if dense_is_faster(agents) else nearest_tree)(agents, k)


class KNN(GraphBuilder):
    """k-nearest-neighbour graph.

    Every live agent receives edges from the k nearest (Euclidean) live agents of its graph, ties
    to the lower index. With fewer than k other live agents, all of them are neighbours.

    Args:
        k: neighbours per agent.

    Raises:
        ValueError: k is less than 1.
    """

    needs_position = True

    def __init__(self, k: PositiveInt = 8) -> None:
        self.k = k

    def edges(self, data: Data, agents: LiveAgents) -> Int[Tensor, "2 edge"]:
        """Edges from the k nearest neighbours."""
        return nearest(agents, self.k)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(k={self.k})"


def within_dense(agents: LiveAgents, r: float) -> Int[Tensor, "2 edge"]:
    """All edges no longer than r, by a dense distance matrix."""
    square = agents.square_distance()
    return agents.edges_of((square <= r * r) & (square < torch.inf))


def within_tree(agents: LiveAgents, r: float) -> Int[Tensor, "2 edge"]:
    """All edges no longer than r, by a k-d tree."""
    pos, graph = agents.positions.cpu().numpy(), agents.graph.cpu().numpy()
    forest = Forest(pos, graph)
    # The tree query is slightly wider than r, but never reaches another graph.
    reach = min(r * (1 + TIE), forest.gap / 2)
    pairs = torch.from_numpy(forest.tree.query_pairs(reach, output_type="ndarray"))
    edge = torch.cat([pairs, pairs.flip(1)]).T.long().to(agents.index.device)
    return canonical(agents.index[shorter(agents, edge, r)], agents.num_nodes)


def shorter(agents: LiveAgents, edge: Int[Tensor, "2 edge"], r: float) -> Int[Tensor, "2 kept"]:
    """The edges (in numbers of live agents) that are no longer than r."""
    dx, dy = (agents.positions[edge[0]] - agents.positions[edge[1]]).unbind(1)
    return edge[:, dx * dx + dy * dy <= r * r]


class Radius(GraphBuilder):
    """Radius graph: neighbours within distance r.

    Every live agent receives edges from all live agents of its graph within the radius.

    Args:
        r: radius in the units of `pos`, inclusive.
        max_neighbors: keep only this many neighbours, the nearest first (ties to the lower index).

    Raises:
        ValueError: r is negative or not a number, or `max_neighbors` is less than 1.
    """

    needs_position = True

    def __init__(self, r: NonNegativeFloat, max_neighbors: PositiveInt | None = None) -> None:
        self.r, self.max_neighbors = r, max_neighbors

    def edges(self, data: Data, agents: LiveAgents) -> Int[Tensor, "2 edge"]:
        """Edges within the radius."""
        if self.max_neighbors is not None and self.max_neighbors < agents.largest - 1:
            near = agents.number[nearest(agents, self.max_neighbors)]
            return agents.index[shorter(agents, near, self.r)]
        if self.r == math.inf:
            return complete_edges(agents)
        return (within_dense if dense_is_faster(agents) else within_tree)(agents, self.r)

    def __repr__(self) -> str:
        cap = "" if self.max_neighbors is None else f", max_neighbors={self.max_neighbors}"
        return f"{type(self).__name__}(r={self.r:g}{cap})"
