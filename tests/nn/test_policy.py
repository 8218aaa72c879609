"""Squashed Gaussian policies against PyTorch's transformed distributions."""

import torch
from torch.distributions import Independent, Normal, TanhTransform, TransformedDistribution

from graphmarl.nn import SquashedNormal


def test_the_density_is_that_of_a_transformed_gaussian():
    mean, log_std = torch.randn(6, 3), torch.randn(6, 3).clamp(-1, 1)
    ours = SquashedNormal(mean, log_std)
    theirs = Independent(
        TransformedDistribution(Normal(mean, log_std.exp()), TanhTransform(cache_size=1)), 1
    )
    action = (mean + 0.3).tanh()
    assert torch.allclose(ours.log_prob(action), theirs.log_prob(action), atol=1e-4)
    sample, log_prob = ours.rsample_with_log_prob()
    assert torch.allclose(log_prob, ours.log_prob(sample), atol=1e-2)


def test_the_density_integrates_to_one():
    policy = SquashedNormal(torch.tensor([[0.4]]), torch.tensor([[-0.5]]))
    grid = torch.linspace(-0.9999, 0.9999, 40_001)
    density = policy.log_prob(grid[:, None]).exp()
    assert torch.isclose(torch.trapezoid(density, grid), torch.tensor(1.0), atol=1e-3)


def test_an_action_at_the_end_of_its_range_has_a_finite_density():
    policy = SquashedNormal(torch.zeros(1, 2), torch.zeros(1, 2))
    assert torch.isfinite(policy.log_prob(torch.tensor([[1.0, -1.0]]))).all()


def test_the_mode_is_the_squashed_mean():
    policy = SquashedNormal(torch.tensor([[0.5, -2.0]]), torch.zeros(1, 2))
    assert torch.allclose(policy.mode, torch.tensor([[0.5, -2.0]]).tanh())
