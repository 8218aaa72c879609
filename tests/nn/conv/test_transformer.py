"""Transformer layers compared with PyTorch's, and their adjacency."""

import math

import pytest
import torch
from torch import nn

from graphmarl.nn import (
    BlockMask,
    Channel,
    CommunicationTransformer,
    NeighborLists,
    TransformerLayer,
    adjacency_of,
)
from graphmarl.nn.communication.cuts import Budget

LINE = torch.tensor([[0, 1, 1, 2, 2, 3], [1, 0, 2, 1, 3, 2]])


def complete(*groups: list[int]) -> torch.Tensor:
    pairs = [(i, j) for group in groups for i in group for j in group if i != j]
    return torch.tensor(pairs).view(-1, 2).T


def copied(layer: TransformerLayer, size: int) -> nn.TransformerEncoderLayer:
    """PyTorch's layer with the weights of ours."""
    theirs = nn.TransformerEncoderLayer(size, layer.heads, size, 0.0, batch_first=True)
    pairs = [
        (theirs.self_attn.out_proj, layer.joined),
        (theirs.linear1, layer.up),
        (theirs.linear2, layer.down),
        (theirs.norm1, layer.first_norm),
        (theirs.norm2, layer.second_norm),
    ]
    with torch.no_grad():
        theirs.self_attn.in_proj_weight.copy_(layer.attended.weight)
        theirs.self_attn.in_proj_bias.copy_(layer.attended.bias)
        for one, other in pairs:
            one.weight.copy_(other.weight)
            one.bias.copy_(other.bias)
    return theirs


def filled(module: nn.Module) -> nn.Module:
    """The same with weights that are nowhere zero or one."""
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=0.5)
    return module


def test_three_layers_are_those_of_pytorch_under_a_mask():
    x, mask = torch.randn(5, 4, 8), torch.rand(5, 4, 4) < 0.5
    mask |= torch.eye(4, dtype=torch.bool)
    ours, theirs = x, x
    for _ in range(3):
        layer = filled(TransformerLayer(8, heads=2))
        assert isinstance(layer, TransformerLayer)
        ours = layer(ours, mask)
        theirs = copied(layer, 8)(theirs, src_mask=~mask.repeat_interleave(2, 0))
    assert torch.allclose(ours, theirs, atol=1e-5)


def test_the_first_token_alone_is_the_first_of_all():
    layer, x = TransformerLayer(8, heads=2), torch.randn(3, 4, 8)
    mask = torch.tensor([True, True, False, True]).expand(3, 1, 4)
    assert torch.allclose(layer(x, mask, queries=1), layer(x, mask)[:, :1], atol=1e-6)


def test_numbers_are_dropped_only_where_it_is_asked_for():
    layer, x, mask = TransformerLayer(8, 2, dropout=0.5), torch.randn(3, 4, 8), torch.ones(3, 4, 4)
    mask = mask.bool()
    assert torch.equal(layer(x, mask), layer(x, mask))
    assert not torch.allclose(layer(x, mask, drop=True), layer(x, mask, drop=True))
    none = TransformerLayer(8, 2, dropout=0.0)
    assert torch.equal(none(x, mask), none(x, mask, drop=True))


@pytest.mark.parametrize("positional", [False, True])
def test_a_local_mask_that_shows_all_equals_no_mask(positional):
    conv = CommunicationTransformer(5, 8, layers=3, heads=2, positional=positional)
    filled(conv.embed)
    x = torch.randn(8, 5, requires_grad=True)
    edges = complete([0, 1, 2, 3], [4, 5, 6, 7])
    tokens = conv.tokens(x, 4)
    shared, local = adjacency_of(edges, 2, 4), NeighborLists.of(edges, 8)[0]
    assert isinstance(shared, BlockMask) and shared.mask.all()
    by_all, by_each = conv.encode(tokens, shared), conv.encode(tokens, local)
    assert torch.allclose(by_all, by_each, atol=1e-5)
    assert torch.allclose(conv(x, edges, 4), by_all, atol=1e-5)
    one, two = (
        torch.autograd.grad(each.square().sum(), x, retain_graph=True)[0]
        for each in (by_all, by_each)
    )
    assert torch.allclose(one, two, atol=1e-4)


