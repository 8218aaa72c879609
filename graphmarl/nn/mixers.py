"""From the values of agents to the value of the team."""

from __future__ import annotations

from abc import abstractmethod

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from graphmarl.nn.network import mlp


class Mixer(nn.Module):
    """Q_tot of each graph from the values of its agents' actions.

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
        """The value of the team; the dead count for nothing."""


class SumMixer(Mixer):
    """Q_tot is the sum over agents (VDN: Sunehag et al. 2018, eq. 1)."""

    def forward(
        self,
        q: Float[Tensor, "graph agent"],
        alive: Bool[Tensor, "graph agent"],
        state: Float[Tensor, "graph state"] | None,
    ) -> Float[Tensor, " graph"]:
        """The sum over the living."""
        return torch.where(alive, q, torch.zeros_like(q)).sum(-1)


class MonotonicMixer(Mixer):
    """Q_tot rises with every agent's value; how, the state says (QMIX: Rashid et al. 2018).

    Q_tot = |w_2(s)| . elu(q |W_1(s)| + b_1(s)) + V(s). One row of W_1 belongs to each slot, so the
    number of agents is fixed.

    Args:
        num_agents: N.
        state_size: size of the global state; 0 for weights that are the same in every state.
        embed: width of the mixing layer.
        hidden: width of the networks that make its weights; 0 makes them by one linear layer.

    Shapes:
        q and alive (graph, num_agents), state (graph, state_size); out (graph,).
    """

    def __init__(self, num_agents: int, state_size: int, embed: int = 32, hidden: int = 64) -> None:
        super().__init__()
        self.embed, self.needs_state = embed, state_size > 0
        state_size = max(state_size, 1)
        between = [hidden] if hidden else []
        self.w_1 = mlp(state_size, *between, num_agents * embed, last_gain=1.0)
        self.w_2 = mlp(state_size, *between, embed, last_gain=1.0)
        self.b_1 = mlp(state_size, embed, last_gain=1.0)
        self.v = mlp(state_size, embed, 1, last_gain=1.0)

    def forward(
        self,
        q: Float[Tensor, "graph agent"],
        alive: Bool[Tensor, "graph agent"],
        state: Float[Tensor, "graph state"] | None,
    ) -> Float[Tensor, " graph"]:
        """The mixed value of the living."""
        if not self.needs_state:
            state = q.new_ones(len(q), 1)
        assert state is not None, "the method has asked for a state"
        living = torch.where(alive, q, torch.zeros_like(q))
        w_1 = self.w_1(state).abs().view(len(q), -1, self.embed)
        h = F.elu((living[:, None] @ w_1).squeeze(1) + self.b_1(state))
        return (h * self.w_2(state).abs()).sum(-1) + self.v(state).squeeze(-1)
