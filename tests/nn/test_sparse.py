"""Sparse adjacency matrices against dense products, with their gradients."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from torch_geometric.data import Data

from graphmarl.functional.layouts import Layout
from graphmarl.nn import CSRMatrix, DenseMatrix, adjacency_matrix

ROWS, HEADS, SIZE = 12, 3, 4


def edges(kind: str) -> Tensor:
    adjacency = torch.rand(ROWS, ROWS, generator=torch.Generator().manual_seed(0)) < 0.3
    adjacency.fill_diagonal_(False)
    adjacency[5] = False  # hears nobody
    if kind == "regular":
        sender = (torch.arange(ROWS)[:, None] + torch.tensor([1, 2, 5])) % ROWS
        return torch.stack([sender.flatten(), torch.arange(ROWS).repeat_interleave(3)])
    receiver, sender = adjacency.nonzero().t()
    found = torch.stack([sender, receiver])
    return found[:, torch.randperm(found.shape[1])] if kind == "unsorted" else found


def gradients(outcome: Tensor, inputs: list[Tensor]) -> list[Tensor]:
    weight = torch.linspace(-1, 1, outcome.numel()).view(outcome.shape)
    return list(torch.autograd.grad((outcome * weight).sum(), inputs))


def dense(edge_index: Tensor, weight: Tensor | None = None) -> Tensor:
    matrix = torch.zeros(ROWS, ROWS)
    one = torch.ones(edge_index.shape[1]) if weight is None else weight
    return matrix.index_put((edge_index[1], edge_index[0]), one)


def summed(matrix: CSRMatrix, x: Tensor, y: Tensor, w: Tensor) -> Tensor:
    return matrix.sum(x.flatten(1))


def weighted(matrix: CSRMatrix, x: Tensor, y: Tensor, w: Tensor) -> Tensor:
    return matrix.weighted(w, x)


def product(matrix: CSRMatrix, x: Tensor, y: Tensor, w: Tensor) -> Tensor:
    return matrix.product(x, y)


def pairs(matrix: CSRMatrix, x: Tensor, y: Tensor, w: Tensor) -> Tensor:
    return matrix.sum_pairs(x.flatten(1), y.flatten(1))


def expected(form: Callable, edge_index: Tensor, x: Tensor, y: Tensor, w: Tensor) -> Tensor:
    sender, receiver = edge_index
    if form is summed:
        return dense(edge_index) @ x.flatten(1)
    if form is weighted:
        return torch.stack([dense(edge_index, w[:, h]) @ x[:, h] for h in range(HEADS)], 1)
    if form is product:
        return torch.einsum("ehk,ehk->eh", x[receiver], y[sender])
    each = F.relu(x.flatten(1)[:, None] + y.flatten(1)[None])
    return (each * dense(edge_index)[..., None]).sum(1)


@pytest.mark.parametrize("kind", ["sorted", "unsorted", "regular"])
@pytest.mark.parametrize("form", [summed, weighted, product, pairs])
def test_products_and_gradients_are_those_of_dense_matrices(form, kind, monkeypatch):
    monkeypatch.setattr("graphmarl.nn.sparse.CHUNK", 7)
    torch.manual_seed(1)
    edge_index = edges(kind)
    x, y = (torch.randn(ROWS, HEADS, SIZE, requires_grad=True) for _ in range(2))
    w = torch.randn(edge_index.shape[1], HEADS, requires_grad=True)
    used = {summed: [x], weighted: [x, w], product: [x, y], pairs: [x, y]}[form]
    matrix = CSRMatrix(edge_index, ROWS)
    assert matrix.degree == (3 if kind == "regular" else 0)
    one, two = form(matrix, x, y, w), expected(form, edge_index, x, y, w)
    assert torch.allclose(one, two, atol=1e-5)
    for a, b in zip(gradients(one, used), gradients(two, used), strict=True):
        assert torch.allclose(a, b, atol=1e-5)


def test_second_derivatives_are_refused():
    x = torch.randn(ROWS, SIZE, requires_grad=True)
    out = CSRMatrix(edges("sorted"), ROWS).sum(x * x).pow(2).sum()
    (gradient,) = torch.autograd.grad(out, [x], create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()


def test_complete_graphs_sum_all_agents_but_oneself():
    pair = ~torch.eye(4, dtype=torch.bool)
    receiver, sender = pair.nonzero().t()
    edge_index = Layout.of(torch.stack([sender, receiver]), 4).union(3)
    graph = Data(edge_index=edge_index, num_nodes=12, ptr=torch.arange(0, 13, 4))
    matrix = adjacency_matrix(graph)
    assert isinstance(matrix, DenseMatrix) and matrix.complete
    x = torch.randn(12, 2)
    assert torch.allclose(matrix.sum(x), DenseMatrix(edge_index, 3, 4).sum(x), atol=1e-6)
    assert torch.equal(matrix.weight, DenseMatrix(edge_index, 3, 4).weight)
    graph.edge_index = edge_index[:, 1:]
    assert not getattr(adjacency_matrix(graph), "complete", False)
