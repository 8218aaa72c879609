"""Distributions of actions, one for each agent: categorical, or continuous in [-1, 1]."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Beta, Categorical, Distribution, Normal
from torch.distributions.utils import lazy_property
from torch.nn import functional as F

from graphmarl.ranges import Range

ContinuousPolicy = Literal["squashed", "beta"]
Std = Literal["free", "state"]
MIN_LOG_STD, MAX_LOG_STD = -5.0, 2.0
LogStd = Annotated[float, Range(above=MIN_LOG_STD, below=MAX_LOG_STD)]
"""Initial log standard deviation."""


class CategoricalPolicy(Categorical):
    """Categorical distribution whose probabilities are the exponentials of its log-probabilities.

    `torch.distributions.Categorical` computes a softmax anew, which is slow over a few actions.
    """

    @lazy_property
    def probs(self) -> Tensor:  # type: ignore[override]
        """Probability of each action."""
        return self.logits.exp()


class SquashedNormal(Distribution):
    """Diagonal Gaussian squashed by tanh, so that actions are in [-1, 1].

    Args:
        mean: mean of the Gaussian.
        log_std: log standard deviation of the Gaussian.

    Shapes:
        mean and log_std (..., action); a sample (..., action), its log-density (...).
    """

    def __init__(
        self, mean: Float[Tensor, "*axes action"], log_std: Float[Tensor, "*axes action"]
    ) -> None:
        super().__init__(mean.shape[:-1], mean.shape[-1:], validate_args=False)
        self.normal = Normal(mean, log_std.exp(), validate_args=False)

    @property
    def mode(self) -> Tensor:
        """The tanh of the Gaussian's mean, the usual deterministic action."""
        return self.normal.mean.tanh()

    def rsample_with_log_prob(self) -> tuple[Tensor, Tensor]:
        """A reparametrised sample, and its log-density."""
        u = self.normal.rsample()
        return u.tanh(), self.gaussian_log_prob(u)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """A reparametrised sample."""
        return self.normal.rsample(torch.Size(sample_shape)).tanh()

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-density; actions at the bounds are clamped to the nearest interior number."""
        end = 1 - torch.finfo(value.dtype).eps
        return self.gaussian_log_prob(value.clamp(-end, end).atanh())

    def gaussian_log_prob(self, u: Tensor) -> Tensor:
        """Log-density of tanh(u), exact also where it is rounded to a bound.

        It is log N(u) - log(1 - tanh(u)^2), computed without cancellation.

        Args:
            u: samples of the Gaussian.
        """
        slope = 2 * (math.log(2) - u - F.softplus(-2 * u))
        return (self.normal.log_prob(u) - slope).sum(-1)

    def entropy(self) -> Tensor:
        """One reparametrised sample of -log p, as there is no closed form."""
        return -self.rsample_with_log_prob()[1]


class ScaledBeta(Distribution):
    """Independent beta distributions, scaled from [0, 1] to [-1, 1] (Chou et al. 2017).

    Args:
        alpha: first concentration, above 1.
        beta: second concentration, above 1.

    Shapes:
        alpha and beta (..., action); a sample (..., action), its log-density (...).
    """

    def __init__(
        self, alpha: Float[Tensor, "*axes action"], beta: Float[Tensor, "*axes action"]
    ) -> None:
        super().__init__(alpha.shape[:-1], alpha.shape[-1:], validate_args=False)
        self.beta = Beta(alpha, beta, validate_args=False)

    @property
    def mode(self) -> Tensor:
        """The mode of each component."""
        alpha, beta = self.beta.concentration1, self.beta.concentration0
        span = alpha + beta - 2
        share = (alpha - beta) / span.clamp(min=torch.finfo(span.dtype).tiny)
        # Concentrations of 1, which is a uniform distribution, have no mode: the centre is taken.
        return torch.where(span > 0, share, 0)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """A reparametrised sample."""
        return 2 * self.beta.rsample(torch.Size(sample_shape)) - 1

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-density; actions at the bounds are clamped to the nearest interior number."""
        end = 1 - torch.finfo(value.dtype).eps
        share = (value.clamp(-end, end) + 1) / 2
        return (self.beta.log_prob(share) - math.log(2)).sum(-1)

    def entropy(self) -> Tensor:
        """Differential entropy, in closed form."""
        return (self.beta.entropy() + math.log(2)).sum(-1)


class ContinuousHead(nn.Module):
    """Distribution of an action in [-1, 1], from the outputs of a network.

    Args:
        num_actions: number of action components.
        policy: `squashed`, a Gaussian squashed by tanh; or `beta`, a beta distribution, whose
            concentrations are above 1 so that it has a single mode (Chou et al. 2017).
        std: the standard deviation of the Gaussian depends on the `state`, between e^-5 and e^2, or
            is one `free` parameter of each component.
        log_std_init: its initial logarithm.

    Attributes:
        size: number of outputs of the network.

    Shapes:
        out (..., size); a distribution over the same axes.
    """

    def __init__(
        self,
        num_actions: int,
        policy: ContinuousPolicy = "squashed",
        std: Std = "state",
        log_std_init: float = (MIN_LOG_STD + MAX_LOG_STD) / 2,
    ) -> None:
        super().__init__()
        self.policy = policy
        free = policy == "squashed" and std == "free"
        self.log_std = nn.Parameter(torch.full((num_actions,), log_std_init)) if free else None
        self.size = num_actions if free else 2 * num_actions
        share = (log_std_init - MIN_LOG_STD) / (MAX_LOG_STD - MIN_LOG_STD)
        self.offset = math.atanh(2 * share - 1)

    def forward(self, out: Float[Tensor, "*axes size"]) -> Distribution:
        """Distribution of each agent's action."""
        if self.log_std is not None:
            return SquashedNormal(out, self.log_std.expand_as(out))
        first, second = out.chunk(2, -1)
        if self.policy == "beta":
            return ScaledBeta(1 + F.softplus(first), 1 + F.softplus(second))
        share = ((second + self.offset).tanh() + 1) / 2
        return SquashedNormal(first, MIN_LOG_STD + (MAX_LOG_STD - MIN_LOG_STD) * share)


def choose_action(policy: Distribution, greedy: bool) -> tuple[Tensor, dict[str, Tensor]]:
    """A sample of a policy or its mode, and what to store for its log-probability.

    Args:
        policy: distribution over rows.
        greedy: take the mode.
    """
    if not isinstance(policy, SquashedNormal):
        return policy.mode if greedy else policy.sample(), {}
    u = policy.normal.mean if greedy else policy.normal.sample()
    return u.tanh(), {"gaussian_action": u}


def action_log_prob(policy: Distribution, action: Tensor, gaussian: Tensor | None) -> Tensor:
    """Log-probability of an action.

    Args:
        policy: distribution over rows.
        action: actions.
        gaussian: actions before they were squashed, if they were stored.
    """
    if isinstance(policy, SquashedNormal) and gaussian is not None:
        return policy.gaussian_log_prob(gaussian)
    return policy.log_prob(action)
