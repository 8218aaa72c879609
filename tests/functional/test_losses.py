"""Losses, masks and schedules against arithmetic written out."""

import math

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from graphmarl.functional import (
    clipped_surrogate,
    consistency,
    cosine,
    linear,
    mask_logits,
    masked_mean,
    masked_standardise,
    standard_normal_kl,
    value_error,
)


def test_the_clip_binds_only_where_it_would_help():
    log_ratio = torch.tensor([math.log(1.5), math.log(1.5), math.log(0.5), math.log(0.5)])
    advantage = torch.tensor([1.0, -1.0, 1.0, -1.0])
    gain = clipped_surrogate(log_ratio, advantage, 0.2)
    assert torch.allclose(gain, torch.tensor([1.2, -1.5, 0.5, -0.8]))
    free = clipped_surrogate(log_ratio, advantage, None)
    assert torch.allclose(free, torch.tensor([1.5, -1.5, 0.5, -0.5]))


def test_kl_equals_the_one_of_pytorch():
    mu, sigma = torch.tensor([[0.5, -1.0]]), torch.tensor([[0.3, 2.0]])
    theirs = kl_divergence(Normal(mu, sigma), Normal(0.0, 1.0)).sum(-1)
    assert torch.allclose(standard_normal_kl(mu, sigma), theirs)


def test_consistency_is_the_distance_to_the_mean_of_live_agents():
    s = torch.tensor([[0.0], [2.0], [100.0], [5.0]])
    graph = torch.tensor([0, 0, 0, 1])
    alive = torch.tensor([True, True, False, True])
    assert consistency(s, graph, alive, 2).tolist() == [1.0, 1.0, 0.0, 0.0]


def test_the_masked_mean_reads_nothing_else():
    x = torch.tensor([1.0, 3.0, math.nan, math.inf])
    mask = torch.tensor([True, True, False, False])
    assert masked_mean(x, mask).item() == 2
    assert masked_mean(x, torch.zeros(4, dtype=torch.bool)).item() == 0


def test_standardised_entries_have_mean_0_and_variance_1():
    x = torch.tensor([1.0, 3.0, 1e9])
    mask = torch.tensor([True, True, False])
    assert torch.allclose(masked_standardise(x, mask), torch.tensor([-1.0, 1.0, 0.0]))


def test_illegal_actions_have_probability_0_and_nothing_legal_is_no_nan():
    logits = torch.tensor([[5.0, 0.0, 0.0], [1.0, 2.0, 3.0]])
    available = torch.tensor([[False, True, True], [False, False, False]])
    probability = mask_logits(logits, available).softmax(-1)
    assert torch.allclose(probability, torch.tensor([[0, 0.5, 0.5], [1 / 3, 1 / 3, 1 / 3]]))


def test_cosine_of_gradients_in_several_parts():
    first = [torch.tensor([3.0]), torch.tensor([4.0]), None]
    second = [torch.tensor([3.0]), None, torch.tensor([4.0])]
    assert torch.isclose(cosine(first, second), torch.tensor(9 / 25))


def test_the_linear_schedule_stays_at_its_end():
    assert [linear(1, 0, x) for x in (0, 0.25, 1, 2)] == [1, 0.75, 0, 0]


@pytest.mark.parametrize(
    ("clip", "delta", "expected"),
    [
        (None, None, [3.0**2, 0.0]),
        # From 0 a value may move by 0.5 only, to 0.5 and -0.5; the larger error counts.
        (0.5, None, [3.5**2, 0.5**2]),
        # Above delta, twice delta (|e| - delta / 2).
        (None, 1.0, [2 * (3 - 0.5), 0.0]),
        (0.5, 1.0, [2 * (3.5 - 0.5), 0.5**2]),
    ],
)
def test_errors_of_values_are_clipped_and_linear_if_asked(clip, delta, expected):
    value, target = torch.tensor([1.0, -1.0]), torch.tensor([4.0, -1.0])
    assert value_error(value, target, torch.zeros(2), clip, delta).tolist() == pytest.approx(
        expected
    )
