"""Agents that act, and are valued, by what their world model knows."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Categorical
from torch_geometric.data import Data

from graphmarl.functional import mask_logits
from graphmarl.nn.communication.modules import last_action
from graphmarl.nn.network import AgentNetwork, Output, count_graphs, mlp
from graphmarl.nn.world_model import WorldModel


class LatentAgent(AgentNetwork):
    """Policy pi(a_i | z_i, h_i) of the state of a shared world model, which is an agent's memory.

    The messages of a step, over its edges, are what the senders knew and did in the step before.

    Args:
        model: the world model.
        hidden: width of the policy's two layers.

    Shapes:
        graph.x (row, obs_size), memory (row, model.size); distribution over rows.
    """

    sequential = True
    rounds = 1

    def __init__(self, model: WorldModel, hidden: int = 256) -> None:
        super().__init__()
        self.model = model
        self.actor = mlp(model.size, hidden, hidden, model.num_actions, last_gain=0.01)
        self.memory_size = model.size
        self.ordered = model.talk.positional

    def forward(
        self, graph: Data, memory: Float[Tensor, "row memory"]
    ) -> tuple[Output, Float[Tensor, "row memory"]]:
        """Policy and what to remember; states are drawn in training, else the most likely ones."""
        return self.see(graph, memory, self.training)

    def see(
        self, graph: Data, memory: Float[Tensor, "row memory"], sample: bool
    ) -> tuple[Output, Float[Tensor, "row memory"]]:
        """Policy and what to remember, of states that are drawn or the most likely ones."""
        assert graph.x is not None and graph.edge_index is not None, "a builder has set the edges"
        model, before = self.model, self.model.split(memory)
        did = last_action(graph, model.num_actions)
        rows = (graph.num_nodes or 0) // count_graphs(graph)
        heard = model.talk(torch.cat([before.z, did], 1), graph.edge_index, rows)
        h = model.gru(heard, before.h)
        latent, _ = model.observe(h, model.encoder(graph.x.flatten(1)), sample)
        features = latent.features
        policy = self.policy(features, graph.available if "available" in graph else None)
        return Output(distribution=policy, features=features, latent=heard), features

    def policy(self, features: Tensor, available: Tensor | None) -> Categorical:
        """The policy in some states."""
        logits = mask_logits(self.actor(features), available)
        return Categorical(logits=logits, validate_args=False)
