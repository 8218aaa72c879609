"""A critic that can tell what would have been if one agent had done something else."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F
from torch_geometric.data import Data

from graphmarl.nn.network import batch_of, mlp
from graphmarl.nn.trunk import place_of


class CounterfactualCritic(nn.Module):
    """Q(s, u_-i, .): all actions of an agent beside those of the others (COMA, Fig. 1).

    For agent i it reads the global state, the agent's observation, what the others do (one-hot in
    the order of their places; zeros for the agent itself and for the dead) and the agent's place.

    Args:
        num_agents: N, the only number of agents that it works with.
        state_size: size of the global state.
        obs_size: numbers in an agent's observation.
        num_actions: number of actions.
        hidden: width of both layers.

    Shapes:
        graph.state (graph, state_size), graph.x (row, obs_size), action (row,);
        out (row, num_actions).
    """

    def __init__(
        self, num_agents: int, state_size: int, obs_size: int, num_actions: int, hidden: int = 128
    ) -> None:
        super().__init__()
        self.num_agents, self.num_actions = num_agents, num_actions
        size = state_size + obs_size + num_agents * (num_actions + 1)
        self.layers = mlp(size, hidden, hidden, num_actions, last_gain=1.0)

    def forward(self, graph: Data, action: Int[Tensor, " row"]) -> Float[Tensor, "row action"]:
        """The value of each of an agent's actions beside what the others do."""
        assert graph.x is not None, "the agent graph carries observations"
        done = F.one_hot(action, self.num_actions) * graph.alive[:, None]
        place = F.one_hot(place_of(graph), self.num_agents)
        together = done.view(-1, self.num_agents, self.num_actions)[batch_of(graph)]
        others = together * (1 - place)[..., None]
        known = (graph.state[batch_of(graph)], graph.x.flatten(1), others.flatten(1), place)
        return self.layers(torch.cat([part.float() for part in known], 1))
