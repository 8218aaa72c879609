"""What a channel counts, cuts and leaves behind, by hand; and that nothing crosses a cut bit."""

from contextlib import suppress

import pytest
import torch
from torch import Tensor, nn
from torch_geometric.nn import (
    GATConv,
    GATv2Conv,
    GCNConv,
    MessagePassing,
    SAGEConv,
    SimpleConv,
    TransformerConv,
)

from graphmarl.nn import (
    CONVS,
    AttentionConv,
    Channel,
    Cut,
    FlowNet,
    GatedConv,
    GaussianConv,
    symmetric_norm,
)
from graphmarl.nn.communication.cuts import Budget, Rank, Threshold

# Two graphs of three agents: three edges in the first, one in the second.
EDGES = torch.tensor([[1, 2, 0, 3], [0, 0, 1, 5]])


class Keep(Cut):
    """Keeps the given edges, or the given bits of every edge."""

    def __init__(self, kept: Tensor) -> None:
        self.kept = kept

    def __call__(self, importance, graph):
        return self.kept.expand_as(importance)


def counts(channel: Channel, graphs: int = 2) -> list[tuple[float, ...]]:
    """Messages, bits and bytes of each graph."""
    taken = channel.take(graphs)
    assert list(taken) == ["messages", "bits", "bytes"]
    return list(zip(*(value.tolist() for value in taken.values()), strict=True))


def test_messages_bits_and_bytes_without_a_cut():
    conv, x = GaussianConv(4, 9).eval(), torch.randn(6, 4)
    with Channel(conv, 3) as channel:
        before = conv(x, EDGES)
        # Each message has 9 bits of 4 bytes and no mask.
        assert counts(channel) == [(3, 27, 108), (1, 9, 36)]
        assert counts(channel) == [(0, 0, 0), (0, 0, 0)], "what was taken is gone"
        conv(x, EDGES)
        conv(x, EDGES[:, 3:])
        assert counts(channel) == [(3, 27, 108), (2, 18, 72)]
    assert torch.equal(before, conv(x, EDGES)), "counting changes nothing"


def test_a_cut_message_carries_a_mask_and_an_empty_one_is_not_sent():
    conv, x = GaussianConv(4, 9).eval(), torch.randn(6, 4)
    mean = torch.zeros(4, 9)
    mean[0, :2], mean[1, 8], mean[3] = torch.tensor([5.0, -5.0]), -7.0, 1.5
    with Channel(conv, 3, Threshold(1.5)) as channel:
        received = conv(x, EDGES, mean)
        # Graph 0: bits 2 and 1 of two messages, the third is silent; a mask of 9 digits is 2 bytes.
        assert counts(channel) == [(2, 3, 4 * 3 + 2 * 2), (1, 9, 4 * 9 + 2)]
    assert received[0].tolist() == [2.5, -2.5, 0, 0, 0, 0, 0, 0, -3.5]
    assert not received[1].any()


def test_recorded_messages_are_the_received_ones():
    conv, x = GaussianConv(4, 3, slots=3).eval(), torch.randn(6, 4)
    with Channel(conv, 3, Budget(1)) as channel:
        conv(x, EDGES)
        (sent,) = channel.messages
    assert torch.equal(sent.edge_index, EDGES)
    best = conv.mean(x, EDGES).abs().argmax(1)
    assert torch.equal(sent.keep, torch.nn.functional.one_hot(best, 3).bool())
    assert torch.equal(sent.message, torch.where(sent.keep, conv.mean(x, EDGES), 0.0))


def test_attention_is_cut_head_by_head_and_not_renormalised():
    conv, x = AttentionConv(4, 6, heads=2), torch.randn(6, 4)
    alpha, own = conv.attention(x, EDGES)
    v = conv.value(x)
    least = float(alpha.detach().flatten().sort().values[4])
    with Channel(conv, 3, Threshold(least)) as channel:
        received = conv(x, EDGES)
        bits = sum(bits for _, bits, _ in counts(channel))
    assert bits == 4 * 3, "four of eight shares are kept, each weighs three bits"
    kept = torch.where(alpha >= least, alpha, 0.0).repeat_interleave(3, 1)
    expected = own.repeat_interleave(3, 1) * v
    assert torch.allclose(received, expected.index_add(0, EDGES[1], kept * v[EDGES[0]]), atol=1e-6)


def test_two_layers_are_two_rounds():
    net, x = FlowNet(4, 5, 2), torch.randn(6, 4)
    with Channel(net, 3) as channel:
        net(x, EDGES, symmetric_norm(EDGES, 6))
        assert [sent.message.shape for sent in channel.messages] == [(4, 5), (4, 5)]
        assert counts(channel) == [(6, 30, 120), (2, 10, 40)]