def test_layers_upon_each_other_carry_nothing_beyond_the_neighbours():
    conv = CommunicationTransformer(5, 8, layers=3, heads=2)
    lists = adjacency_of(LINE, 1, 4)
    assert isinstance(lists, NeighborLists)
    jacobian = torch.autograd.functional.jacobian(
        lambda x: conv.encode(conv.tokens(x, 4), lists)[0], torch.randn(4, 5)
    )
    received = jacobian.abs().sum((0, 2)) > 0  # type: ignore[union-attr]
    assert received.tolist() == [True, True, False, False]


def test_sending_and_reading_by_lists_are_the_same():
    conv, x = CommunicationTransformer(5, 8, layers=2, heads=2, positional=True), torch.randn(8, 5)
    edges = torch.cat([LINE, LINE[:, :3] + 4], 1)[:, torch.randperm(9)]
    read = conv.encode(conv.tokens(x, 4), adjacency_of(edges, 2, 4))
    assert torch.allclose(conv(x, edges, 4), read, atol=1e-6)


@pytest.mark.parametrize(
    ("edges", "groups"),
    [
        (complete([0, 1, 2, 3]), [[1, 1, 1, 1]] * 4),
        (complete([0, 2], [1, 3]), [[1, 0, 1, 0], [0, 1, 0, 1]] * 2),
        (complete([1, 3]), [[1, 0, 0, 0], [0, 1, 0, 1], [0, 0, 1, 0], [0, 1, 0, 1]]),
        (complete([]), torch.eye(4).tolist()),
        (LINE, None),
        (torch.tensor([[1], [3]]), None),
        (torch.tensor([[3], [1]]), None),
        (torch.tensor([[0, 1, 2], [1, 2, 0]]), None),
    ],
)
def test_cliques_are_found(edges, groups):
    found = BlockMask.of(edges.long(), 1, 4)
    assert (None if found is None else found.mask[0].int().tolist()) == groups


def test_edges_of_dead_agents_are_removed():
    alive = torch.tensor([[True, False, True, True]])
    assert adjacency_of(complete([0, 1, 2, 3]), 1, 4).restrict(alive) == Same(
        BlockMask.complete(alive).mask[0].tolist()
    )
    lists = NeighborLists.of(LINE, 4)[0].restrict(alive)
    received = [p[h].tolist() for p, h in zip(lists.neighbors, lists.mask, strict=True)]
    assert received == [[0], [1], [2, 3], [3, 2]]


class Same:
    """Equal to groups with this mask."""

    def __init__(self, mask: list) -> None:
        self.mask = mask

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BlockMask) and other.mask[0].tolist() == self.mask


def test_agent_indices_are_encoded_by_sinusoids():
    conv = CommunicationTransformer(2, 5, positional=True)
    angles = [3.0, 3.0 * 10_000 ** (-2 / 5), 3.0 * 10_000 ** (-4 / 5)]
    wanted = [f(angle) for angle in angles for f in (math.sin, math.cos)][:5]
    assert conv.positional_encoding(torch.tensor([3])).flatten().tolist() == pytest.approx(
        wanted, abs=1e-6
    )
    assert not CommunicationTransformer(2, 5).positional_encoding(torch.tensor([3])).any()


def test_a_symbol_is_sent_whole_or_not_at_all_and_counted_in_binary_digits():
    # Symbols of alphabets of 4, 3 and 1: 2, 2 and 0 binary digits.
    conv = CommunicationTransformer(8, 8, alphabet=(4, 3, 1))
    x, edges = torch.rand(3, 8), complete([0, 1, 2])
    with Channel(conv, 3) as channel:
        conv(x, edges)
        assert [v.tolist() for v in channel.take(1).values()] == [[6], [6 * 4], [6 * 1]]
    with Channel(conv, 3, Budget(1)) as channel:
        conv(x, edges)
        (sent,) = channel.messages
        assert sent.keep.sum(1).unique().tolist() == [4], "the first symbol"
        assert torch.equal(sent.message[:, 4:], torch.zeros(6, 4))
        # A message of 2 digits takes a byte, and its mask of 3 symbols another.
        assert [v.tolist() for v in channel.take(1).values()] == [[6], [6 * 2], [6 * 2]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layers": 0}, "layers is 0; allowed are 1 and more"),
        ({"heads": 3}, "size is 8; it must be a multiple of 3 heads"),
        ({"dropout": 1.0}, "dropout is 1.0; allowed is 0 up to less than 1"),
        ({"alphabet": (2, 2)}, "the alphabet has 4 symbols for 5 numbers"),
    ],
)
def test_bad_input_fails_at_the_door(options, message):
    with pytest.raises(ValueError, match=message):
        CommunicationTransformer(5, 8, **options)
