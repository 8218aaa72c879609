"""Joint action-value critic of QTRAN."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from graphmarl.nn.network import mlp


class JointCritic(nn.Module):
    """Joint Q_jt and V_jt of QTRAN-base, by sum pooling over agents (Son et al. 2019, Section 4).

    Args:
        features: size of an agent's features.
        num_actions: number of actions.
        state_size: size of the global state; 0 for none.
        hidden: width of every layer.

    Shapes:
        features (graph, agent, features), action (graph, agent); out (graph,).
    """

    def __init__(self, features: int, num_actions: int, state_size: int, hidden: int = 64) -> None:
        super().__init__()
        self.num_actions = num_actions
        self.pair = mlp(features + num_actions, hidden, hidden)
        self.single = mlp(features, hidden, hidden)
        self.q = mlp(hidden + state_size, hidden, 1, last_gain=1.0)
        self.v = mlp(hidden + state_size, hidden, 1, last_gain=1.0)

    def joint(
        self,
        features: Float[Tensor, "graph agent feature"],
        action: Tensor,
        alive: Bool[Tensor, "graph agent"],
        state: Float[Tensor, "graph state"] | None,
    ) -> Float[Tensor, " graph"]:
        """Q_jt(tau, u).

        Args:
            features: features of each agent.
            action: action of each agent.
            alive: mask of live agents.
            state: global state, or None.
        """
        chosen = F.one_hot(action, self.num_actions).to(features.dtype)
        pair = self.pair(torch.cat([features, chosen], -1)) * alive[..., None]
        return self.q(self._with_state(pair.sum(1), state)).squeeze(-1)

    def value(
        self,
        features: Float[Tensor, "graph agent feature"],
        alive: Bool[Tensor, "graph agent"],
        state: Float[Tensor, "graph state"] | None,
    ) -> Float[Tensor, " graph"]:
        """V_jt(tau).

        Args:
            features: features of each agent.
            alive: mask of live agents.
            state: global state, or None.
        """
        single = self.single(features) * alive[..., None]
        return self.v(self._with_state(single.sum(1), state)).squeeze(-1)

    @staticmethod
    def _with_state(pooled: Tensor, state: Tensor | None) -> Tensor:
        return pooled if state is None else torch.cat([pooled, state], -1)
