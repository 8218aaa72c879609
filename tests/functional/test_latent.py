"""Discrete latent states, by arithmetic."""

import math

import pytest
import torch

from graphmarl.functional import balanced_kl, sample_index, straight_through

LN = math.log


def test_a_state_is_one_hot_and_its_gradient_is_that_of_the_probabilities():
    # p = (1/4, 3/4); the gradient of p_0 is p_0 (1 - p_0) = 3/16 and -p_0 p_1 = -3/16.
    logits = torch.tensor([0.0, LN(3)], requires_grad=True)
    z = straight_through(logits, torch.tensor(1))
    assert torch.allclose(z, torch.tensor([0.0, 1.0]))
    z[0].backward()
    assert logits.grad is not None
    assert torch.allclose(logits.grad, torch.tensor([3 / 16, -3 / 16]))


def test_draws_come_as_often_as_they_are_likely():
    logits = torch.tensor([0.0, LN(3), float("-inf")]).expand(20_000, 3)
    share = torch.bincount(sample_index(logits), minlength=3) / 20_000
    # Four standard errors of a share of 1/4 over 20,000 draws are 0.0122.
    assert share.tolist() == pytest.approx([0.25, 0.75, 0], abs=0.0123)
    assert share[2] == 0


def test_each_side_of_the_divergence_is_trained_by_its_share():
    # q = (1/2, 1/2), p = (1/4, 3/4): KL = ln(2) / 2 + ln(2/3) / 2 = ln(4/3) / 2.
    posterior = torch.tensor([[0.0, 0.0]], requires_grad=True)
    prior = torch.tensor([[0.0, LN(3)]], requires_grad=True)
    kl = balanced_kl(posterior, prior, 0.8)
    assert kl.item() == pytest.approx(LN(4 / 3) / 2)
    kl.backward()
    assert posterior.grad is not None and prior.grad is not None
    # Of the prior: 0.8 (p - q). Of the posterior: 0.2 q_i (ln(q_i / p_i) - KL), and
    # ln(2) - ln(4/3) / 2 = ln(3) / 2.
    assert torch.allclose(prior.grad, 0.8 * torch.tensor([[-0.25, 0.25]]))
    wanted = 0.2 * 0.5 * LN(3) / 2
    assert torch.allclose(posterior.grad, torch.tensor([[wanted, -wanted]]))


def test_without_balance_both_sides_share_alike():
    logits = torch.randn(2, 3, 4, requires_grad=True), torch.randn(2, 3, 4, requires_grad=True)
    plain = (logits[0].softmax(-1) * (logits[0].log_softmax(-1) - logits[1].log_softmax(-1))).sum()
    half = torch.autograd.grad(balanced_kl(*logits, 0.5).sum(), logits)
    for one, whole in zip(half, torch.autograd.grad(plain, logits), strict=True):
        assert torch.allclose(one, whole / 2 / 3, atol=1e-6), "half of the mean over 3 categoricals"


def test_the_divergence_is_a_mean_over_categoricals():
    posterior, prior = torch.zeros(2, 2), torch.tensor([[0.0, LN(3)], [0.0, 0.0]])
    assert balanced_kl(posterior, prior, 0.8).item() == pytest.approx(LN(4 / 3) / 4)
