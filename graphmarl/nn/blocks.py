"""Edges as matrices, which CPUs multiply much faster than they follow lists of edges."""

from __future__ import annotations

import warnings

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch_geometric.data import Data

from graphmarl.nn.network import count_graphs

LARGEST = 40
"""Agents of a graph above which a list of edges is faster than a dense matrix in training."""
CHUNK = 16_384
"""Edges at a time, so that what is computed of them stays in the cache."""


class Blocks:
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

    def with_oneself(self) -> Bool[Tensor, "graph 1 agent agent"]:
        """Whom each agent hears, itself included."""
        own = torch.eye(self.weight.shape[1], dtype=torch.bool, device=self.weight.device)
        return ((self.weight > 0) | own)[:, None]


class Rows:
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


def blocks_of(graph: Data) -> Blocks | Rows | None:
    """What is fastest for the edges of a graph; None where that are the edges themselves."""
    edge_index, count = graph.edge_index, count_graphs(graph)
    assert edge_index is not None, "a builder has set the edges"
    rows = graph.num_nodes or 0
    if "ptr" in graph and rows and rows % count == 0 and rows // count <= LARGEST:
        even = torch.arange(0, rows + 1, rows // count, device=graph.ptr.device)
        if torch.equal(graph.ptr, even):
            return Blocks(edge_index, count, rows // count)
    return None if torch.is_grad_enabled() else Rows(edge_index, rows)


def watched(layer: nn.Module) -> bool:
    """Whether someone counts or cuts what a layer sends over its edges."""
    return bool(layer._message_forward_hooks or layer._propagate_forward_pre_hooks)
