"""Edges as matrices, which CPUs multiply much faster than they follow lists of edges."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch_geometric.data import Data

from graphmarl.nn.network import count_graphs

LARGEST = 40
"""Agents of a graph above which a list of edges is faster than a dense matrix in training."""
CHUNK = 16_384
"""Edges at a time, so that what is computed of them stays in the cache."""


class DenseMatrix:
    """Who hears whom in small graphs of N agents each, as B dense matrices of N x N.

    Args:
        edge_index: senders and receivers, no pair twice.
        num_graphs: B.
        num_agents: N.

    Attributes:
        weight: 1 where agent i (row) of each graph hears agent j (column), else 0.
    """

    def __init__(self, edge_index: Tensor, num_graphs: int, num_agents: int) -> None:
        sender, receiver = edge_index.long()
        self.place = receiver * num_agents + sender % num_agents
        flat = torch.zeros(num_graphs * num_agents**2, device=edge_index.device)
        flat.index_fill_(0, self.place, 1.0)
        self.weight = flat.view(num_graphs, num_agents, num_agents)

    def sum(self, x: Float[Tensor, "row feature"]) -> Float[Tensor, "row feature"]:
        """The sum over those that each agent hears."""
        graphs = x.unflatten(0, tuple(self.weight.shape[:2]))
        return torch.bmm(self.weight, graphs).flatten(0, 1)

    def with_self_loops(self) -> Bool[Tensor, "graph 1 agent agent"]:
        """Whom each agent hears, itself included."""
        own = torch.eye(self.weight.shape[1], dtype=torch.bool, device=self.weight.device)
        return ((self.weight > 0) | own)[:, None]


class CSRMatrix:
    """Who hears whom as one sparse matrix; without gradients, for any graphs.

    Args:
        edge_index: senders and receivers.
        num_nodes: rows.
    """

    def __init__(self, edge_index: Int[Tensor, "2 edge"], num_nodes: int) -> None:
        self.sender, self.receiver = edge_index.long()
        self.order = self.receiver.argsort(stable=True)
        self.column = self.sender[self.order]
        self.shape = (num_nodes, num_nodes)
        self.pointer = torch.zeros(num_nodes + 1, dtype=torch.long, device=edge_index.device)
        torch.cumsum(torch.bincount(self.receiver, minlength=num_nodes), 0, out=self.pointer[1:])

    def weighted(
        self, weight: Float[Tensor, " edge"], x: Float[Tensor, "row feature"]
    ) -> Float[Tensor, "row feature"]:
        """The sum over those that each agent hears, by the weights of the edges."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Sparse (CSR tensor|invariant)")
            matrix = torch.sparse_csr_tensor(
                self.pointer, self.column, weight[self.order], self.shape
            )
            return matrix @ x

    def sum(self, x: Float[Tensor, "row feature"]) -> Float[Tensor, "row feature"]:
        """The sum over those that each agent hears."""
        return self.weighted(x.new_ones(len(self.sender)), x)

    def product(
        self, q: Float[Tensor, "row head key"], k: Float[Tensor, "row head key"]
    ) -> Float[Tensor, "edge head"]:
        """The inner product of the receiver's and the sender's vectors on each edge."""
        parts = zip(self.receiver.split(CHUNK), self.sender.split(CHUNK), strict=True)
        each = [(q[i] * k[j]).sum(-1) for i, j in parts]
        return torch.cat(each) if each else q.new_empty(0, q.shape[1])


