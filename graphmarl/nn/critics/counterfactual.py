"""Counterfactual critic of COMA."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F
from torch_geometric.data import Data

from graphmarl.nn.network import batch_of, mlp
from graphmarl.nn.picture_encoder import ObsSize, encoded_size, observation_encoder
from graphmarl.nn.trunk import agent_index


class CounterfactualCritic(nn.Module):
    """Counterfactual critic: Q-values of all actions of agent i given the others' (COMA, Fig. 1).

    `Q(s, u_-i, .)`. The input for agent i is the global state, its observation, the one-hot actions
    of all other agents (zeros for agent i itself and for dead agents) and the one-hot agent index.

    Args:
        num_agents: number of agents, N.
        state_size: size of the global state.
        obs_size: size of an agent's observation, or the shape of pictures.
        num_actions: number of actions.
        hidden: width of both layers.

    Shapes:
        graph.state (graph, state_size), graph.x (row, obs_size), action (row,);
        out (row, num_actions).
    """

    def __init__(
        self,
        num_agents: int,
        state_size: int,
        obs_size: ObsSize,
        num_actions: int,
        hidden: int = 128,
    ) -> None:
        super().__init__()
        self.num_agents, self.num_actions = num_agents, num_actions
        self.observation = observation_encoder(obs_size)
        size = state_size + encoded_size(obs_size) + num_agents * (num_actions + 1)
        self.layers = mlp(size, hidden, hidden, num_actions, last_gain=1.0)

    def forward(self, graph: Data, action: Int[Tensor, " row"]) -> Float[Tensor, "row action"]:
        """Q-values of all actions of each agent, given the actions of the others."""
        assert graph.x is not None, "the agent graph carries observations"
        taken = F.one_hot(action, self.num_actions) * graph.alive[:, None]
        index = F.one_hot(agent_index(graph), self.num_agents)
        joint = taken.view(-1, self.num_agents, self.num_actions)[batch_of(graph)]
        others = joint * (1 - index)[..., None]
        x = self.observation(graph.x.flatten(1))
        inputs = (graph.state[batch_of(graph)], x, others.flatten(1), index)
        return self.layers(torch.cat([part.float() for part in inputs], 1))
