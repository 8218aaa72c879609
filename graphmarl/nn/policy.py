"""Policy heads for discrete and continuous actions."""

from __future__ import annotations

from typing import Any, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.distributions import Categorical, Distribution, kl_divergence
from torch_geometric.data import Data

from graphmarl.functional import mask_logits
from graphmarl.nn.distributions import (
    CategoricalPolicy,
    ContinuousHead,
    ScaledBeta,
    SquashedNormal,
)
from graphmarl.nn.network import mlp

Action = Literal["discrete", "continuous"]


class PolicyHead(nn.Sequential):
    """MLP head of a categorical policy (discrete), or of one in [-1, 1] (continuous).

    Args:
        in_features: size of an agent's features.
        num_actions: number of actions, or of action components.
        action: discrete or continuous.
        hidden: width of the hidden layers; 0 for none.
        layers: number of hidden layers.
        gain: gain of the orthogonal initialisation of the last layer.
        continuous: arguments of `ContinuousHead`.

    Shapes:
        h (row, in_features); out a distribution over rows.
    """

    def __init__(
        self,
        in_features: int,
        num_actions: int,
        action: Action = "discrete",
        hidden: int = 128,
        layers: int = 1,
        gain: float = 0.01,
        **continuous: Any,
    ) -> None:
        head = ContinuousHead(num_actions, **continuous) if action == "continuous" else None
        hiddens = [hidden] * layers if hidden else []
        size = num_actions if head is None else head.size
        super().__init__(*mlp(in_features, *hiddens, size, last_gain=gain))
        if head is not None:
            self.append(head)
        self.continuous, self.size = head is not None, size

    def forward(self, h: Float[Tensor, "row feature"], graph: Data) -> Distribution:
        """Policy of each agent; unavailable actions have probability 0."""
        return self.policy(h, graph.available if "available" in graph else None)

    def policy(self, h: Float[Tensor, "*axes feature"], available: Tensor | None) -> Distribution:
        """Policy at any features.

        Args:
            h: features.
            available: mask of the available discrete actions, or None if all are.
        """
        out = super().forward(h)
        if self.continuous:
            return out
        return CategoricalPolicy(logits=mask_logits(out, available), validate_args=False)


def parameters_of(policy: Distribution) -> Float[Tensor, "row number"]:
    """Policy parameters as features: probabilities, mean and log std, or concentrations."""
    if isinstance(policy, SquashedNormal):
        return torch.cat([policy.normal.mean, policy.normal.scale.log()], -1)
    if isinstance(policy, ScaledBeta):
        return torch.cat([policy.beta.concentration1, policy.beta.concentration0], -1)
    assert isinstance(policy, Categorical), "a policy head gives one of the three"
    return policy.probs


def policy_rows(policy: Distribution, rows: Int[Tensor, " pick"]) -> Distribution:
    """The policies of some rows.

    Args:
        policy: of a policy head.
        rows: their numbers.
    """
    if isinstance(policy, SquashedNormal):
        return SquashedNormal(policy.normal.mean[rows], policy.normal.scale[rows].log())
    if isinstance(policy, ScaledBeta):
        return ScaledBeta(policy.beta.concentration1[rows], policy.beta.concentration0[rows])
    assert isinstance(policy, Categorical), "a policy head gives one of the three"
    return CategoricalPolicy(logits=policy.logits[rows], validate_args=False)


def joined_policies(policies: list[Distribution]) -> Distribution:
    """The policies of all rows of several distributions, in order.

    Args:
        policies: of one policy head.
    """
    first = policies[0]
    if isinstance(first, SquashedNormal):
        normals = [p.normal for p in policies if isinstance(p, SquashedNormal)]
        mean, scale = (torch.cat([getattr(n, name) for n in normals]) for name in ("loc", "scale"))
        return SquashedNormal(mean, scale.log())
    if isinstance(first, ScaledBeta):
        betas = [p.beta for p in policies if isinstance(p, ScaledBeta)]
        return ScaledBeta(
            torch.cat([beta.concentration1 for beta in betas]),
            torch.cat([beta.concentration0 for beta in betas]),
        )
    assert isinstance(first, Categorical), "a policy head gives one of the three"
    logits = [p.logits for p in policies if isinstance(p, Categorical)]
    return CategoricalPolicy(logits=torch.cat(logits), validate_args=False)


def policy_kl(p: Distribution, q: Distribution) -> Float[Tensor, " row"]:
    """KL( p || q ) of each row, in nats.

    The divergence of two squashed Gaussians is that of the Gaussians, as of scaled distributions.

    Args:
        p: policies of a policy head.
        q: policies of the same kind.
    """
    if isinstance(p, SquashedNormal) and isinstance(q, SquashedNormal):
        return kl_divergence(p.normal, q.normal).sum(-1)
    if isinstance(p, ScaledBeta) and isinstance(q, ScaledBeta):
        return kl_divergence(p.beta, q.beta).sum(-1)
    return kl_divergence(p, q)
