"""Sparse adjacency matrices, with gradients and without features of edges in memory."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from functools import cached_property
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

CHUNK = 8_192
"""Edges per chunk, so that intermediate results stay in the cache."""


class Compressed(NamedTuple):
    """Edges sorted by one of their ends.

    Args:
        pointer: edges `pointer[i]` to `pointer[i + 1]` are those of row i.
        other: the other end of each edge.
        order: number of each edge before it was sorted; None if the edges were sorted.
    """

    pointer: Int[Tensor, " row_plus_1"]
    other: Int[Tensor, " edge"]
    order: Int[Tensor, " edge"] | None

    @classmethod
    def of(cls, by: Tensor, other: Tensor, rows: int) -> Compressed:
        """The edges sorted by one end.

        Args:
            by: this end of each edge.
            other: the other end.
            rows: number of rows.
        """
        order = None
        if not bool((by[1:] >= by[:-1]).all()):
            order = by.argsort(stable=True)
            other = other[order]
        pointer = torch.zeros(rows + 1, dtype=torch.long, device=by.device)
        torch.cumsum(torch.bincount(by, minlength=rows), 0, out=pointer[1:])
        return cls(pointer, other, order)

    def sum(self, weight: Tensor | None, x: Float[Tensor, "row ..."]) -> Tensor:
        """Sum of x at the other ends of the edges of each row.

        Args:
            weight: weight of each edge (edge, head), as many as x has heads; None for ones.
            x: features (row, feature), or (row, head, feature) with weights.
        """
        if weight is None:
            return self._product(x.new_ones(len(self.other)), x)
        weight = weight if self.order is None else weight[self.order]
        each = [self._product(weight[:, h].contiguous(), x[:, h]) for h in range(x.shape[1])]
        return torch.stack(each, 1)

    def _product(self, values: Tensor, x: Tensor) -> Tensor:
        shape = (len(self.pointer) - 1, len(x))
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Sparse (CSR tensor|invariant)")
            return torch.sparse_csr_tensor(self.pointer, self.other, values, shape) @ x


class CSRMatrix:
    """Adjacency as one sparse CSR matrix, for graphs of any size.

    Gradients are products with the transposed matrix. No tensor has the features of every edge, so
    that memory does not grow with the number of edges times that of features.

    Args:
        edge_index: senders and receivers.
        num_nodes: number of rows.
    """

    def __init__(self, edge_index: Int[Tensor, "2 edge"], num_nodes: int) -> None:
        self.edge_index, self.num_nodes = edge_index, num_nodes
        self.sender, self.receiver = edge_index.long()

    @cached_property
    def by_receiver(self) -> Compressed:
        """The edges sorted by receiver: rows of the matrix."""
        return Compressed.of(self.receiver, self.sender, self.num_nodes)

    @cached_property
    def by_sender(self) -> Compressed:
        """The edges sorted by sender: rows of the transposed matrix."""
        return Compressed.of(self.sender, self.receiver, self.num_nodes)

    @cached_property
    def degree(self) -> int:
        """Neighbours of each agent if all have equally many; else 0."""
        return regular_degree(self.edge_index, self.num_nodes)

    def sum(self, x: Float[Tensor, "row feature"]) -> Float[Tensor, "row feature"]:
        """Sum of the neighbours' features of each agent."""
        return _Sum.apply(self, x)

    def weighted(
        self, weight: Float[Tensor, "edge head"], x: Float[Tensor, "row head feature"]
    ) -> Float[Tensor, "row head feature"]:
        """Sum of the neighbours' features of each agent, weighted by edge and head."""
        return _WeightedSum.apply(self, weight, x)

    def product(
        self, q: Float[Tensor, "row head key"], k: Float[Tensor, "row head key"]
    ) -> Float[Tensor, "edge head"]:
        """Inner product of the receiver's query and the sender's key on each edge."""
        return _Product.apply(self, q, k)

    def sum_pairs(
        self, u: Float[Tensor, "row feature"], v: Float[Tensor, "row feature"]
    ) -> Float[Tensor, "row feature"]:
        """Sum of relu(u_i + v_j) over the neighbours j of each agent i."""
        return pair_sum(self.edge_index, u, v, self.degree)


def edge_products(matrix: CSRMatrix, q: Tensor, k: Tensor) -> Float[Tensor, "edge head"]:
    """Inner products of features of receivers and senders, chunk by chunk."""
    parts = zip(matrix.receiver.split(CHUNK), matrix.sender.split(CHUNK), strict=True)
    each = [(q.index_select(0, i).mul_(k.index_select(0, j))).sum(-1) for i, j in parts]
    return torch.cat(each) if each else q.new_empty(0, q.shape[1])


