"""Centralised critics of MADDPG and PIC."""

from __future__ import annotations

from abc import abstractmethod

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F
from torch_geometric.data import Data
from torch_geometric.utils import scatter

from graphmarl.functional.layouts import layout_of
from graphmarl.nn.adjacency import adjacency_matrix
from graphmarl.nn.conv import SumConv
from graphmarl.nn.linear import own_weights
from graphmarl.nn.network import batch_of, count_graphs, mlp, orthogonal_linear, scaled_linear
from graphmarl.nn.picture_encoder import ObsSize, encoded_size, observation_encoder


class CentralCritic(nn.Module):
    """Base class of centralised critics, Q(s, a) from all observations and actions.

    Args:
        obs_size: the shape of pictures; of vectors the size is not needed.

    Attributes:
        num_agents: required number of agents; 0 for any number.
    """

    num_agents: int = 0

    def __init__(self, obs_size: ObsSize = 0) -> None:
        super().__init__()
        self.observation = observation_encoder(obs_size)

    @abstractmethod
    def forward(
        self,
        graph: Data,
        action: Float[Tensor, "row action"],
        order: Int[Tensor, " agent"] | None = None,
    ) -> Float[Tensor, " graph"]:
        """Q-value of each graph; `order` permutes the agents of the input."""

    def gain(
        self,
        graph: Data,
        done: Float[Tensor, "row action"],
        action: Float[Tensor, "row action"],
        order: Int[Tensor, " agent"] | None = None,
    ) -> Tensor:
        """Q-values that the actors maximise, of their actions.

        Args:
            graph: agent graph.
            done: actions of the replay.
            action: differentiable actions of the actors.
            order: permutation of the agents of the input.
        """
        return self(graph, action, order)

    def observed(self, graph: Data, action: Tensor) -> Float[Tensor, "row both"]:
        """Observation and action of live agents; zeros for dead agents."""
        assert graph.x is not None, "the agent graph carries observations"
        both = torch.cat([self.observation(graph.x.flatten(1)), action], 1)
        if graph.alive.all():
            return both
        return torch.where(graph.alive[:, None], both, torch.zeros_like(both))


class ConcatCritic(CentralCritic):
    """Centralised critic on concatenated observations and actions (MADDPG: Lowe et al. 2017).

    Dead agents are zeros. The number of agents is fixed, and their order matters.

    Args:
        obs_size: size of an agent's observation, or the shape of pictures.
        num_actions: number of actions, or of action components.
        num_agents: number of agents, N.
        hidden: width of both layers.

    Shapes:
        graph.x (row, obs_size), action (row, num_actions); out (graph,).
    """

    def __init__(
        self, obs_size: ObsSize, num_actions: int, num_agents: int, hidden: int = 128
    ) -> None:
        super().__init__(obs_size)
        self.num_agents = num_agents
        size = num_agents * (encoded_size(obs_size) + num_actions)
        self.layers = mlp(size, hidden, hidden, 1, last_gain=1.0)

    def forward(
        self,
        graph: Data,
        action: Float[Tensor, "row action"],
        order: Int[Tensor, " agent"] | None = None,
    ) -> Float[Tensor, " graph"]:
        """Q-value of each graph."""
        each = self.observed(graph, action).unflatten(0, (-1, self.num_agents))
        if order is not None:
            each = each[:, order]
        return self.layers(each.flatten(1)).squeeze(-1)


