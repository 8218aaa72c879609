"""Agent network that acts on the latent states of a world model."""

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
    """Policy pi(a_i | z_i, h_i) on the latent state of a shared world model.

    The latent state (z_i, h_i) is the agent's memory. The messages of a step are the stochastic
    states and actions of the senders in the previous step, along the edges of that step
    (`graph.previous_edge_index`, and without it those of the graph), as the model is trained.
    Unlike the paper's code, which masks them by the neighbours of the step itself: those reveal
    which agents have died since, and are unknown in imagination.

    Args:
        model: the world model.
        hidden: width of the two hidden layers of the policy.
        policy_gain: gain of the orthogonal initialisation of its last layer.

    Shapes:
        graph.x (row, obs_size), memory (row, model.size); distribution over rows.
    """

    sequential = True
    rounds = 1

    def __init__(self, model: WorldModel, hidden: int = 256, policy_gain: float = 0.01) -> None:
        super().__init__()
        self.model = model
        self.actor = mlp(model.size, hidden, hidden, model.num_actions, last_gain=policy_gain)
        self.memory_size = model.size
        self.ordered = model.communication.positional

    def forward(
        self, graph: Data, memory: Float[Tensor, "row memory"]
    ) -> tuple[Output, Float[Tensor, "row memory"]]:
        """Policy and next memory; states are sampled in training mode, else the mode is taken."""
        return self.infer(graph, memory, self.training)

    def infer(
        self, graph: Data, memory: Float[Tensor, "row memory"], sample: bool
    ) -> tuple[Output, Float[Tensor, "row memory"]]:
        """Policy and next memory, with posterior states sampled or at their mode."""
        assert graph.x is not None and graph.edge_index is not None, "a builder has set the edges"
        model, previous = self.model, self.model.split(memory)
        previous_action = last_action(graph, model.num_actions)
        rows = (graph.num_nodes or 0) // count_graphs(graph)
        x = torch.cat([previous.z, previous_action], 1)
        sent = graph.previous_edge_index if "previous_edge_index" in graph else graph.edge_index
        messages = model.communication(x, sent, rows)
        h = model.gru(messages, previous.h)
        latent, _ = model.observe(h, model.encoder(graph.x.flatten(1)), sample)
        features = latent.features
        policy = self.policy(features, graph.available if "available" in graph else None)
        return Output(distribution=policy, features=features, latent=messages), features

    def policy(self, features: Tensor, available: Tensor | None) -> Categorical:
        """Policy at the given latent features."""
        logits = mask_logits(self.actor(features), available)
        return Categorical(logits=logits, validate_args=False)
