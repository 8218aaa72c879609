"""Adjacency as matrices, block masks and padded neighbour lists, for fast aggregation."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch_geometric.data import Data

from graphmarl.functional.layouts import layout_of
from graphmarl.nn.network import count_graphs
from graphmarl.nn.sparse import CSRMatrix, pair_sum, regular_degree

LARGEST = 40
"""Agents per graph above which sparse matrices are faster than dense ones."""


class DenseMatrix:
    """Adjacency of B graphs of N agents each, as dense N x N matrices.

    Sums over complete graphs take O(N) operations, as the sum over all agents less an agent's own.

    Args:
        edge_index: senders and receivers, without duplicates.
        num_graphs: number of graphs, B.
        num_agents: agents per graph, N.
        complete: whether all agents of a graph are neighbours.

    Attributes:
        shape: B and N.
    """

    def __init__(
        self, edge_index: Tensor, num_graphs: int, num_agents: int, complete: bool = False
    ) -> None:
        self.edge_index, self.complete = edge_index, complete
        self.shape = (num_graphs, num_agents)

    @cached_property
    def flat_index(self) -> Int[Tensor, " edge"]:
        """Index of each edge in the flattened matrices."""
        sender, receiver = self.edge_index.long()
        return receiver * self.shape[1] + sender % self.shape[1]

    @cached_property
    def weight(self) -> Float[Tensor, "graph agent agent"]:
        """1 where agent i (row) of a graph receives from agent j (column), else 0."""
        num_graphs, num_agents = self.shape
        flat = torch.zeros(num_graphs * num_agents**2, device=self.edge_index.device)
        flat.index_fill_(0, self.flat_index, 1.0)
        return flat.view(num_graphs, num_agents, num_agents)

    @cached_property
    def degree(self) -> int:
        """Neighbours of each agent if all have equally many; else 0."""
        return regular_degree(self.edge_index, self.shape[0] * self.shape[1])

    def sum(self, x: Float[Tensor, "row feature"]) -> Float[Tensor, "row feature"]:
        """Sum of the neighbours' features of each agent."""
        graphs = x.unflatten(0, self.shape)
        if self.complete:
            return (graphs.sum(1, keepdim=True) - graphs).flatten(0, 1)
        return torch.bmm(self.weight, graphs).flatten(0, 1)

    def sum_pairs(
        self, u: Float[Tensor, "row feature"], v: Float[Tensor, "row feature"]
    ) -> Float[Tensor, "row feature"]:
        """Sum of relu(u_i + v_j) over the neighbours j of each agent i."""
        return pair_sum(self.edge_index, u, v, self.degree)

    def mask(self, include_self: bool) -> Bool[Tensor, "graph 1 agent agent"] | None:
        """Boolean adjacency, with self loops if they are included; None if it is true everywhere.

        Args:
            include_self: add self loops.
        """
        if self.complete and include_self:
            return None
        if not include_self:
            return (self.weight > 0)[:, None]
        loops = torch.eye(self.shape[1], dtype=torch.bool, device=self.edge_index.device)
        return ((self.weight > 0) | loops)[:, None]


def adjacency_matrix(graph: Data) -> DenseMatrix | CSRMatrix:
    """Fastest matrix form of the edges of a graph, which is made once for all networks."""
    edge_index, kept = graph.edge_index, graph.get("adjacency")
    assert edge_index is not None, "a builder has set the edges"
    if kept is None or kept.edge_index is not edge_index:
        kept = graph["adjacency"] = _fastest(graph, edge_index)
    return kept


