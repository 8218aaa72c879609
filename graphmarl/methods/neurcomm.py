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
from graphmarl.nn import (
    AgentLinear,
    AgentNetwork,
    ConcatConv,
    Output,
    concatenate_slots,
    neighbor_slots,
    orthogonal_linear,
)
from graphmarl.step import Spec, require_discrete


class NeurCommNetwork(AgentNetwork):
    r"""LSTM agents that read what neighbours see now, and did and felt in the step before (eq. 5).

    .. math::
        s_i = [\sigma(W_o [o_i, o_{N_i}]), \sigma(W_p \pi_{N_i}^{t-1}), \sigma(W_h h_{N_i}^{t-1})],
        \quad h_i, c_i = \mathrm{LSTM}(s_i; h_i^{t-1}, c_i^{t-1})

    Neighbours come in the order of their distance. Memory holds h_i, c_i and the last policy, all
    zeros where an episode begins; what is of the step before travels one hop in each step.

    Args:
        obs_size: numbers in an agent's observation o_i.
        num_actions: number of actions.
        neighbors: slots for neighbours; those that nobody fills are zeros.
        hidden: width of every layer and size of h_i and c_i.
        own_weights: number of agents that have weights of their own; 0 shares them.

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
        self.told = [obs_size, num_actions, hidden]
        self.conv = ConcatConv(neighbors)
        self.see = linear((1 + neighbors) * obs_size, hidden)
        self.guess = linear(neighbors * num_actions, hidden)
        self.feel = linear(neighbors * hidden, hidden)
        self.gates = linear(4 * hidden, 4 * hidden, 1.0)
        self.actor = linear(hidden, num_actions, 0.01)
        self.critic = linear(hidden + neighbors * num_actions, 1, 1.0)

    def forward(
        self, graph: Data, memory: Float[Tensor, "row memory"]
    ) -> tuple[Output, Float[Tensor, "row memory"]]:
        """Policy and what to remember."""
        assert graph.x is not None and graph.edge_index is not None, "a builder has set the edges"
        self.check_agents(graph)
        x = graph.x.flatten(1)
        h, c, policy = memory.split(self.parts, 1)
        slot = neighbor_slots(graph.edge_index, graph.pos, self.neighbors)
        heard = self.conv(torch.cat([x, policy, h], 1), graph.edge_index, slot)
        seen, policies, states = (part.flatten(1) for part in heard.split(self.told, 2))
        known = [self.see(torch.cat([x, seen], 1)), self.guess(policies), self.feel(states)]
        h, c = self.remember(F.relu(torch.cat(known, 1)), h, c)
        available = graph.available if "available" in graph else None
        logits = mask_logits(self.actor(h), available)
        distribution = Categorical(logits=logits, validate_args=False)
        # A policy that is told is an input of others, as an observation is: no gradient.
        memory = torch.cat([h, c, distribution.probs.detach()], 1)
        return Output(distribution=distribution, features=h, latent=heard.flatten(1)), memory

    def remember(self, s: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """One step of the LSTM."""
        write, forget, read, new = self.gates(torch.cat([s, h], 1)).chunk(4, 1)
        c = forget.sigmoid() * c + write.sigmoid() * new.tanh()
        return read.sigmoid() * c.tanh(), c

    def value(self, graph: Data, h: Tensor, done: Float[Tensor, "row action"]) -> Tensor:
        """V_i(h_i, u_Ni), linear in what the neighbours do.

        Args:
            graph: who hears whom.
            h: the hidden states.
            done: the actions of all, one-hot, or their probabilities, for the expected value.
        """
        assert graph.edge_index is not None, "a builder has set the edges"
        sender, receiver = graph.edge_index
        slot = neighbor_slots(graph.edge_index, graph.pos, self.neighbors)
        theirs = concatenate_slots(done[sender], receiver, slot, len(h), self.neighbors)
        return self.critic(torch.cat([h, theirs], 1)).squeeze(-1)


class NeurComm(A2C):
    r"""A2C of agents that tell neighbours what they see, their last policy and hidden state.

    Agent i learns from the spatially discounted reward (Section 3.3)

    .. math::
        \tilde r_i = \sum_j \alpha^{d_{ij}} r_j

    where d_ij counts the hops from j to i along the edges, and those from whom nothing arrives are
    left out. The value V_i(h_i, u_Ni) reads what the neighbours do; after the last transition of a
    trajectory, where that is not known, it is the expectation under their policies, exact since the
    critic is linear. Unlike the paper, agents share their weights unless `shared` is off, losses
    are a mean over agents, and graphs may change in every step: neighbours fill the slots in
    the order of their distance.

    Args:
        spec: shapes of the environment, whose agents must have positions.
        neighbors: slots for neighbours; an agent that hears more is refused, slots that nobody
            fills are zeros.
        hidden: width of every layer.
        shared: one set of weights for all agents; off gives each place its own, as in the paper,
            which fixes their number.
        spatial_discount: alpha, 0 for the own reward alone; with `reward` team all agents get the
            global reward and this does not matter.
        learning_rate: of the optimiser.
        optimizer: `rmsprop` as in the paper, or `adam`.
        max_grad_norm: largest norm of the gradient.
        rollout_length: steps of each trajectory.
        learner: arguments of `A2C`.

    Raises:
        ValueError: the agents have no positions, or a number is out of range.
    """

    default_graph = "knn:k=4"
    network: NeurCommNetwork

    def __init__(
        self,
        spec: Spec,
        neighbors: int = 4,
        hidden: int = 64,
        shared: bool = True,
        spatial_discount: float = 0.9,
        learning_rate: float = 5e-4,
        optimizer: Literal["adam", "rmsprop"] = "rmsprop",
        max_grad_norm: float = 40.0,
        rollout_length: int = 120,
        **learner: Any,
    ) -> None:
        require_discrete(spec, "NeurComm")
        if not spec.has_position:
            raise ValueError(
                "NeurComm sorts neighbours by distance; these agents have no positions"
            )
        if neighbors < 1:
            raise ValueError(f"neighbors is {neighbors}; allowed are 1 and more slots")
        if not 0 <= spatial_discount <= 1:
            raise ValueError(
                f"spatial_discount is {spatial_discount}; allowed are 0 to 1, "
                "and reward=team is the global reward"
            )
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
        done = F.one_hot(action, policy.probs.shape[1]).to(output.features.dtype)
        return self.network.value(graph, output.features, done)

    def last_value(
        self, graph: Data, memory: Float[Tensor, "row memory"]
    ) -> Float[Tensor, " row"] | None:
        """The expected value under the neighbours' policies."""
        output, _ = self.network(graph, memory)
        policy = output.distribution
        assert isinstance(policy, Categorical) and output.features is not None, "the network's"
        return self.network.value(graph, output.features, policy.probs)

    def rewards(self, trajectory: Trajectory) -> Float[Tensor, "time env agent"]:
        """The spatially discounted rewards, or the global one."""
        reward = super().rewards(trajectory)
        if self.reward != "agent" or not self.spatial_discount:
            return reward
        graph = trajectory.graph()
        assert graph.edge_index is not None, "a trajectory has edges"
        near = spatially_discounted(reward.flatten(0, 1), graph.edge_index, self.spatial_discount)
        return near.view(reward.shape)


def spatially_discounted(
    reward: Float[Tensor, "graph agent"], edge_index: Int[Tensor, "2 edge"], alpha: float
) -> Float[Tensor, "graph agent"]:
    """Sum over j of alpha^d r_j, where d counts the hops from j to i along the edges.

    Args:
        reward: of each agent.
        edge_index: over the rows `graph * N + agent`.
        alpha: what each hop leaves of a reward.
    """
    count = reward.shape[1]
    sender, receiver = edge_index
    rows = reward.numel()
    reached = torch.eye(count, device=reward.device).repeat(len(reward), 1)
    total, weight = reward.flatten().clone(), 1.0
    theirs = reward.repeat_interleave(count, 0)
    for _ in range(count - 1):
        arrives = scatter(reached[sender], receiver, dim_size=rows, reduce="max")
        new = arrives.clamp(min=0) * (1 - reached)
        if not new.any():
            break
        weight *= alpha
        total += weight * (new * theirs).sum(1)
        reached = reached + new
    return total.view(reward.shape)
