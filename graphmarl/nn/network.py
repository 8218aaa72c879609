"""AgentNetwork and its Output: the interface of networks to learners."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field, fields
from functools import cached_property
from itertools import pairwise
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Distribution
from torch.nn import functional as F
from torch_geometric.data import Data

from graphmarl.functional.products import fast_products


@dataclass
class Output:
    """Outputs of a network for every agent of a graph.

    Args:
        distribution: policy of each agent, or None.
        value: value of each agent, or None.
        q: Q-value of each action of each agent, or None.
        features: inputs of the heads, or None.
        inputs: input of the first layer, or None.
        latent: output of the communication, or None.
        messages: message on each edge, before noise and cuts, or None.
        attention: attention weight of each edge, or None.
        stored: named tensors, one row per agent, that are stored in the trajectory and attached to
            the graph when it is replayed, such as outputs of frozen modules.
        extra: named tensors, one row per agent, for the `extra_losses` of a method.
    """

    distribution: Distribution | None = None
    value: Float[Tensor, " row"] | None = None
    q: Float[Tensor, "row action"] | None = None
    features: Float[Tensor, "row feature"] | None = None
    inputs: Float[Tensor, "row input"] | None = None
    latent: Float[Tensor, "row latent"] | None = None
    messages: Float[Tensor, "edge message"] | None = None
    attention: Float[Tensor, "edge head"] | None = None
    stored: dict[str, Tensor] = field(default_factory=dict)
    extra: dict[str, Tensor] = field(default_factory=dict)

    @classmethod
    def joined(cls, parts: list[Output]) -> Output:
        """Concatenation of several outputs; without stored tensors."""
        # Here, since both need this module.
        from graphmarl.nn.policy import joined_policies

        named = {f.name: [getattr(part, f.name) for part in parts] for f in fields(cls)}
        whole: dict[str, Any] = {
            n: torch.cat(v) for n, v in named.items() if all(isinstance(e, Tensor) for e in v)
        }
        whole["extra"] = {n: torch.cat([part.extra[n] for part in parts]) for n in parts[0].extra}
        if parts[0].distribution is not None:
            whole["distribution"] = joined_policies(named["distribution"])
        return cls(**whole)


class AgentNetwork(nn.Module):
    """Base class of networks that process all agents of a disjoint union of graphs in parallel.

    Attributes:
        memory_size: size of the recurrent memory per agent, which is reset to zero at the start of
            an episode.
        sequential: whether training needs the steps in order, because a trained part is recurrent.
        rounds: hops that information travels along the edges within a step; 0 reads no edges.
        delayed: whether the messages of a step are sent in the step before.
        num_agents: required number of agents, for a network that depends on the agent index; 0 for
            a network that is permutation equivariant and takes any number.
        ordered: whether it depends on the agent index though it takes any number of agents.
        heard_agents: agents of each graph while outputs on a delayed graph are computed; else 0.
    """

    memory_size: int = 0
    sequential: bool = False
    rounds: int = 0
    delayed: bool = False
    num_agents: int = 0
    ordered: bool = False
    heard_agents: int = 0

    @abstractmethod
    def forward(
        self, graph: Data, memory: Float[Tensor, "row memory"]
    ) -> tuple[Output, Float[Tensor, "row memory"]]:
        """Outputs of all agents, and their next memory."""

    def __call__(self, graph: Data, memory: Tensor, **options: Any) -> Any:
        """Outputs of all agents, and their next memory; on a delayed graph see `nn.delayed`.

        Args:
            graph: agent graph; with `heard_x` agents hear each other as they were then.
            memory: memory of each agent.
            options: further arguments of `forward`.

        Raises:
            ValueError: a delayed graph and a network with memory.
        """
        if "heard_x" not in graph or not self.rounds:
            with fast_products(len(memory), self.width):
                return super().__call__(graph, memory, **options)
        # Here, since both need `Output`.
        from graphmarl.nn.delayed import of_now, with_past

        if self.memory_size:
            raise ValueError("a delayed graph needs agents without memory; this network has one")
        rows, edges = graph.num_nodes or 0, graph["edge_index"].shape[1]
        self.heard_agents = rows // count_graphs(graph)
        try:
            wide, nothing = with_past(graph, self.heard_agents), memory.new_zeros(2 * rows, 0)
            output, _ = super().__call__(wide, nothing, **options)
            return of_now(output, rows, edges, self.heard_agents), memory
        finally:
            self.heard_agents = 0

    @cached_property
    def width(self) -> int:
        """Width of the widest linear layer: the smaller one of the sizes of its weight."""
        layers = [m for m in self.modules() if isinstance(m, nn.Linear)]
        return max([min(layer.in_features, layer.out_features) for layer in layers], default=0)

    @property
    def edge_width(self) -> int:
        """Features of each edge that a call holds at once, by which minibatches are divided."""
        return self.width

    def unroll(self, graph: Data, memory: Float[Tensor, "row memory"], num_steps: int) -> Output:
        """Outputs for sequences, whose memory is reset where an episode begins.

        What does not depend on the memory should be computed for all steps at once. The default is
        a loop over the steps.

        Args:
            graph: agent graphs of all steps, one step after the other, and so are their edges.
            memory: memory of each agent before the first step.
            num_steps: steps, T.

        Returns:
            outputs of all steps, one row per agent and step; without stored tensors.
        """
        # Here, since both need this module.
        from graphmarl.nn.unrolling import first_steps, split_steps

        parts: list[Output] = []
        begins = first_steps(graph, num_steps)
        for step, first in zip(split_steps(graph, num_steps), begins, strict=True):
            output, memory = self(step, memory.masked_fill(first[:, None], 0))
            parts.append(output)
        return Output.joined(parts)

    def check_agents(self, graph: Data) -> None:
        """Check that the graph has the required number of agents.

        Raises:
            ValueError: another number of agents.
        """
        count = (graph.num_nodes or 0) / count_graphs(graph) / (2 if self.heard_agents else 1)
        if self.num_agents and count != self.num_agents:
            raise ValueError(
                f"this network needs {self.num_agents} agents, which it distinguishes by index; "
                f"the graph has {count:g}"
            )


def orthogonal_linear(in_features: int, out_features: int, gain: float = 2**0.5) -> nn.Linear:
    """Linear layer with orthogonal initialisation of the given gain and zero bias."""
    layer = nn.Linear(in_features, out_features)
    nn.init.orthogonal_(layer.weight, gain)
    nn.init.zeros_(layer.bias)
    return layer


def mlp(*sizes: int, last_gain: float = 2**0.5) -> nn.Sequential:
    """Multi-layer perceptron with orthogonal initialisation and ReLU between the layers."""
    layers: list[nn.Module] = []
    for index, (size, out_size) in enumerate(pairwise(sizes)):
        last = index == len(sizes) - 2
        layers.append(orthogonal_linear(size, out_size, last_gain if last else 2**0.5))
        if not last:
            layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)


def fused_linear(x: Float[Tensor, "row in"], *layers: nn.Linear) -> tuple[Tensor, ...]:
    """Outputs of several linear layers for one input, by a single matrix product."""
    weight = torch.cat([layer.weight for layer in layers])
    bias = torch.cat([layer.bias for layer in layers])
    return F.linear(x, weight, bias).split([layer.out_features for layer in layers], 1)


def scaled_linear(layer: nn.Linear, x: Float[Tensor, "row in"], factor: float) -> Tensor:
    """Output of a linear layer times a factor, which is applied to its weights.

    Args:
        layer: the layer.
        x: its input.
        factor: the factor.
    """
    return F.linear(x, layer.weight * factor, layer.bias * factor)


def count_graphs(graph: Data) -> int:
    """Number of graphs in a disjoint union; data without `ptr` is a single graph."""
    return len(graph.ptr) - 1 if "ptr" in graph else 1


def batch_of(graph: Data) -> Tensor:
    """Graph of each row; zeros if a single graph has no `batch`."""
    if graph.batch is not None:
        return graph.batch
    device = None if graph.x is None else graph.x.device
    return torch.zeros(graph.num_nodes or 0, dtype=torch.long, device=device)
