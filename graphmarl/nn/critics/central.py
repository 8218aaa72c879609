"""Values of a whole team: the central critics of MADDPG and PIC."""

from __future__ import annotations

from abc import abstractmethod

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F
from torch_geometric.data import Data
from torch_geometric.utils import scatter

from graphmarl.nn.adjacency import adjacency_matrix
from graphmarl.nn.conv import SumConv
from graphmarl.nn.network import batch_of, count_graphs, mlp, orthogonal_linear


class CentralCritic(nn.Module):
    """Q(s, a) of a whole team from all observations and actions.

    Attributes:
        num_agents: the only number of agents that it works with; 0 for any number.
    """

    num_agents: int = 0

    @abstractmethod
    def forward(
        self,
        graph: Data,
        action: Float[Tensor, "row action"],
        order: Int[Tensor, " agent"] | None = None,
    ) -> Float[Tensor, " graph"]:
        """The value of each graph; `order` is that in which agents are read."""


class ConcatCritic(CentralCritic):
    """All observations and actions side by side (MADDPG: Lowe et al. 2017).

    The dead are zeros. The number of agents is fixed, and their order matters.

    Args:
        obs_size: numbers in an agent's observation.
        num_actions: number of actions, or of their components.
        num_agents: N.
        hidden: width of both layers.

    Shapes:
        graph.x (row, obs_size), action (row, num_actions); out (graph,).
    """

    def __init__(self, obs_size: int, num_actions: int, num_agents: int, hidden: int = 128) -> None:
        super().__init__()
        self.num_agents = num_agents
        size = num_agents * (obs_size + num_actions)
        self.layers = mlp(size, hidden, hidden, 1, last_gain=1.0)

    def forward(
        self,
        graph: Data,
        action: Float[Tensor, "row action"],
        order: Int[Tensor, " agent"] | None = None,
    ) -> Float[Tensor, " graph"]:
        """The value of each graph."""
        each = _observed(graph, action).unflatten(0, (-1, self.num_agents))
        if order is not None:
            each = each[:, order]
        return self.layers(each.flatten(1)).squeeze(-1)


class PooledCritic(CentralCritic):
    r"""Graph convolutions and a maximum over agents (PIC: Liu et al. 2019, eqs. 5-6).

    .. math::
        h_i' = \tfrac{1}{N} ( \mathrm{relu}(\tfrac{1}{N} \sum_j W h_j) + \mathrm{relu}(U h_i) )

    The sum is over those that agent i hears, which is everyone else in the paper; the order of
    agents changes nothing. `normalise` is the division of each layer by N in the paper's code.

    Args:
        obs_size: numbers in an agent's observation.
        num_actions: number of actions, or of their components.
        kinds: number of kinds of agent; several are told apart by an embedding of `kind_size`.
        hidden: width of the layers.
        layers: graph convolutions.
        kind_size: size of the embedding of a kind.
        normalise: divide each layer by N.

    Shapes:
        graph.x (row, obs_size), action (row, num_actions); out (graph,).
    """

    def __init__(
        self,
        obs_size: int,
        num_actions: int,
        kinds: int = 1,
        hidden: int = 128,
        layers: int = 2,
        kind_size: int = 8,
        normalise: bool = True,
    ) -> None:
        super().__init__()
        self.normalise = normalise
        self.kind = nn.Embedding(kinds, kind_size) if kinds > 1 else None
        first = obs_size + num_actions + (kind_size if kinds > 1 else 0)
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
        """The value of each graph; the order changes nothing."""
        h, number = _observed(graph, action), (graph.num_nodes or 0) // count_graphs(graph)
        if self.kind is not None:
            h = torch.cat([h, self.kind(graph.kind)], 1)
        blocks = adjacency_matrix(graph)
        for others, own in zip(self.others, self.own, strict=True):
            heard = others(h, graph.edge_index, blocks) / number
            h = F.relu(heard) + F.relu(own(h))
            h = h / number if self.normalise else h
        # What follows a ReLU is at least 0, so that zeros leave the dead out of the maximum.
        pooled = scatter(
            h * graph.alive[:, None], batch_of(graph), dim_size=count_graphs(graph), reduce="max"
        )
        return self.head(pooled).squeeze(-1)


def _observed(graph: Data, action: Tensor) -> Float[Tensor, "row both"]:
    """Observation and action of the living; zeros for the dead."""
    assert graph.x is not None, "the agent graph carries observations"
    both = torch.cat([graph.x.flatten(1), action], 1)
    return torch.where(graph.alive[:, None], both, torch.zeros_like(both))
