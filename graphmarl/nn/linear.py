"""Layers with weights of their own for each kind of agent."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch_geometric.data import Data

from graphmarl.nn.network import orthogonal_linear


class KindLinear(nn.Module):
    """A linear layer that every kind of agent has for itself, as kinds see different things.

    Args:
        in_features: size of the input.
        out_features: size of the output.
        kinds: number of kinds.

    Shapes:
        x (row, in_features), graph.kind (row,); out (row, out_features).
    """

    def __init__(self, in_features: int, out_features: int, kinds: int = 1) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            orthogonal_linear(in_features, out_features) for _ in range(kinds)
        )

    def forward(self, x: Float[Tensor, "row in"], graph: Data) -> Float[Tensor, "row out"]:
        """Each row by the layer of its kind."""
        if len(self.layers) == 1:
            return self.layers[0](x)
        every = torch.stack([layer(x) for layer in self.layers], 1)
        return every[torch.arange(len(x), device=x.device), graph.kind]


class AgentLinear(nn.Module):
    """As many linear layers as there are agents, one for each place.

    Args:
        num_agents: N; rows come in groups of so many.
        in_features: size of the input.
        out_features: size of the output.
        gain: of the orthogonal weights.

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
        """Each row through the layer of its place."""
        by_place = x.view(-1, len(self.weight), x.shape[1]).transpose(0, 1)
        out = torch.baddbmm(self.bias[:, None], by_place, self.weight.transpose(1, 2))
        return out.transpose(0, 1).flatten(0, 1)