class AgentConcatCritic(CentralCritic):
    """A centralised critic for each agent, with weights of its own (MADDPG: Lowe et al. 2017).

    Args:
        obs_size: size of an agent's observation, or the shape of pictures.
        num_actions: number of actions, or of action components.
        num_agents: number of agents, N.
        hidden: width of both layers.

    Shapes:
        graph.x (row, obs_size), action (row, num_actions); out (graph, num_agents).
    """

    def __init__(
        self, obs_size: ObsSize, num_actions: int, num_agents: int, hidden: int = 128
    ) -> None:
        super().__init__(obs_size)
        self.num_agents = num_agents
        size = num_agents * (encoded_size(obs_size) + num_actions)
        self.layers = own_weights(mlp(size, hidden, hidden, 1, last_gain=1.0), num_agents)

    def forward(
        self,
        graph: Data,
        action: Float[Tensor, "row action"],
        order: Int[Tensor, " agent"] | None = None,
    ) -> Float[Tensor, "graph agent"]:
        """Q-value of each agent."""
        return self.gain(graph, action, action, order)

    def gain(
        self,
        graph: Data,
        done: Float[Tensor, "row action"],
        action: Float[Tensor, "row action"],
        order: Int[Tensor, " agent"] | None = None,
    ) -> Float[Tensor, "graph agent"]:
        """Q-value of each agent's own action beside the actions that the others have done."""
        shape = (-1, 1, self.num_agents)
        own, others = (self.observed(graph, part).unflatten(0, shape) for part in (action, done))
        eye = torch.eye(self.num_agents, dtype=torch.bool, device=done.device)[..., None]
        each = torch.where(eye, own, others)
        each = each if order is None else each[:, :, order]
        return self.layers(each.flatten(2).flatten(0, 1)).view(-1, self.num_agents)


class PooledCritic(CentralCritic):
    r"""Permutation-invariant graph-convolutional critic (PIC: Liu et al. 2019, eqs. 5-6).

    .. math::
        h_i' = \tfrac{1}{N} ( \mathrm{relu}(\tfrac{1}{N} \sum_j W h_j) + \mathrm{relu}(U h_i) )

    The sum is over the neighbours of agent i, all other agents in the paper; the features are
    max-pooled over agents. `normalise` is the division of each layer by N in the paper's code.

    Args:
        obs_size: size of an agent's observation, or the shape of pictures.
        num_actions: number of actions, or of action components.
        kinds: number of kinds of agent; with several, an embedding of the kind is appended.
        hidden: width of the layers.
        layers: number of graph convolutions.
        kind_size: size of the kind embedding.
        normalise: divide each layer by N.

    Shapes:
        graph.x (row, obs_size), action (row, num_actions); out (graph,).
    """

    def __init__(
        self,
        obs_size: ObsSize,
        num_actions: int,
        kinds: int = 1,
        hidden: int = 128,
        layers: int = 2,
        kind_size: int = 8,
        normalise: bool = True,
    ) -> None:
        super().__init__(obs_size)
        self.normalise = normalise
        self.kind = nn.Embedding(kinds, kind_size) if kinds > 1 else None
        first = encoded_size(obs_size) + num_actions + (kind_size if kinds > 1 else 0)
        sizes = [first] + [hidden] * (layers - 1)
        self.others = nn.ModuleList(SumConv(size, hidden) for size in sizes)
        self.own = nn.ModuleList(orthogonal_linear(size, hidden) for size in sizes)
        self.head = mlp(hidden, 1, last_gain=1.0)

    def forward(
        self,
        graph: Data,
        action: Float[Tensor, "row action"],
        order: Int[Tensor, " agent"] | None = None,
    ) -> Float[Tensor, " graph"]:
        """Q-value of each graph; independent of the order."""
        h, number = self.observed(graph, action), (graph.num_nodes or 0) // count_graphs(graph)
        if self.kind is not None:
            h = torch.cat([h, self.kind(graph.kind)], 1)
        assert graph.edge_index is not None, "a builder has set the edges"
        matrix = adjacency_matrix(graph)
        # Divisions commute with the ReLU, and cost less where they are applied to the weights.
        scale = 1 / number if self.normalise else 1.0
        for others, own in zip(self.others, self.own, strict=True):
            assert isinstance(others, SumConv) and isinstance(own, nn.Linear), "made above"
            messages = scaled_linear(others.linear, h, scale / number)
            own_part = scaled_linear(own, h, scale)
            total = others.sum_messages(messages, graph.edge_index, matrix)
            h = F.relu(total, inplace=True) + F.relu(own_part)
        return self.head(self._pooled(h, graph)).squeeze(-1)

    @staticmethod
    def _pooled(h: Tensor, graph: Data) -> Float[Tensor, "graph feature"]:
        """Maximum over the live agents; features are at least 0, so zeros exclude dead agents."""
        if not graph.alive.all():
            h = h * graph.alive[:, None]
        if layout_of(graph.edge_index) is not None:
            return h.unflatten(0, (count_graphs(graph), -1)).amax(1)
        return scatter(h, batch_of(graph), dim_size=count_graphs(graph), reduce="max")
