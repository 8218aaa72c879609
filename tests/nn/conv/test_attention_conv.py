"""Attention against a plain loop and against PyTorch's own."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from graphmarl.nn import AttentionConv
from graphmarl.nn.adjacency import CSRMatrix, DenseMatrix

LINE = torch.tensor([[0, 1, 1, 2, 2, 3], [1, 0, 2, 1, 3, 2]])
COMPLETE = torch.tensor([(i, j) for i in range(4) for j in range(4) if i != j]).T
NONE = torch.empty(2, 0, dtype=torch.long)
every_form = pytest.mark.parametrize(
    ("heads", "key", "activation"),
    [(1, None, None), (2, None, None), (3, 5, None), (2, 4, nn.ReLU()), (6, None, nn.Tanh())],
)


def plain(
    conv: AttentionConv, x: torch.Tensor, edges: torch.Tensor, scale: float | None = None
) -> torch.Tensor:
    """softmax(q_i . k_j / sqrt(d)) v_j, agent by agent and head by head."""
    scale = scale or conv.key**0.5
    rows = []
    for i in range(len(x)):
        received = [*[i] * conv.include_self, *edges[0][edges[1] == i].tolist()]
        parts = []
        for head in range(conv.heads):
            keys = slice(head * conv.key, (head + 1) * conv.key)
            values = slice(head * conv.width, (head + 1) * conv.width)
            q = conv.activation(conv.query(x[i]))[keys]
            k = conv.activation(conv.signature(x[received]))[:, keys]
            v = conv.activation(conv.value(x[received]))[:, values]
            alpha = (k @ q / scale).exp()
            parts.append((alpha / alpha.sum()) @ v)
        rows.append(torch.cat(parts))
    return torch.stack(rows)


@every_form
@pytest.mark.parametrize("edges", [LINE, COMPLETE, NONE])
def test_equals_a_plain_loop(heads, key, activation, edges):
    conv, x = AttentionConv(3, 6, heads, key, activation), torch.randn(4, 3)
    assert torch.allclose(conv(x, edges), plain(conv, x, edges), atol=1e-5)


@every_form
def test_equals_the_attention_of_pytorch_on_complete_graphs(heads, key, activation):
    conv, x = AttentionConv(3, 6, heads, key, activation), torch.randn(4, 3)
    q, k, v = (
        conv.activation(part(x)).view(4, heads, -1).transpose(0, 1)
        for part in (conv.query, conv.signature, conv.value)
    )
    theirs = F.scaled_dot_product_attention(q, k, v).transpose(0, 1).flatten(1)
    assert torch.allclose(conv(x, COMPLETE), theirs, atol=1e-5)


def test_shares_by_hand():
    # Queries are 1 and keys 0, ln 2 and ln 5 for the agents in order: shares 1 : 2 : 5.
    conv = AttentionConv(1, 1)
    for part, weight, bias in ((conv.query, 0.0, 1.0), (conv.signature, 1.0, 0.0)):
        nn.init.constant_(part.weight, weight)
        nn.init.constant_(part.bias, bias)
    nn.init.constant_(conv.value.weight, 0.0)
    conv.value.forward = lambda x: torch.tensor([[1.0], [10.0], [100.0]])  # type: ignore[method-assign]
    x = torch.tensor([1.0, 2.0, 5.0]).log()[:, None]
    edges = torch.tensor([[1, 2, 0], [0, 0, 2]])
    alpha, own = conv.attention(x, edges)
    assert torch.allclose(alpha[:, 0], torch.tensor([2 / 8, 5 / 8, 1 / 6]))
    assert torch.allclose(own[:, 0], torch.tensor([1 / 8, 1, 5 / 6]))
    expected = torch.tensor([(1 + 20 + 500) / 8, 10, (1 + 500) / 6])
    assert torch.allclose(conv(x, edges)[:, 0], expected)


@every_form
def test_a_lone_agent_attends_to_itself_alone(heads, key, activation):
    conv, x = AttentionConv(3, 6, heads, key, activation), torch.randn(4, 3)
    alpha, own = conv.attention(x, NONE)
    assert alpha.shape == (0, heads)
    assert torch.equal(own, torch.ones(4, heads))
    assert torch.equal(conv(x, NONE), conv.activation(conv.value(x)))


@every_form
def test_shares_of_one_agent_add_up_to_one(heads, key, activation):
    conv, x = AttentionConv(3, 6, heads, key, activation), torch.randn(4, 3)
    alpha, own = conv.attention(x, LINE)
    assert alpha.shape == (6, heads)
    assert torch.allclose(own.index_add(0, LINE[1], alpha), torch.ones(4, heads))


def test_attention_that_is_passed_is_the_one_that_weighs():
    conv, x = AttentionConv(3, 6, 2), torch.randn(4, 3)
    alpha = torch.tensor([[0.5, 0.0]]).repeat(6, 1), torch.tensor([[2.0, 1.0]]).repeat(4, 1)
    v = conv.value(x)
    assert torch.allclose(conv(x, LINE, alpha)[0, :3], 2 * v[0, :3] + 0.5 * v[1, :3])
    assert torch.allclose(conv(x, LINE, alpha)[0, 3:], v[0, 3:])


def test_large_scores_do_not_overflow():
    conv, x = AttentionConv(3, 6, 2), 1e4 * torch.randn(4, 3)
    assert torch.isfinite(conv(x, COMPLETE)).all()


def test_importance_of_a_bit_is_the_attention_of_its_head():
    alpha = torch.tensor([[0.1, 0.7]])
    importance = AttentionConv(3, 6, 2).importance(torch.randn(1, 6), torch.randn(1, 6), alpha)
    assert torch.equal(importance, torch.tensor([[0.1, 0.1, 0.1, 0.7, 0.7, 0.7]]))


def test_heads_that_do_not_divide_the_output_are_refused():
    with pytest.raises(ValueError, match="out_channels is 6; it must be a multiple of 4 heads"):
        AttentionConv(3, 6, 4)


@pytest.mark.parametrize("edges", [LINE, COMPLETE, NONE, LINE[:, :2]])
def test_without_oneself_and_with_another_scale_it_equals_a_plain_loop(edges):
    conv = AttentionConv(3, 6, heads=2, include_self=False, scale=0.7)
    x = torch.randn(4, 3)
    # An agent without neighbours has a sum over nothing.
    expected = plain(conv, x, edges, 0.7).nan_to_num()
    assert torch.allclose(conv(x, edges), expected, atol=1e-5)
    for matrix in (DenseMatrix(edges, 1, 4), CSRMatrix(edges, 4)):
        with torch.no_grad():
            out, alpha = conv.forward_matrix(x, matrix)
        assert torch.allclose(out, expected, atol=1e-5)
        assert torch.allclose(alpha, conv.attention(x, edges)[0], atol=1e-6)
