"""Policies against PyTorch's distributions and numerical integration."""

import math
from typing import Any

import pytest
import torch
from torch.distributions import (
    AffineTransform,
    Beta,
    Categorical,
    Independent,
    Normal,
    TanhTransform,
    TransformedDistribution,
    kl_divergence,
)

from graphmarl.functional import clipped_surrogate, mask_logits
from graphmarl.nn import (
    CategoricalPolicy,
    ContinuousHead,
    ScaledBeta,
    SquashedNormal,
    action_log_prob,
    choose_action,
)

MEAN = torch.tensor([[0.3, -1.2], [0.0, 2.0]])
LOG_STD = torch.tensor([[-0.5, 0.2], [0.0, -1.0]])
ALPHA, BETA = torch.tensor([[1.5, 3.0], [2.0, 1.1]]), torch.tensor([[2.5, 1.2], [2.0, 4.0]])
ACTION = torch.tensor([[0.1, -0.7], [-0.95, 0.999]])
OURS = {"squashed": SquashedNormal(MEAN, LOG_STD), "beta": ScaledBeta(ALPHA, BETA)}
THEIRS = {
    "squashed": TransformedDistribution(Normal(MEAN, LOG_STD.exp()), [TanhTransform()]),
    "beta": TransformedDistribution(Beta(ALPHA, BETA), [AffineTransform(-1.0, 2.0)]),
}
both = pytest.mark.parametrize("policy", OURS)


def one(policy: str, first: float, second: float) -> Any:
    """A distribution of one component."""
    made = SquashedNormal if policy == "squashed" else ScaledBeta
    return made(torch.tensor([[first]]).double(), torch.tensor([[second]]).double())


@both
def test_log_densities_are_those_of_transformed_distributions(policy):
    expected = Independent(THEIRS[policy], 1).log_prob(ACTION)
    assert torch.allclose(OURS[policy].log_prob(ACTION), expected, atol=1e-5)


@both
def test_densities_integrate_to_one_and_entropies_are_those_of_the_integral(policy):
    distribution = one(policy, 1.4, 0.3) if policy == "squashed" else one(policy, 1.6, 2.5)
    edges = torch.linspace(-1, 1, 200_001, dtype=torch.float64)
    middle = ((edges[1:] + edges[:-1]) / 2)[:, None]
    log_density = distribution.log_prob(middle)
    density = log_density.exp() * 1e-5
    assert density.sum().item() == pytest.approx(1, abs=1e-4)
    entropy = -(density * log_density).sum().item()
    torch.manual_seed(0)
    estimates = torch.stack([distribution.entropy() for _ in range(2_000)])
    # Of the squashed Gaussian the entropy is an estimate, of the beta distribution it is exact.
    error = 4 * estimates.std().item() / 2_000**0.5
    assert estimates.mean().item() == pytest.approx(entropy, abs=error + 1e-4)
    assert (error < 1e-9) == (policy == "beta")


@both
def test_samples_are_in_range_and_distributed_as_the_density_says(policy):
    torch.manual_seed(0)
    distribution = one(policy, 0.4, -0.3) if policy == "squashed" else one(policy, 1.6, 2.5)
    samples = distribution.rsample((20_000,)).flatten()
    assert samples.abs().max() <= 1
    grid = torch.linspace(-1, 0.2, 60_001, dtype=torch.float64)[:, None]
    below = torch.trapezoid(distribution.log_prob(grid).exp(), grid[:, 0]).item()
    assert (samples < 0.2).double().mean().item() == pytest.approx(below, abs=0.015)


def test_the_mode_of_a_squashed_policy_is_the_squashed_mean():
    assert torch.equal(OURS["squashed"].mode, MEAN.tanh())


def test_the_mode_of_a_uniform_policy_is_its_centre():
    # Softplus of -20 is lost beside 1 in single precision.
    head = ContinuousHead(2, "beta")
    policy = head(torch.full((1, head.size), -20.0))
    assert policy.mode.tolist() == [[0.0, 0.0]]


def test_the_mode_of_a_beta_policy_has_the_highest_density():
    mode = OURS["beta"].mode
    for step in (-1e-2, 1e-2):
        assert (OURS["beta"].log_prob(mode) > OURS["beta"].log_prob(mode + step)).all()
    # alpha = 1.5, beta = 2.5: x = 0.5 / 2, and 2 x - 1 = -0.5.
    assert mode[0, 0].item() == pytest.approx(-0.5)


