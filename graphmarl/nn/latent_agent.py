"""Agent network that acts on the latent states of a world model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.distributions import Distribution
from torch_geometric.data import Data

from graphmarl.nn.communication.modules import last_action
from graphmarl.nn.network import AgentNetwork, Output, count_graphs
from graphmarl.nn.policy import PolicyHead
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
        policy: form of a continuous policy; arguments of `ContinuousHead`.

    Attributes:
        absorbing: whether dead agents go on exchanging messages with all others.

    Shapes:
        graph.x (row, obs_size), memory (row, model.size); distribution over rows.
    """

    sequential = True
    delayed = True

    def __init__(
        self,
        model: WorldModel,
        hidden: int = 256,
        policy_gain: float = 0.01,
        policy: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.model, self.absorbing = model, False
        self.rounds = model.communication.rounds
        action = "discrete" if model.discrete else "continuous"
        shape = (model.size, model.num_actions, action, hidden)
        self.actor = PolicyHead(*shape, layers=2, gain=policy_gain, **(policy or {}))
        self.memory_size = model.size
        self.ordered = model.communication.positional

    def forward(
        self, graph: Data, memory: Float[Tensor, "row memory"], sample: bool | None = None
    ) -> tuple[Output, Float[Tensor, "row memory"]]:
        """Policy and next memory.

        Args:
            graph: agent graph.
            memory: latent state of each agent.
            sample: sample the posterior states instead of taking their mode; by default in training
                mode only.
        """
        sample = self.training if sample is None else sample
        assert graph.x is not None and graph.edge_index is not None, "a builder has set the edges"
        model, previous = self.model, self.model.split(memory)
        previous_action = last_action(graph, model.num_actions)
        rows = (graph.num_nodes or 0) // count_graphs(graph)
        x = torch.cat([previous.z, previous_action], 1)
        sent = graph.previous_edge_index if "previous_edge_index" in graph else graph.edge_index
        if self.absorbing:
            sent = with_dead(sent, graph.alive, rows)
        messages = model.communication(x, sent, rows)
        h = model.gru(messages, previous.h)
        latent, _ = model.observe(h, model.encode(graph.x.flatten(1)), sample)
        features = latent.features
        policy = self.policy(features, graph.available if "available" in graph else None)
        return Output(distribution=policy, features=features, latent=messages), features

    def policy(self, features: Tensor, available: Tensor | None) -> Distribution:
        """Policy at the given latent features."""
        return self.actor.policy(features, available)


def with_dead(
    edge_index: Int[Tensor, "2 edge"], alive: Bool[Tensor, " row"], num_agents: int
) -> Int[Tensor, "2 more"]:
    """Edges, and those in both directions between each dead agent and all others of its graph.

    Args:
        edge_index: senders and receivers.
        alive: mask of live agents.
        num_agents: rows per graph.
    """
    dead = ~alive.view(-1, num_agents)
    joined = dead[:, :, None] | dead[:, None]
    joined[:, range(num_agents), range(num_agents)] = False
    sender, receiver = edge_index
    joined[receiver // num_agents, receiver % num_agents, sender % num_agents] = True
    graph, i, j = joined.nonzero().T
    return torch.stack([graph * num_agents + j, graph * num_agents + i])
