"""Neighbourhood critics of soft actor-critic."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F
from torch_geometric.data import Data

from graphmarl.nn.adjacency import adjacency_matrix
from graphmarl.nn.conv import PairConv
from graphmarl.nn.network import fused_linear, mlp, orthogonal_linear
from graphmarl.nn.picture_encoder import ObsSize
from graphmarl.nn.policy import Action
from graphmarl.nn.state_messages import StateMessages


class NeighborCritic(nn.Module):
    """Critic Q_i(s, a_i, a_Ni) of an agent's own and its neighbours' actions.

    States are passed for M rounds (`StateMessages`), actions for a single hop, so that an agent's
    own action never returns to it. Q_i of each own discrete action is a separate output, whose
    inputs do not depend on that action.

    Args:
        obs_size: size of an agent's observation, or the shape of pictures.
        num_actions: number of actions, or of action components.
        action: discrete or continuous.
        kinds: number of kinds of agent.
        rounds: number of rounds, M.
        size: width of the states.
        hidden: width of the other layers.
        states: arguments of `StateMessages`: `messages`, `aggregator`, `with_first`, `num_agents`.

    Shapes:
        graph.x (row, obs_size), action (row, num_actions); out (row, num_actions) for
        discrete actions, or (row, 1) for continuous ones.
    """

    def __init__(
        self,
        obs_size: ObsSize,
        num_actions: int,
        action: Action = "discrete",
        kinds: int = 1,
        *,
        rounds: int = 2,
        size: int = 32,
        hidden: int = 128,
        states: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.continuous = action == "continuous"
        self.states = StateMessages(obs_size, size, rounds, kinds, **(states or {}))
        state_size = self.states.sizes[-1]
        self.conv = PairConv(state_size, hidden, state_size, size)
        self.neighbor_action = nn.Linear(num_actions, size, bias=False)
        self.own = orthogonal_linear(state_size, hidden)
        self.own_action = nn.Linear(num_actions, hidden, bias=False) if self.continuous else None
        self.head = mlp(hidden, 1 if self.continuous else num_actions, last_gain=0.01)

    def features(self, graph: Data) -> tuple[Tensor, Tensor, Tensor]:
        """Action-independent features: state parts of receiver, sender and own input."""
        s = self.states(graph)[-1]
        receiver, sender, own = fused_linear(s, self.conv.receiver, self.conv.sender, self.own)
        return receiver, sender, own

    def forward(
        self,
        features: tuple[Tensor, Tensor, Tensor],
        action: Float[Tensor, "row action"],
        graph: Data,
    ) -> Float[Tensor, "row own"]:
        """Q-values from the features; discrete actions are one-hot or relaxed."""
        receiver, sender, own = features
        assert graph.edge_index is not None, "a builder has set the edges"
        v = sender + self.neighbor_action(action)
        aggregated = self.conv.sum_pairs(receiver, graph.edge_index, v, adjacency_matrix(graph))
        if self.own_action is not None:
            own = own + self.own_action(action)
        return self.head(F.relu(own + aggregated, inplace=True))

    def taken(
        self, q: Float[Tensor, "row own"], action: Float[Tensor, "row action"]
    ) -> Float[Tensor, " row"]:
        """Q-value of the agent's own action."""
        return q.squeeze(-1) if self.continuous else (q * action).sum(-1)


class NeighborValue(nn.Module):
    """State value V_i(s) after M rounds of state messages.

    Args:
        obs_size: size of an agent's observation, or the shape of pictures.
        kinds: number of kinds of agent.
        rounds: number of rounds, M.
        size: width of the states.
        hidden: width of the head.
        states: arguments of `StateMessages`: `messages`, `aggregator`, `with_first`, `num_agents`.

    Shapes:
        graph.x (row, obs_size); out (row,).
    """

    def __init__(
        self,
        obs_size: ObsSize,
        kinds: int = 1,
        *,
        rounds: int = 2,
        size: int = 32,
        hidden: int = 128,
        states: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.states = StateMessages(obs_size, size, rounds, kinds, **(states or {}))
        self.head = mlp(self.states.sizes[-1], hidden, 1, last_gain=0.01)

    def forward(self, graph: Data) -> Float[Tensor, " row"]:
        """Value of each agent."""
        return self.head(self.states(graph)[-1]).squeeze(-1)