@pytest.mark.parametrize("mean", [0.0, 12.0, -40.0])
def test_the_ratio_of_an_action_that_is_rounded_to_a_bound_is_exact(mean):
    old = SquashedNormal(torch.full((1, 1), mean), torch.zeros(1, 1))
    action, stored = choose_action(old, greedy=True)
    u = stored["gaussian_action"]
    assert (action.abs() == 1).all() == (abs(mean) > 10)
    moved = torch.tensor([[mean + 0.5]], requires_grad=True)
    log_std = torch.zeros(1, 1, requires_grad=True)
    new = SquashedNormal(moved, log_std)
    log_ratio = action_log_prob(new, action, u) - action_log_prob(old, action, u)
    assert log_ratio.item() == pytest.approx(-(0.5**2) / 2, abs=1e-4)
    gain = clipped_surrogate(log_ratio, torch.ones(1), 0.2).sum()
    slope, spread = torch.autograd.grad(gain, [moved, log_std])
    # d ratio / d mean = ratio (u - mean), d ratio / d log std = ratio ((u - mean)^2 - 1).
    ratio = math.exp(-(0.5**2) / 2)
    assert slope.item() == pytest.approx(-0.5 * ratio, abs=1e-4)
    assert spread.item() == pytest.approx(-0.75 * ratio, abs=1e-4)


@both
def test_densities_at_the_bounds_have_finite_gradients(policy):
    parameters = (MEAN, LOG_STD) if policy == "squashed" else (ALPHA, BETA)
    parameters = tuple(each.clone().requires_grad_() for each in parameters)
    made = SquashedNormal if policy == "squashed" else ScaledBeta
    for bound in (-1.0, 1.0):
        log_prob = made(*parameters).log_prob(torch.full((2, 2), bound))
        assert log_prob.isfinite().all()
        log_ratio = log_prob - log_prob.detach()
        gain = clipped_surrogate(log_ratio, torch.tensor([1.0, -1.0]), 0.2).sum()
        assert all(g.isfinite().all() for g in torch.autograd.grad(gain, parameters))


@pytest.mark.parametrize("std", ["free", "state"])
@pytest.mark.parametrize("log_std_init", [-1.0, 0.5])
def test_the_initial_standard_deviation_is_the_given_one(std, log_std_init):
    head = ContinuousHead(2, "squashed", std, log_std_init)
    assert head.size == (2 if std == "free" else 4)
    assert len(list(head.parameters())) == (std == "free")
    scale = head(torch.zeros(3, head.size)).normal.scale
    assert torch.allclose(scale, torch.full((3, 2), math.exp(log_std_init)))
    if std == "state":
        out = torch.zeros(1, 4)
        out[0, 2:] = torch.tensor([-99.0, 99.0])
        assert torch.allclose(head(out).normal.scale.log(), torch.tensor([[-5.0, 2.0]]), atol=1e-5)


def test_a_beta_policy_has_a_single_mode_for_any_outputs():
    policy = ContinuousHead(2, "beta")(torch.tensor([[-9.0, 9.0, 0.0, -3.0]]))
    assert (policy.beta.concentration1 > 1).all() and (policy.beta.concentration0 > 1).all()
    assert policy.mode.abs().max() <= 1


def test_a_categorical_policy_is_that_of_pytorch_with_its_gradients():
    raw = (5 * torch.randn(6, 5, dtype=torch.float64)).requires_grad_()
    available = torch.rand(6, 5) < 0.7
    available[:, 0] = True
    logits, action = mask_logits(raw, available), available.int().argmax(1)
    found = []
    for kind in (CategoricalPolicy, Categorical):
        policy = kind(logits=logits, validate_args=False)
        each = [policy.probs, policy.entropy(), policy.log_prob(action)]
        other = kind(logits=logits.flip(0) * available, validate_args=False)
        expanded: Any = policy.expand((2, 6))
        each += [kl_divergence(policy, other), policy.mode, expanded.probs]
        total = sum((part.double().tanh().sum() for part in each[:4]), torch.zeros(()))
        found.append([*each, *torch.autograd.grad(total, raw, retain_graph=True)])
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs)
    assert (found[0][0][~available] == 0).all()
    given = CategoricalPolicy(probs=torch.tensor([0.25, 0.75]))
    assert given.probs.tolist() == [0.25, 0.75]
