"""Policy heads and distributions for discrete and continuous actions."""

from __future__ import annotations

import math
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Categorical, Distribution, Normal
from torch.nn import functional as F
from torch_geometric.data import Data

from graphmarl.functional import mask_logits
from graphmarl.nn.network import mlp

Action = Literal["discrete", "continuous"]


class SquashedNormal(Distribution):
    """Diagonal Gaussian squashed by tanh, so that actions are in (-1, 1).

    Args:
        mean: mean of the Gaussian.
        log_std: log standard deviation of the Gaussian.

    Shapes:
        mean and log_std (row, action); a sample (row, action), its log-density (row,).
    """

    def __init__(
        self, mean: Float[Tensor, "row action"], log_std: Float[Tensor, "row action"]
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
        return u.tanh(), self._density(u)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """A reparametrised sample."""
        return self.normal.rsample(torch.Size(sample_shape)).tanh()

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-density; actions at the bounds are clamped to the nearest interior number."""
        end = 1 - torch.finfo(value.dtype).eps
        return self._density(value.clamp(-end, end).atanh())

    def entropy(self) -> Tensor:
        """One reparametrised sample of -log p, as there is no closed form."""
        return -self.rsample_with_log_prob()[1]

    def _density(self, u: Tensor) -> Tensor:
        """Log-density of tanh(u): log N(u) - log(1 - tanh(u)^2), computed without cancellation."""
        slope = 2 * (math.log(2) - u - F.softplus(-2 * u))
        return (self.normal.log_prob(u) - slope).sum(-1)


class PolicyHead(nn.Sequential):
    """MLP head for a categorical (discrete) or squashed Gaussian (continuous) policy.

    Args:
        in_features: size of an agent's features.
        num_actions: number of actions, or of action components.
        action: discrete or continuous.
        hidden: width of the hidden layer; 0 for none.
        gain: gain of the orthogonal initialisation of the last layer.
        min_log_std: lower bound of the log standard deviation.
        max_log_std: upper bound of the log standard deviation.

    Shapes:
        h (row, in_features); out a distribution over rows.
    """

    def __init__(
        self,
        in_features: int,
        num_actions: int,
        action: Action = "discrete",
        hidden: int = 128,
        gain: float = 0.01,
        min_log_std: float = -5.0,
        max_log_std: float = 2.0,
    ) -> None:
        size = 2 * num_actions if action == "continuous" else num_actions
        layers = [hidden] if hidden else []
        super().__init__(*mlp(in_features, *layers, size, last_gain=gain))
        self.continuous, self.size = action == "continuous", size
        self.range = (min_log_std, max_log_std)

    def forward(self, h: Float[Tensor, "row feature"], graph: Data) -> Distribution:
        """Policy of each agent; unavailable actions have probability 0."""
        logits = super().forward(h)
        if not self.continuous:
            available = graph.available if "available" in graph else None
            return Categorical(logits=mask_logits(logits, available), validate_args=False)
        mean, raw_std = logits.chunk(2, -1)
        low, high = self.range
        return SquashedNormal(mean, low + (high - low) * (raw_std.tanh() + 1) / 2)


def parameters_of(policy: Distribution) -> Float[Tensor, "row number"]:
    """Policy parameters as features: probabilities, or mean and log standard deviation."""
    if isinstance(policy, SquashedNormal):
        return torch.cat([policy.normal.mean, policy.normal.scale.log()], -1)
    assert isinstance(policy, Categorical), "a policy head gives one of the two"
    return policy.probs