def _fastest(graph: Data, edge_index: Tensor) -> DenseMatrix | CSRMatrix:
    """Dense matrices of small graphs and complete ones, else a sparse one."""
    rows, count, layout = graph.num_nodes or 0, count_graphs(graph), layout_of(edge_index)
    if layout is not None and layout.complete and rows == count * layout.num_agents:
        return DenseMatrix(edge_index, count, layout.num_agents, complete=True)
    if "ptr" in graph and rows and rows % count == 0 and rows // count <= LARGEST:
        even = torch.arange(0, rows + 1, rows // count, device=graph.ptr.device)
        if torch.equal(graph.ptr, even):
            return DenseMatrix(edge_index, count, rows // count)
    return CSRMatrix(edge_index, rows)


def has_hooks(layer: nn.Module) -> bool:
    """Whether a message-passing layer has hooks that observe or change its messages."""
    return bool(layer._message_forward_hooks or layer._propagate_forward_pre_hooks)


@dataclass(frozen=True)
class BlockMask:
    """Adjacency of disjoint cliques, such as complete graphs of the live agents.

    All members of a clique receive the same messages, so that they are processed once per clique.

    Args:
        mask: (graph, agent, agent), true for agents of one clique, self loops included.
    """

    mask: Tensor

    @classmethod
    def of(cls, edge_index: Tensor, num_graphs: int, num_agents: int) -> BlockMask | None:
        """The cliques formed by the edges; None if the graph is not a union of cliques.

        Args:
            edge_index: senders and receivers, without self loops and duplicates.
            num_graphs: number of graphs in the disjoint union.
            num_agents: rows per graph.
        """
        sender, receiver = edge_index
        rows = num_graphs * num_agents
        own = torch.arange(rows, device=edge_index.device)
        first = own.scatter_reduce(0, receiver, sender, "amin")
        size = torch.bincount(first, minlength=rows)[first]
        degree = torch.bincount(receiver, minlength=rows)
        if not (torch.equal(first[sender], first[receiver]) and torch.equal(degree + 1, size)):
            return None
        clique = first.view(num_graphs, num_agents)
        return cls(clique[:, :, None] == clique[:, None])

    @classmethod
    def complete(cls, alive: Tensor) -> BlockMask:
        """Complete graph of the live agents, `alive` of shape (graph, agent)."""
        loops = torch.eye(alive.shape[1], dtype=torch.bool, device=alive.device)
        return cls(alive[:, :, None] & alive[:, None] | loops)

    def restrict(self, alive: Tensor) -> BlockMask:
        """The adjacency without the edges of dead agents."""
        return BlockMask(self.mask & BlockMask.complete(alive).mask)


@dataclass(frozen=True)
class NeighborLists:
    """Adjacency of any graph, as one padded neighbour list per agent.

    Args:
        neighbors: (row, slot), rows of the neighbours of each agent, the agent itself first.
        mask: (row, slot), false for padding.
    """

    neighbors: Tensor
    mask: Tensor

    @classmethod
    def of(cls, edge_index: Tensor, rows: int) -> tuple[NeighborLists, Tensor]:
        """Neighbour lists of the edges, and the slot of each edge in the list of its receiver."""
        sender, receiver = edge_index
        order = torch.argsort(receiver, stable=True)
        degree = torch.bincount(receiver, minlength=rows)
        begin = (degree.cumsum(0) - degree)[receiver[order]]
        slot = torch.empty_like(receiver)
        slot[order] = torch.arange(len(receiver), device=receiver.device) - begin + 1
        width = 1 + int(degree.max()) if rows else 1
        neighbors = torch.arange(rows, device=receiver.device)[:, None].repeat(1, width)
        neighbors[receiver, slot] = sender
        mask = torch.arange(width, device=receiver.device) <= degree[:, None]
        return cls(neighbors, mask), slot

    def restrict(self, alive: Tensor) -> NeighborLists:
        """The adjacency without the edges of dead agents."""
        live = alive.flatten()
        mask = self.mask & live[self.neighbors] & live[:, None]
        mask[:, 0] = True
        return NeighborLists(self.neighbors, mask)


Adjacency = BlockMask | NeighborLists


def adjacency_of(edge_index: Tensor, num_graphs: int, num_agents: int) -> Adjacency:
    """Adjacency of the edges: a `BlockMask` if they form cliques, else `NeighborLists`."""
    cliques = BlockMask.of(edge_index, num_graphs, num_agents)
    if cliques is not None:
        return cliques
    return NeighborLists.of(edge_index, num_graphs * num_agents)[0]
