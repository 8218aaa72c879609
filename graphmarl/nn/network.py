"""AgentNetwork and its Output: what every method hands to its learner."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field, fields
from itertools import pairwise
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Distribution
from torch.nn import functional as F
from torch_geometric.data import Data


@dataclass
class Output:
    """What a network says about every agent of a graph.

    Args:
        distribution: policy of each agent, or None.
        value: value of each agent, or None.
        q: value of each action of each agent, or None.
        features: what the heads of the network read, or None.
        latent: what an agent knows from others, or None.
        messages: message on each edge, before noise and cuts, or None.
        attention: weight of each edge, or None.
        stored: named tensors, one row per agent, that are kept with the trajectory and found on
            the graph when it is replayed: outputs of frozen parts, not to be computed again.
    """

    distribution: Distribution | None = None
    value: Float[Tensor, " row"] | None = None
    q: Float[Tensor, "row action"] | None = None
    features: Float[Tensor, "row feature"] | None = None
    latent: Float[Tensor, "row latent"] | None = None
    messages: Float[Tensor, "edge message"] | None = None
    attention: Float[Tensor, "edge head"] | None = None
    stored: dict[str, Tensor] = field(default_factory=dict)

    @classmethod
    def joined(cls, parts: list[Output]) -> Output:
        """Several outputs, one after the other; without distributions and what is stored."""
        named = {f.name: [getattr(part, f.name) for part in parts] for f in fields(cls)}
        whole: dict[str, Any] = {
            n: torch.cat(v) for n, v in named.items() if all(isinstance(e, Tensor) for e in v)
        }
        return cls(**whole)


class AgentNetwork(nn.Module):
    """All agents of a disjoint union of graphs at once.

    Attributes:
        memory_size: numbers that an agent carries from step to step; reset to zero where an episode
            begins.
        sequential: whether training needs the steps in order, because a trained part has memory.
        rounds: how many hops information travels along the edges within a step; 0 reads no edges.
        num_agents: the only number of agents that it works with, because it tells them apart by
            their places; 0 for a network that treats all alike and takes any number.
        ordered: whether it tells agents apart by their places though it takes any number of them.
    """

    memory_size: int = 0
    sequential: bool = False
    rounds: int = 0
    num_agents: int = 0
    ordered: bool = False

    @abstractmethod
    def forward(
        self, graph: Data, memory: Float[Tensor, "row memory"]
    ) -> tuple[Output, Float[Tensor, "row memory"]]:
        """Read a graph and the memory of its agents; say what to do and what to remember."""

    def check_agents(self, graph: Data) -> None:
        """Refuse another number of agents than the network tells apart.

        Raises:
            ValueError: says how many came and how many are allowed.
        """
        rows = graph.num_nodes or 0
        if self.num_agents and rows != self.num_agents * count_graphs(graph):
            raise ValueError(
                f"this network tells {self.num_agents} agents apart by their places; "
                f"the graph has {rows / count_graphs(graph):g}"
            )


def orthogonal_linear(in_features: int, out_features: int, gain: float = 2**0.5) -> nn.Linear:
    """A linear layer with orthogonal weights of the given gain and zero bias."""
    layer = nn.Linear(in_features, out_features)
    nn.init.orthogonal_(layer.weight, gain)
    nn.init.zeros_(layer.bias)
    return layer


def mlp(*sizes: int, last_gain: float = 2**0.5) -> nn.Sequential:
    """Orthogonal linear layers with ReLU between them, none after the last."""
    layers: list[nn.Module] = []
    for place, (size, following) in enumerate(pairwise(sizes)):
        last = place == len(sizes) - 2
        layers.append(orthogonal_linear(size, following, last_gain if last else 2**0.5))
        if not last:
            layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)


def at_once(x: Float[Tensor, "row in"], *layers: nn.Linear) -> tuple[Tensor, ...]:
    """What several linear layers make of one input, by a single product, which is faster."""
    weight = torch.cat([layer.weight for layer in layers])
    bias = torch.cat([layer.bias for layer in layers])
    return F.linear(x, weight, bias).split([layer.out_features for layer in layers], 1)


def count_graphs(graph: Data) -> int:
    """Graphs in a disjoint union; data without `ptr` is a single graph."""
    return len(graph.ptr) - 1 if "ptr" in graph else 1


def batch_of(graph: Data) -> Tensor:
    """Graph of each row; a single graph needs no `batch`."""
    if graph.batch is not None:
        return graph.batch
    device = None if graph.x is None else graph.x.device
    return torch.zeros(graph.num_nodes or 0, dtype=torch.long, device=device)
