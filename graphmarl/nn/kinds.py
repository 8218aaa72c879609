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