def adjacency_matrix(graph: Data) -> DenseMatrix | CSRMatrix | None:
    """What is fastest for the edges of a graph; None where that are the edges themselves."""
    edge_index, count = graph.edge_index, count_graphs(graph)
    assert edge_index is not None, "a builder has set the edges"
    rows = graph.num_nodes or 0
    if "ptr" in graph and rows and rows % count == 0 and rows // count <= LARGEST:
        even = torch.arange(0, rows + 1, rows // count, device=graph.ptr.device)
        if torch.equal(graph.ptr, even):
            return DenseMatrix(edge_index, count, rows // count)
    return None if torch.is_grad_enabled() else CSRMatrix(edge_index, rows)


def watched(layer: nn.Module) -> bool:
    """Whether someone counts or cuts what a layer sends over its edges."""
    return bool(layer._message_forward_hooks or layer._propagate_forward_pre_hooks)


@dataclass(frozen=True)
class BlockMask:
    """Groups in which everyone hears everyone, as in a complete graph; the dead are alone.

    All that a member knows is known to its whole group, which computes it once.

    Args:
        mask: (graph, agent, agent), who is in one group with whom, oneself included.
    """

    mask: Tensor

    @classmethod
    def of(cls, edge_index: Tensor, num_graphs: int, num_agents: int) -> BlockMask | None:
        """The groups that some edges make; None if they make none.

        Args:
            edge_index: senders and receivers, without loops and each pair once.
            num_graphs: graphs in the disjoint union.
            num_agents: rows of each.
        """
        sender, receiver = edge_index
        rows = num_graphs * num_agents
        own = torch.arange(rows, device=edge_index.device)
        first = own.scatter_reduce(0, receiver, sender, "amin")
        size = torch.bincount(first, minlength=rows)[first]
        degree = torch.bincount(receiver, minlength=rows)
        if not (torch.equal(first[sender], first[receiver]) and torch.equal(degree + 1, size)):
            return None
        group = first.view(num_graphs, num_agents)
        return cls(group[:, :, None] == group[:, None])

    @classmethod
    def living(cls, alive: Tensor) -> BlockMask:
        """All the living of each graph (graph, agent) in one group."""
        alone = torch.eye(alive.shape[1], dtype=torch.bool, device=alive.device)
        return cls(alive[:, :, None] & alive[:, None] | alone)

    def among(self, alive: Tensor) -> BlockMask:
        """The same without the dead, who neither hear nor are heard."""
        return BlockMask(self.mask & BlockMask.living(alive).mask)


@dataclass(frozen=True)
class NeighborLists:
    """Any graph: each agent with a list of its own of those that it hears, itself first.

    Args:
        place: (row, slot), whom the agent of a row hears, as rows.
        heard: (row, slot), false where a list is longer than needed.
    """

    place: Tensor
    heard: Tensor

    @classmethod
    def of(cls, edge_index: Tensor, rows: int) -> tuple[NeighborLists, Tensor]:
        """The lists that some edges make, and the slot of each edge in that of its receiver."""
        sender, receiver = edge_index
        order = torch.argsort(receiver, stable=True)
        degree = torch.bincount(receiver, minlength=rows)
        begin = (degree.cumsum(0) - degree)[receiver[order]]
        slot = torch.empty_like(receiver)
        slot[order] = torch.arange(len(receiver), device=receiver.device) - begin + 1
        width = 1 + int(degree.max()) if rows else 1
        place = torch.arange(rows, device=receiver.device)[:, None].repeat(1, width)
        place[receiver, slot] = sender
        heard = torch.arange(width, device=receiver.device) <= degree[:, None]
        return cls(place, heard), slot

    def among(self, alive: Tensor) -> NeighborLists:
        """The same without the dead, who neither hear nor are heard."""
        lives = alive.flatten()
        heard = self.heard & lives[self.place] & lives[:, None]
        heard[:, 0] = True
        return NeighborLists(self.place, heard)


Adjacency = BlockMask | NeighborLists


def adjacency_of(edge_index: Tensor, num_graphs: int, num_agents: int) -> Adjacency:
    """Who hears whom over some edges, in the quicker form where there is one."""
    cliques = BlockMask.of(edge_index, num_graphs, num_agents)
    if cliques is not None:
        return cliques
    return NeighborLists.of(edge_index, num_graphs * num_agents)[0]
