"""The message layer of NDQ against arithmetic on numbers written by hand."""

import pytest
import torch
from torch import nn

from graphmarl.nn import GaussianConv

# Two graphs of three agents: 1 and 2 speak to 0; in the second graph 0 speaks to 2.
EDGES = torch.tensor([[1, 2, 3], [0, 0, 5]])


class Tenfold(nn.Module):
    """A message encoder that says x, 10 x, 100 x and so on to the places in order."""

    def __init__(self, bits: int, places: int) -> None:
        super().__init__()
        self.factor = 10.0 ** torch.arange(places).repeat_interleave(bits)
        self.sign = torch.tensor([1.0, -1.0][:bits]).repeat(places)

    def forward(self, x):
        return x * self.factor * self.sign


def made(slots: int = 0, noise: bool = False, bits: int = 2) -> GaussianConv:
    conv = GaussianConv(1, bits, slots=slots, noise=noise)
    conv.encoder = Tenfold(bits, max(slots, 1))  # type: ignore[assignment]
    return conv.eval()


X = torch.tensor([[1.0], [2.0], [3.0], [4.0], [5.0], [6.0]])


def test_a_sender_has_a_message_for_each_place():
    # To place 0 the encoder says x, to place 2 a hundred times x.
    assert made(3).mean(X, EDGES).tolist() == [[2, -2], [3, -3], [400, -400]]


def test_messages_are_concatenated_by_sender_index():
    received = made(3)(X, EDGES)
    assert received.shape == (6, made(3).size)
    assert received[0].tolist() == [0, 0, 2, -2, 3, -3]
    assert received[5].tolist() == [400, -400, 0, 0, 0, 0]
    assert not received[1:5].any()


def test_without_slots_messages_are_broadcast_and_averaged():
    assert made().mean(X, EDGES).tolist() == [[2, -2], [3, -3], [4, -4]]
    received = made()(X, EDGES)
    assert received[0].tolist() == [2.5, -2.5]
    assert received[5].tolist() == [4, -4]
    assert not received[1:5].any()


def test_a_mean_that_is_passed_is_the_one_that_is_sent():
    mean = torch.tensor([[7.0, 8.0], [0.0, 0.0], [1.0, 1.0]])
    assert made(3)(X, EDGES, mean)[0].tolist() == [0, 0, 7, 8, 0, 0]


@pytest.mark.parametrize(
    ("training", "noise", "noisy"),
    [(True, False, True), (True, True, True), (False, False, False), (False, True, True)],
)
def test_messages_are_drawn_with_unit_variance_in_training_and_where_it_is_asked(
    training, noise, noisy
):
    conv = made(2, noise).train(training)
    pairs = torch.tensor([[0] * 20_000, range(20_000)])
    mean = torch.full((20_000, 2), 3.0)
    x = torch.zeros(20_000, 1)
    received = conv(x, pairs, mean)[:, :2]
    if noisy:
        # Of 20,000 draws the mean deviates by 0.007, the variance by 0.01.
        assert torch.allclose(received.mean(0), torch.full((2,), 3.0), atol=0.04)
        assert torch.allclose(received.var(0), torch.ones(2), atol=0.05)
        assert abs(float(torch.corrcoef(received.T)[0, 1])) < 0.04, "each bit has noise of its own"
    else:
        assert torch.equal(received, mean)


def test_noise_lets_the_gradient_through_to_the_mean():
    mean = torch.zeros(3, 2, requires_grad=True)
    made(3).train()(X, EDGES, mean).sum().backward()
    assert mean.grad is not None
    assert (mean.grad == 1).all()


@pytest.mark.parametrize("slots", [0, 3])
def test_no_edges_are_silence(slots):
    received = made(slots)(X, torch.empty(2, 0, dtype=torch.long))
    assert received.shape == (6, 2 * max(slots, 1))
    assert not received.any()


def test_importance_is_the_absolute_mean_whatever_was_sampled():
    drawn, mean = torch.tensor([[9.0, 9.0]]), torch.tensor([[-3.0, 0.5]])
    assert made().importance(drawn, mean).tolist() == [[3.0, 0.5]]
