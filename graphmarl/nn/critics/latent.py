"""State-value critic on the latent states of a world model."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from graphmarl.nn.adjacency import BlockMask
from graphmarl.nn.conv.transformer import TransformerLayer
from graphmarl.nn.network import mlp
from graphmarl.nn.world_model import xavier


class LatentCritic(nn.Module):
    """Values V_i of latent states, by a transformer layer over the live agents of each graph.

    Args:
        size: size of the part of a latent state that is read, from its beginning.
        hidden: width of every layer.
        heads: number of attention heads.

    Shapes:
        features (graph, agent, at least size), alive (graph, agent); out (graph, agent).
    """

    def __init__(self, size: int, hidden: int = 256, heads: int = 8) -> None:
        super().__init__()
        self.size = size
        self.embed = nn.Linear(size, hidden)
        self.layer = TransformerLayer(hidden, heads)
        self.head = mlp(hidden, hidden, 1)
        xavier(self)

    def forward(self, features: Tensor, alive: Tensor) -> Tensor:
        """Value of each agent."""
        x = self.layer(
            F.relu(self.embed(features[..., : self.size])), BlockMask.complete(alive).mask
        )
        return self.head(F.relu(x)).squeeze(-1)