def test_a_layer_of_pytorch_geometric_is_counted_and_cut_by_absolute_value():
    conv, x = SimpleConv(aggr="sum"), torch.tensor([[1.0, -9.0], [2.0, -8.0], [3.0, 7.0]])
    with Channel(conv, 3, Rank(50)) as channel:
        received = conv(x, torch.tensor([[0, 1], [2, 2]]))
        # 1 and 2 are cut; each message has one bit of 4 bytes left and a mask of 1 byte.
        assert counts(channel, 1) == [(2, 2, 2 * 4 + 2 * 1)]
    assert received[2].tolist() == [0, -17]


def test_nothing_is_counted_over_no_edges():
    conv, none = GaussianConv(4, 3), torch.empty(2, 0, dtype=torch.long)
    with Channel(conv, 3, Rank(50)) as channel:
        conv(torch.randn(6, 4), none)
        assert counts(channel) == [(0, 0, 0), (0, 0, 0)]


@pytest.mark.parametrize("fails", [False, True])
def test_a_closed_channel_leaves_no_trace(fails):
    net, x = nn.ModuleList([GaussianConv(4, 3), SimpleConv()]).eval(), torch.randn(6, 4)
    before = [layer(x, EDGES) for layer in net]
    channel = Channel(net, 3, Budget(0))
    with suppress(RuntimeError), channel:
        assert not any(layer(x, EDGES).any() for layer in net)
        if fails:
            raise RuntimeError
    for layer, value in zip(net, before, strict=True):
        assert isinstance(layer, MessagePassing)
        assert torch.equal(layer(x, EDGES), value)
        assert not layer._message_forward_hooks
        assert not layer._propagate_forward_pre_hooks
    assert len(channel.messages) == 2, "nothing was added after it was closed"


def test_a_network_without_messages_has_no_layers():
    assert Channel(nn.Sequential(nn.Linear(2, 2)), 3).layers == []


# Layers that map what arrives: there a bit of a message is not a bit of the result.
MAPPED = ("pair", "bethe", "comm", "transformer")


@pytest.mark.parametrize("name", CONVS)
def test_outputs_do_not_depend_on_cut_bits(name):
    kind = CONVS[name]
    layer = kind(4, 3).eval()  # type: ignore[call-arg]
    if isinstance(layer, (AttentionConv, GatedConv)):
        nn.init.zeros_(layer.signature.weight)  # whom to attend to is known without messages
    bits = torch.tensor([name not in MAPPED, False, name not in MAPPED])
    # Messages may differ in size from the aggregated output, where that is mapped.
    with Channel(layer, 3, Keep(bits[:1] if name in MAPPED else bits)):
        jacobian = torch.autograd.functional.jacobian(
            lambda x: layer(x, EDGES)[0], torch.randn(6, 4)
        )
    received = jacobian.abs().sum(-1) > 0  # type: ignore[union-attr]
    assert received[:, 1:3].tolist() == [[bit, bit] for bit in bits.expand(3).tolist()]


def test_attention_is_not_renormalised_after_a_cut():
    # As in NDQ's code: the weights that are left are not renormalised, as signatures arrive.
    layer, x = AttentionConv(4, 3), torch.randn(6, 4)
    with Channel(layer, 3, Budget(0)):
        before = layer(x, EDGES)[0]
        x[1] += 1.0
        after = layer(x, EDGES)[0]
    alone = layer(x, EDGES[:, 3:])[0]
    for received in (before, after):
        share = received / alone
        assert torch.allclose(share, share[0].expand(3), atol=1e-5), "a share of its own value"
        assert 0 < share[0] < 1
    assert not torch.isclose(before, after).any()


@pytest.mark.parametrize(
    ("layer", "bits"),
    [
        (lambda: GATv2Conv(4, 3, heads=2), 6),
        (lambda: GATConv(4, 3, heads=2, concat=False), 6),
        (lambda: TransformerConv(4, 3, heads=2), 6),
        (lambda: GCNConv(4, 3), 3),
        (lambda: SAGEConv(4, 3), 4),
    ],
)
def test_layers_of_pyg_are_counted_by_head_and_cut_without_their_self_loops(layer, bits):
    conv, x, moved = layer().eval(), torch.randn(6, 4), torch.randn(6, 4)
    moved[0] = x[0]
    with Channel(conv, 3) as channel:
        whole = conv(x, EDGES)
        assert counts(channel) == [(3, 3 * bits, 12 * bits), (1, bits, 4 * bits)]
    assert torch.equal(whole, conv(x, EDGES)), "counting changes nothing"
    with Channel(conv, 3, Rank(100)) as channel:
        alone = conv(x, EDGES)
        assert counts(channel) == [(0, 0, 0)] * 2
    assert not torch.equal(alone[0], whole[0]), "agent 0 received two messages"
    # Agent 4 receives none, and what a layer sends to itself stays.
    assert torch.equal(alone[4], whole[4])
