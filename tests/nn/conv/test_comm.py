"""CommNet's round against arithmetic written out."""

import math

import torch
from torch import nn

from graphmarl.nn import Channel, CommConv
from graphmarl.nn.communication.cuts import Budget

# 1 and 2 send to 0, 0 sends to 1, none to 2.
EDGES = torch.tensor([[1, 2, 0], [0, 0, 1]])


def by_hand(weight: list[float], bias: float, skip: int = 0) -> CommConv:
    conv = CommConv(1, 1, skip)
    with torch.no_grad():
        conv.linear.weight.copy_(torch.tensor([weight]))
        nn.init.constant_(conv.linear.bias, bias)
    return conv


def test_an_agent_reads_itself_the_mean_of_its_neighbours_and_what_it_knew_first():
    h, first = torch.tensor([[1.0], [2.0], [4.0]]), torch.tensor([[0.1], [0.2], [0.3]])
    found = by_hand([0.5, 0.25, 2.0], -1.0, skip=1)(h, EDGES, first).flatten().tolist()
    wanted = [
        0.5 * 1 + 0.25 * (2 + 4) / 2 + 2 * 0.1 - 1,
        0.5 * 2 + 0.25 * 1 + 2 * 0.2 - 1,
        0.5 * 4 + 0.25 * 0 + 2 * 0.3 - 1,
    ]
    for value, expected in zip(found, wanted, strict=True):
        assert math.isclose(value, math.tanh(expected), abs_tol=1e-6)


def test_without_the_skip_it_reads_two_things():
    h = torch.tensor([[1.0], [2.0], [4.0]])
    found = by_hand([0.5, 0.25], 0.0)(h, EDGES)[0].item()
    assert math.isclose(found, math.tanh(0.5 + 0.25 * 3), abs_tol=1e-6)


def test_a_cut_message_counts_as_zeros_in_the_mean():
    conv, h = by_hand([0.0, 1.0], 0.0), torch.tensor([[1.0], [2.0], [4.0]])
    assert torch.isclose(conv(h, EDGES)[0], torch.tensor(3.0).tanh())
    with Channel(conv, 3, Budget(0)) as channel:
        assert conv(h, EDGES)[0] == 0
    assert [sent.message.tolist() for sent in channel.messages] == [[[0.0], [0.0], [0.0]]]
