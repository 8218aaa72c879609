"""Values of agents beside those that they hear: the critics of soft actor-critic."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F
from torch_geometric.data import Data

from graphmarl.nn.conv import PairConv
from graphmarl.nn.inference import StateMessages
from graphmarl.nn.network import at_once, mlp, orthogonal_linear
from graphmarl.nn.policy import Action


class NeighborCritic(nn.Module):
    """Q_i(s, a_i, a_Ni): the value of an agent's action beside those of the agents that it hears.

    States go M rounds (`StateMessages`); actions go a single hop, so that an agent's own action
    cannot come back to it, and Q_i of every own discrete action is one output each, of which no
    input depends on that action.

    Args:
        obs_size: numbers in an agent's observation.
        num_actions: number of actions, or of their components.
        action: discrete or continuous.
        kinds: number of kinds of agent.
        rounds: M.
        size: width of the states.
        hidden: width of the other layers.
        state_messages: pass observations on as well.

    Shapes:
        graph.x (row, obs_size), action (row, num_actions); out (row, num_actions) of every own
        discrete action, or (row, 1) of the continuous one.
    """

    def __init__(
        self,
        obs_size: int,
        num_actions: int,
        action: Action = "discrete",
        kinds: int = 1,
        *,
        rounds: int = 2,
        size: int = 64,
        hidden: int = 128,
        state_messages: bool = True,
    ) -> None:
        super().__init__()
        self.continuous = action == "continuous"
        self.states = StateMessages(obs_size, size, rounds, kinds, state_messages)
        known = self.states.sizes[-1]
        self.conv = PairConv(known, hidden, known, size)
        self.told = nn.Linear(num_actions, size, bias=False)
        self.own = orthogonal_linear(known, hidden)
        self.did = nn.Linear(num_actions, hidden, bias=False) if self.continuous else None
        self.head = mlp(hidden, 1 if self.continuous else num_actions, last_gain=0.01)

    def features(self, graph: Data) -> tuple[Tensor, Tensor, Tensor]:
        """What no action has a bearing on: the states' part of hearing, of telling, of the own."""
        s = self.states(graph)[-1]
        hears, tells, own = at_once(s, self.conv.receiver, self.conv.sender, self.own)
        return hears, tells, own

    def forward(
        self,
        features: tuple[Tensor, Tensor, Tensor],
        action: Float[Tensor, "row action"],
        graph: Data,
    ) -> Float[Tensor, "row own"]:
        """Values from the features; discrete actions are one-hot or relaxed."""
        hears, tells, own = features
        assert graph.edge_index is not None, "a builder has set the edges"
        heard = self.conv.heard(hears, graph.edge_index, tells + self.told(action))
        if self.did is not None:
            own = own + self.did(action)
        return self.head(F.relu(own + heard, inplace=True))

    def taken(
        self, q: Float[Tensor, "row own"], action: Float[Tensor, "row action"]
    ) -> Float[Tensor, " row"]:
        """The value of the own action that was taken."""
        return q.squeeze(-1) if self.continuous else (q * action).sum(-1)


class NeighborValue(nn.Module):
    """V_i(s) from the states after M rounds.

    Args:
        obs_size: numbers in an agent's observation.
        kinds: number of kinds of agent.
        rounds: M.
        size: width of the states.
        hidden: width of the layer above.
        state_messages: pass observations on.

    Shapes:
        graph.x (row, obs_size); out (row,).
    """

    def __init__(
        self,
        obs_size: int,
        kinds: int = 1,
        *,
        rounds: int = 2,
        size: int = 64,
        hidden: int = 128,
        state_messages: bool = True,
    ) -> None:
        super().__init__()
        self.states = StateMessages(obs_size, size, rounds, kinds, state_messages)
        self.head = mlp(self.states.sizes[-1], hidden, 1, last_gain=0.01)

    def forward(self, graph: Data) -> Float[Tensor, " row"]:
        """The value of each agent."""
        return self.head(self.states(graph)[-1]).squeeze(-1)
