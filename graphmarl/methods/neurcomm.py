"""NeurComm: Chu et al. 2020, "Multi-agent Reinforcement Learning for Networked System Control"."""

from __future__ import annotations

from typing import Any, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.distributions import Categorical
from torch.nn import functional as F
from torch_geometric.data import Data
from torch_geometric.utils import scatter

from graphmarl.data import Trajectory
from graphmarl.functional import mask_logits
from graphmarl.learners import A2C
from graphmarl.methods.base import Method
from graphmarl.nn import (
    AgentLinear,
    AgentNetwork,
    CategoricalPolicy,
    ConcatConv,
    Output,
    concatenate_slots,
    neighbor_slots,
    orthogonal_linear,
)
from graphmarl.ranges import LearningRate, PositiveFloat, PositiveInt, UnitInterval, Width
from graphmarl.step import Spec


class NeurCommNetwork(AgentNetwork):
    r"""LSTM agents that communicate observations, policies and hidden states (eq. 5).

    .. math::
        s_i = [\sigma(W_o [o_i, o_{N_i}]), \sigma(W_p \pi_{N_i}^{t-1}), \sigma(W_h h_{N_i}^{t-1})],
        \quad h_i, c_i = \mathrm{LSTM}(s_i; h_i^{t-1}, c_i^{t-1})

    Neighbours are sorted by distance. The memory holds h_i, c_i and the last policy, zeros at the
    start of an episode; policies and hidden states of the previous step travel one hop per step.

    Args:
        obs_size: size of an agent's observation o_i.
        num_actions: number of actions.
        neighbors: slots for neighbours; empty slots are zeros.
        hidden: width of every layer and size of h_i and c_i.
        own_weights: number of agents with separate weights; 0 for shared weights.

    Shapes:
        graph.x (row, obs_size), memory (row, 2 hidden + num_actions); features h_i (row, hidden).
    """

    rounds = 1
    sequential = True

    def __init__(
        self, obs_size: int, num_actions: int, neighbors: int, hidden: int, own_weights: int
    ) -> None:
        super().__init__()

        def linear(size: int, out: int, gain: float = 2**0.5) -> nn.Module:
            if own_weights:
                return AgentLinear(own_weights, size, out, gain)
            return orthogonal_linear(size, out, gain)

        self.num_agents, self.neighbors = own_weights, neighbors
        self.parts = [hidden, hidden, num_actions]
        self.memory_size = sum(self.parts)
        self.message_sizes = [obs_size, num_actions, hidden]
        self.conv = ConcatConv(neighbors)
        self.obs_layer = linear((1 + neighbors) * obs_size, hidden)
        self.policy_layer = linear(neighbors * num_actions, hidden)
        self.hidden_layer = linear(neighbors * hidden, hidden)
        self.gates = linear(4 * hidden, 4 * hidden, 1.0)
        self.actor = linear(hidden, num_actions, 0.01)
        self.critic = linear(hidden + neighbors * num_actions, 1, 1.0)

    def forward(
        self, graph: Data, memory: Float[Tensor, "row memory"]
    ) -> tuple[Output, Float[Tensor, "row memory"]]:
        """Policy, and the next memory."""
        assert graph.x is not None and graph.edge_index is not None, "a builder has set the edges"
        self.check_agents(graph)
        x = graph.x.flatten(1)
        h, c, policy = memory.split(self.parts, 1)
        slot = neighbor_slots(graph.edge_index, graph.pos, self.neighbors)
        received = self.conv(torch.cat([x, policy, h], 1), graph.edge_index, slot)
        obs, policies, states = (part.flatten(1) for part in received.split(self.message_sizes, 2))
        obs = torch.cat([x, obs], 1)
        s = [self.obs_layer(obs), self.policy_layer(policies), self.hidden_layer(states)]
        h, c = self.lstm_step(F.relu(torch.cat(s, 1)), h, c)
        available = graph.available if "available" in graph else None
        logits = mask_logits(self.actor(h), available)
        distribution = CategoricalPolicy(logits=logits, validate_args=False)
        # Policies are inputs of other agents, as observations are: no gradient.
        memory = torch.cat([h, c, distribution.probs.detach()], 1)
        return Output(distribution=distribution, features=h, latent=received.flatten(1)), memory

    def lstm_step(self, s: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """One step of the LSTM."""
        write, forget, read, new = self.gates(torch.cat([s, h], 1)).chunk(4, 1)
        c = forget.sigmoid() * c + write.sigmoid() * new.tanh()
        return read.sigmoid() * c.tanh(), c

    def value(self, graph: Data, h: Tensor, action: Float[Tensor, "row action"]) -> Tensor:
        """V_i(h_i, u_Ni), linear in the neighbours' actions.

        Args:
            graph: agent graph.
            h: hidden states.
            action: one-hot actions of all agents, or their probabilities for the expected value.
        """
        assert graph.edge_index is not None, "a builder has set the edges"
        sender, receiver = graph.edge_index
        slot = neighbor_slots(graph.edge_index, graph.pos, self.neighbors)
        neighbor_actions = concatenate_slots(action[sender], receiver, slot, len(h), self.neighbors)
        return self.critic(torch.cat([h, neighbor_actions], 1)).squeeze(-1)


class NeurComm(Method, A2C):
    r"""A2C with messages of observations, policies and LSTM states between neighbours.

    Agent i maximises the spatially discounted reward (Section 3.3)

    .. math::
        \tilde r_i = \sum_j \alpha^{d_{ij}} r_j

    where d_ij is the number of hops from j to i along the edges, and agents without a path to i are
    excluded. The value V_i(h_i, u_Ni) reads the neighbours' actions; after the last transition of a
    trajectory it is the expectation under their policies, which is exact for a linear critic.
    Unlike the paper, weights are shared unless `shared` is off, losses are averaged over agents,
    and the graph may change in every step, with neighbours sorted by distance.

    Args:
        spec: specification of the environment, whose agents must have positions.
        neighbors: slots for neighbours, the maximum number per agent; empty slots are zeros.
        hidden: width of every layer.
        shared: share the weights between agents; otherwise each agent index has its own, as in the
            paper, which fixes the number of agents.
        spatial_discount: alpha; 0 for the agent's own reward only. Ignored with `reward` team, the
            global reward.
        learning_rate: learning rate.
        optimizer: `rmsprop` as in the paper, or `adam`.
        max_grad_norm: maximum gradient norm.
        rollout_length: steps per trajectory.
        learner: arguments of `A2C`.

    Raises:
        ValueError: agents without positions, or a number out of range.
    """

    default_graph = "knn:k=4"
    needs_position = True
    any_number = "default"
    recurrent = True
    sends_messages = True
    network: NeurCommNetwork

    def __init__(
        self,
        spec: Spec,
        neighbors: PositiveInt = 4,
        hidden: Width = 64,
        shared: bool = True,
        spatial_discount: UnitInterval = 0.9,
        learning_rate: LearningRate = 5e-4,
        optimizer: Literal["adam", "rmsprop"] = "rmsprop",
        max_grad_norm: PositiveFloat = 40.0,
        rollout_length: PositiveInt = 120,
        **learner: Any,
    ) -> None:
        self.check_spec(spec)
        own = 0 if shared else spec.num_agents
        super().__init__(
            NeurCommNetwork(spec.obs_size, spec.num_actions, neighbors, hidden, own),
            learning_rate=learning_rate,
            optimizer=optimizer,
            max_grad_norm=max_grad_norm,
            rollout_length=rollout_length,
            **learner,
        )
        self.spatial_discount = spatial_discount

    def value_of(self, graph: Data, output: Output, action: Tensor) -> Float[Tensor, " row"]:
        """V_i(h_i, u_Ni)."""
        policy = output.distribution
        assert isinstance(policy, Categorical) and output.features is not None, "the network's"
        action = F.one_hot(action, policy.probs.shape[1]).to(output.features.dtype)
        return self.network.value(graph, output.features, action)

    def last_value(
        self, graph: Data, memory: Float[Tensor, "row memory"]
    ) -> Float[Tensor, " row"] | None:
        """Expected value under the neighbours' policies."""
        output, _ = self.network(graph, memory)
        policy = output.distribution
        assert isinstance(policy, Categorical) and output.features is not None, "the network's"
        return self.network.value(graph, output.features, policy.probs)

    def rewards(self, trajectory: Trajectory) -> Float[Tensor, "time env agent"]:
        """Spatially discounted rewards, or the global reward."""
        reward = super().rewards(trajectory)
        if self.reward != "agent" or not self.spatial_discount:
            return reward
        graph = trajectory.graph()
        assert graph.edge_index is not None, "a trajectory has edges"
        discounted = spatially_discounted(
            reward.flatten(0, 1), graph.edge_index, self.spatial_discount
        )
        return discounted.view(reward.shape)


def spatially_discounted(
    reward: Float[Tensor, "graph agent"], edge_index: Int[Tensor, "2 edge"], alpha: float
) -> Float[Tensor, "graph agent"]:
    """Sum over j of alpha^d r_j, where d is the number of hops from j to i along the edges.

    Args:
        reward: reward of each agent.
        edge_index: senders and receivers, in rows `graph * N + agent`.
        alpha: discount per hop.
    """
    count = reward.shape[1]
    sender, receiver = edge_index
    rows = reward.numel()
    reached = torch.eye(count, device=reward.device).repeat(len(reward), 1)
    total, weight = reward.flatten().clone(), 1.0
    neighbor_actions = reward.repeat_interleave(count, 0)
    for _ in range(count - 1):
        arrives = scatter(reached[sender], receiver, dim_size=rows, reduce="max")
        new = arrives.clamp(min=0) * (1 - reached)
        if not new.any():
            break
        weight *= alpha
        total += weight * (new * neighbor_actions).sum(1)
        reached = reached + new
    return total.view(reward.shape)
