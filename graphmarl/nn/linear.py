"""Linear layers with separate weights per kind or per agent."""

from __future__ import annotations

from typing import TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch_geometric.data import Data

from graphmarl.nn.network import orthogonal_linear


class KindLinear(nn.Module):
    """Linear layer with separate weights for each kind of agent.

    Args:
        in_features: size of the input.
        out_features: size of the output.
        kinds: number of kinds of agent.

    Shapes:
        x (row, in_features), graph.kind (row,); out (row, out_features).
    """

    def __init__(self, in_features: int, out_features: int, kinds: int = 1) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            orthogonal_linear(in_features, out_features) for _ in range(kinds)
        )

    def forward(self, x: Float[Tensor, "row in"], graph: Data) -> Float[Tensor, "row out"]:
        """Apply to each row the layer of its kind."""
        if len(self.layers) == 1:
            return self.layers[0](x)
        every = torch.stack([layer(x) for layer in self.layers], 1)
        return every[torch.arange(len(x), device=x.device), graph.kind]


class AgentLinear(nn.Module):
    """Linear layer with separate weights for each agent index.

    Args:
        num_agents: agents per graph, N.
        in_features: size of the input.
        out_features: size of the output.
        gain: gain of the orthogonal initialisation.

    Shapes:
        x (graph * N, in_features); out (graph * N, out_features).
    """

    def __init__(
        self, num_agents: int, in_features: int, out_features: int, gain: float = 2**0.5
    ) -> None:
        super().__init__()
        each = [orthogonal_linear(in_features, out_features, gain) for _ in range(num_agents)]
        self.weight = nn.Parameter(torch.stack([layer.weight.detach() for layer in each]))
        self.bias = nn.Parameter(torch.stack([layer.bias.detach() for layer in each]))

    def forward(self, x: Float[Tensor, "row in"]) -> Float[Tensor, "row out"]:
        """Apply to each row the layer of its agent index."""
        by_agent = x.view(-1, len(self.weight), x.shape[1]).transpose(0, 1)
        out = torch.baddbmm(self.bias[:, None], by_agent, self.weight.transpose(1, 2))
        return out.transpose(0, 1).flatten(0, 1)


Module = TypeVar("Module", bound=nn.Module)


def own_weights(module: Module, num_agents: int) -> Module:
    """The module with each linear layer in place replaced by one per agent index.

    The layers are initialised anew, with the gains of those that they replace, which must be
    orthogonal.

    Args:
        module: a network without linear layers of its own at the top.
        num_agents: agents per graph, N.
    """
    for name, part in module.named_children():
        if isinstance(part, nn.Linear):
            gain = float(part.weight.detach().norm()) / min(part.weight.shape) ** 0.5
            new = AgentLinear(num_agents, part.in_features, part.out_features, gain)
            setattr(module, name, new)
        else:
            own_weights(part, num_agents)
    return module
