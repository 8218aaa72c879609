"""Two stages of attention: shares by hand, closed edges, and the gradient of a gate."""

import math

import pytest
import torch
from torch import nn

from graphmarl.nn import AttentionConv, Channel, GatedConv
from graphmarl.nn.communication.cuts import Rank

# 1 and 2 send to 0, 0 sends to 1, none to 2.
EDGES = torch.tensor([[1, 2, 0], [0, 0, 1]])
NONE = torch.empty(2, 0, dtype=torch.long)


def set_to(layer: nn.Linear, weight: float, bias: float) -> None:
    nn.init.constant_(layer.weight, weight)
    nn.init.constant_(layer.bias, bias)


def by_hand(gate: float = 0.0, bias: float = 1.0) -> GatedConv:
    """One number each: q = 1, k = x, v = 10 x; a gate's score is gate * (x_j + mean x) + bias."""
    conv = GatedConv(1, 1)
    settings = {"query": (0.0, 1.0), "signature": (1.0, 0.0), "value": (10.0, 0.0)}
    settings |= {"receiver": (0.0, 0.0), "sender": (1.0, 0.0), "together": (1.0, 0.0)}
    for name, (weight, shift) in settings.items():
        set_to(getattr(conv, name), weight, shift)
    set_to(conv.gate, gate, bias)
    return conv


def test_open_edges_share_by_the_softmax_with_oneself():
    # Keys 0, ln 2 and ln 5: agent 0 gives itself and the others shares 1 : 2 : 5.
    x = torch.tensor([[1.0], [2.0], [5.0]]).log()
    conv = by_hand()
    edge, own = conv.attention(x, EDGES)
    assert torch.allclose(edge[:, 0], torch.tensor([2 / 8, 5 / 8, 1 / 3]))
    assert torch.allclose(own[:, 0], torch.tensor([1 / 8, 2 / 3, 1.0]))
    received = (2 * x[1] + 5 * x[2]) * 10 / 8
    assert torch.allclose(conv(x, EDGES)[0], received, atol=1e-5)


def test_it_is_attention_while_all_gates_are_open():
    torch.manual_seed(0)
    gated, plain = GatedConv(4, 3, 5), AttentionConv(4, 3, key=5)
    for name in ("query", "signature", "value"):
        getattr(plain, name).load_state_dict(getattr(gated, name).state_dict())
    x = torch.randn(6, 4)
    edges = torch.tensor([(i, j) for i in range(6) for j in range(6) if i != j]).T
    assert torch.allclose(gated(x, edges), plain(x, edges), atol=1e-6)
    assert torch.allclose(gated.attention(x, edges)[0], plain.attention(x, edges)[0], atol=1e-6)


def test_a_closed_edge_has_no_share_and_changes_none():
    # Scores of the gates of 0: -(x_j + 1.5) + 3, so that 1 is open and 2 is closed.
    x = torch.tensor([[0.0], [1.0], [2.0]])
    conv = by_hand(gate=-1.0, bias=3.0)
    edge, own = conv.attention(x, EDGES)
    e = torch.tensor(1.0).exp()
    assert torch.allclose(edge[:2, 0], torch.tensor([e / (1 + e), 0.0]))
    assert torch.isclose(own[0, 0], 1 / (1 + e))
    assert edge[1, 0] == 0
    without = conv(x, EDGES)[0]
    assert torch.isclose(without, 10 * e / (1 + e))


def test_the_mean_of_the_pairs_takes_part_in_a_gate():
    # The same pair (x_j = 1): beside x = 2 its score is -(1 + 1.5) + 2.2, alone -(1 + 1) + 2.2.
    x = torch.tensor([[0.0], [1.0], [2.0]])
    conv = by_hand(gate=-1.0, bias=2.2)
    assert conv.attention(x, EDGES)[0][0] == 0
    assert conv.attention(x, EDGES[:, :1])[0][0] > 0


def test_an_agent_whose_edges_are_closed_attends_to_itself_alone():
    x = torch.tensor([[3.0], [1.0], [2.0]])
    conv = by_hand(bias=-1.0)
    assert torch.equal(conv(x, EDGES), conv(x, NONE))
    assert torch.allclose(conv(x, NONE), 10 * x)


def test_a_closed_edge_cannot_push_the_others_out_of_range():
    # The key of 2 is 500: its edge is closed, as -(500 + 250.5) + 300 < 0, that of 1 is open.
    x = torch.tensor([[0.0], [1.0], [500.0]])
    edge, own = by_hand(gate=-1.0, bias=300.0).attention(x, EDGES)
    assert edge[1, 0] == 0
    assert torch.isclose(edge[0, 0] + own[0, 0], torch.tensor(1.0))
    assert 0.7 < edge[0, 0] < 0.74
    # Open, it takes all: -(500 + 250.5) + 800 > 0.
    edge, own = by_hand(gate=-1.0, bias=800.0).attention(x, EDGES)
    assert (edge[1, 0], own[0, 0]) == (1, 0)


