"""Mixers: factorisations of Q_tot into the Q-values of the agents."""

from __future__ import annotations

from abc import abstractmethod

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from graphmarl.nn.network import mlp


class Mixer(nn.Module):
    """Base class of mixers, which compute Q_tot from the chosen Q-values of all agents.

    Attributes:
        needs_state: whether it reads the global state.
    """

    needs_state: bool = False

    @abstractmethod
    def forward(
        self,
        q: Float[Tensor, "graph agent"],
        alive: Bool[Tensor, "graph agent"],
        state: Float[Tensor, "graph state"] | None,
    ) -> Float[Tensor, " graph"]:
        """Q_tot of each graph; dead agents are ignored."""


class SumMixer(Mixer):
    """Q_tot as the sum of the agents' Q-values (VDN: Sunehag et al. 2018, eq. 1)."""

    def forward(
        self,
        q: Float[Tensor, "graph agent"],
        alive: Bool[Tensor, "graph agent"],
        state: Float[Tensor, "graph state"] | None,
    ) -> Float[Tensor, " graph"]:
        """Sum over live agents."""
        return torch.where(alive, q, torch.zeros_like(q)).sum(-1)


class MonotonicMixer(Mixer):
    r"""Monotonic mixing network with state-conditioned weights (QMIX: Rashid et al. 2018).

    .. math::
        Q_{tot} = |w_2(s)|^T \mathrm{elu}(|W_1(s)|^T q + b_1(s)) + V(s)

    W_1 has one row per agent, so the number of agents is fixed.

    Args:
        num_agents: number of agents, N.
        state_size: size of the global state; 0 for weights that do not depend on the state.
        embed: width of the mixing layer.
        hidden: width of the hypernetworks that generate its weights; 0 for linear ones.

    Shapes:
        q and alive (graph, num_agents), state (graph, state_size); out (graph,).
    """

    def __init__(self, num_agents: int, state_size: int, embed: int = 32, hidden: int = 64) -> None:
        super().__init__()
        self.embed, self.needs_state = embed, state_size > 0
        state_size = max(state_size, 1)
        layers = [hidden] if hidden else []
        self.w_1 = mlp(state_size, *layers, num_agents * embed, last_gain=1.0)
        self.w_2 = mlp(state_size, *layers, embed, last_gain=1.0)
        self.b_1 = mlp(state_size, embed, last_gain=1.0)
        self.v = mlp(state_size, embed, 1, last_gain=1.0)

    def forward(
        self,
        q: Float[Tensor, "graph agent"],
        alive: Bool[Tensor, "graph agent"],
        state: Float[Tensor, "graph state"] | None,
    ) -> Float[Tensor, " graph"]:
        """Mix the Q-values of the live agents."""
        if not self.needs_state:
            state = q.new_ones(len(q), 1)
        assert state is not None, "the method has asked for a state"
        live_q = torch.where(alive, q, torch.zeros_like(q))
        w_1 = self.w_1(state).abs().view(len(q), -1, self.embed)
        h = F.elu((live_q[:, None] @ w_1).squeeze(1) + self.b_1(state))
        return (h * self.w_2(state).abs()).sum(-1) + self.v(state).squeeze(-1)