def regular_degree(edge_index: Int[Tensor, "2 edge"], rows: int) -> int:
    """Neighbours of each agent if all have equally many and edges are sorted by receiver; else 0.

    Args:
        edge_index: senders and receivers.
        rows: number of agents.
    """
    degree = edge_index.shape[1] // max(rows, 1)
    if not degree or degree * rows != edge_index.shape[1]:
        return 0
    receiver = edge_index[1].view(rows, degree)
    return (
        degree
        if bool((receiver == torch.arange(rows, device=receiver.device)[:, None]).all())
        else 0
    )


def pair_sum(
    edge_index: Int[Tensor, "2 edge"],
    u: Float[Tensor, "row feature"],
    v: Float[Tensor, "row feature"],
    degree: int = 0,
) -> Float[Tensor, "row feature"]:
    """Sum of relu(u_i + v_j) over the neighbours j of each agent i.

    Args:
        edge_index: senders j and receivers i.
        u: features of receivers.
        v: features of senders.
        degree: the `regular_degree` of the edges.
    """
    return _PairSum.apply(edge_index.long(), u, v, degree)


class _Sum(Function):
    """A x, where A is the adjacency matrix."""

    @staticmethod
    def forward(ctx: Any, matrix: CSRMatrix, x: Tensor) -> Tensor:
        ctx.matrix = matrix
        return matrix.by_receiver.sum(None, x)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        return None, ctx.matrix.by_sender.sum(None, gradients[0])


class _WeightedSum(Function):
    """A x for each head, where the entries of A are weights of the edges."""

    @staticmethod
    def forward(ctx: Any, matrix: CSRMatrix, weight: Tensor, x: Tensor) -> Tensor:
        ctx.matrix = matrix
        ctx.save_for_backward(weight, x)
        return matrix.by_receiver.sum(weight, x)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (weight, x), matrix = ctx.saved_tensors, ctx.matrix
        return (
            None,
            edge_products(matrix, gradients[0], x),
            matrix.by_sender.sum(weight, gradients[0]),
        )


class _Product(Function):
    """q_i k_j on each edge, for each head."""

    @staticmethod
    def forward(ctx: Any, matrix: CSRMatrix, q: Tensor, k: Tensor) -> Tensor:
        ctx.matrix = matrix
        ctx.save_for_backward(q, k)
        return edge_products(matrix, q, k)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (q, k), matrix = ctx.saved_tensors, ctx.matrix
        by_receiver = matrix.by_receiver.sum(gradients[0], k)
        return None, by_receiver, matrix.by_sender.sum(gradients[0], q)


class _PairSum(Function):
    """Sum of relu(u_i + v_j) over neighbours j, whose terms are computed again backward."""

    @staticmethod
    def forward(ctx: Any, edge_index: Tensor, u: Tensor, v: Tensor, degree: int) -> Tensor:
        ctx.save_for_backward(edge_index, u, v)
        ctx.degree, out = degree, torch.zeros_like(u)
        for sender, receiver, rows in _chunks(edge_index, degree):
            pair = _pairs(u, v, sender, receiver, rows, degree).relu_()
            if degree:
                torch.sum(pair, 1, out=out[rows])
            else:
                out.index_add_(0, receiver, pair)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (edge_index, u, v), g = ctx.saved_tensors, gradients[0]
        du, dv = torch.zeros_like(u), torch.zeros_like(v)
        for sender, receiver, rows in _chunks(edge_index, ctx.degree):
            active = _pairs(u, v, sender, receiver, rows, ctx.degree) > 0
            if ctx.degree:
                each = g[rows][:, None] * active
                torch.sum(each, 1, out=du[rows])
            else:
                each = g.index_select(0, receiver).mul_(active)
                du.index_add_(0, receiver, each)
            dv.index_add_(0, sender, each.view(-1, v.shape[1]))
        return None, du, dv, None


def _chunks(edge_index: Tensor, degree: int) -> Iterator[tuple[Tensor, Tensor, slice]]:
    """Senders and receivers of some edges, and the rows of these receivers if degrees are equal."""
    size = CHUNK if not degree else max(1, CHUNK // degree) * degree
    for number, ends in enumerate(edge_index.split(size, 1)):
        first = number * size // degree if degree else 0
        yield ends[0], ends[1], slice(first, first + (ends.shape[1] // degree if degree else 0))


def _pairs(
    u: Tensor, v: Tensor, sender: Tensor, receiver: Tensor, rows: slice, degree: int
) -> Tensor:
    """u_i + v_j on some edges: (edge, feature), or (row, neighbour, feature) for equal degrees."""
    of_sender = v.index_select(0, sender)
    if degree:
        return of_sender.view(-1, degree, v.shape[1]).add_(u[rows][:, None])
    return of_sender.add_(u.index_select(0, receiver))