@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_a_closed_gate_has_the_gradient_of_its_sigmoid(temperature):
    # One sender of the same key as oneself: the share is g / (1 + g), whose slope at 0 is 1.
    x = torch.tensor([[0.0], [0.0]])
    conv = by_hand(bias=-0.4)
    conv.temperature = temperature
    edge, _ = conv.attention(x, EDGES[:, 2:])
    assert edge[0, 0] == 0
    edge.sum().backward()
    s = torch.sigmoid(torch.tensor(-0.4 / temperature))
    assert conv.gate.bias.grad is not None
    assert torch.isclose(conv.gate.bias.grad[0], s * (1 - s) / temperature)


def test_the_same_graph_gives_the_same_gates_in_training():
    conv, x = GatedConv(4, 3).train(), torch.randn(6, 4)
    assert torch.equal(conv(x, EDGES), conv(x, EDGES))


def test_gates_can_read_the_pairs_in_the_order_of_the_senders():
    # 4, 0 and 2 send to 1, and 1 to 3; the sequences are (0, 2, 4) and (1).
    edges, x = torch.tensor([[4, 1, 0, 2], [1, 3, 1, 1]]), torch.randn(5, 3)
    conv = GatedConv(3, 2, 4, context="lstm")
    assert conv.lstm is not None
    own, signature = conv.receiver(x), conv.signature(x)
    pair = (own[edges[1]] + conv.sender(signature)[edges[0]]).relu()
    first, second = conv.lstm(pair[[2, 3, 0]])[0], conv.lstm(pair[[1]])[0]
    expected = conv.gate(torch.stack([first[2], second[0], first[0], first[1]]))[:, 0]
    assert torch.allclose(conv.scores(own, signature, edges), expected, atol=1e-6)
    assert conv(x, NONE).shape == (5, 2)


def test_gates_can_be_sampled_in_training(monkeypatch):
    # Logistic noise log(u / (1 - u)): of u = 0.1 it is -ln 9, which closes a gate of score 1.
    conv, x = by_hand(bias=1.0), torch.zeros(3, 1)
    conv.gate_noise = True
    monkeypatch.setattr(torch, "rand_like", lambda x: torch.full_like(x, 0.1))
    assert not conv.train().attention(x, EDGES)[0].any()
    conv.gate.bias.data.fill_(2.2)
    assert (conv.attention(x, EDGES)[0] > 0).all()
    conv.gate.bias.data.fill_(1.0)
    assert (conv.eval().attention(x, EDGES)[0] > 0).all()


def test_nothing_is_sent_over_a_closed_edge():
    x = torch.tensor([[0.0], [1.0], [2.0]])
    conv = by_hand(gate=-1.0, bias=3.0)
    before = conv(x, EDGES)
    with Channel(conv, 3) as channel:
        assert torch.equal(conv(x, EDGES), before)
        counts = {name: value.tolist() for name, value in channel.take(1).items()}
    # Two of three edges are open; every edge has a signature of one number.
    assert counts == {"messages": [2], "bits": [2], "bytes": [4 * (2 + 3)]}
    with Channel(conv, 3, Rank(34)) as channel:
        assert torch.equal(conv(x, EDGES), before), "the closed edge is least important"
    with Channel(conv, 3, Rank(0)) as channel:
        conv(x, EDGES)
        assert channel.take(1)["messages"].tolist() == [2], "nor is it sent where nothing is cut"


def test_importance_of_a_message_is_its_attention():
    # Agent 0 gives 1 and 2 the more and less, by keys 0 and -ln 2; their values are 1 and -9.
    conv = by_hand()
    nn.init.constant_(conv.value.weight, 10 / math.log(2))
    nn.init.constant_(conv.value.bias, 1.0)
    x = torch.tensor([[1.0], [1.0], [0.5]]).log()
    assert torch.allclose(conv.value(x)[1:, 0], torch.tensor([1.0, -9.0]), atol=1e-4)
    with Channel(conv, 3, Rank(50)) as channel:
        conv(x, EDGES[:, :2])
    assert channel.messages[0].keep.tolist() == [[True], [False]]


def test_a_temperature_that_is_not_positive_is_refused():
    with pytest.raises(ValueError, match="temperature is 0; it must be positive"):
        GatedConv(4, 3, temperature=0)
