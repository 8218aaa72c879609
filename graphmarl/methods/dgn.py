"""DGN: Jiang et al. 2020, "Graph Convolutional Reinforcement Learning"."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch_geometric.data import Data

from graphmarl.data import Trajectory
from graphmarl.functional import masked_mean
from graphmarl.learners import QLearning
from graphmarl.nn import AgentNetwork, AttentionConv, Output, mlp, orthogonal_linear
from graphmarl.step import Spec, require_discrete


class AttentionBlock(nn.Module):
    """One of DGN's convolutions: multi-head attention, then a layer.

    Args:
        size: size of the features.
        heads: number of heads.
    """

    def __init__(self, size: int, heads: int) -> None:
        super().__init__()
        self.conv = AttentionConv(size, size, heads, activation=nn.ReLU())
        self.out = nn.Sequential(orthogonal_linear(size, size), nn.ReLU())

    def forward(self, h: Tensor, graph: Data) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """The next features, and who attended to whom: on each edge, and to oneself."""
        assert graph.edge_index is not None, "a builder has set the edges"
        alpha = self.conv.attention(h, graph.edge_index)
        return self.out(self.conv(h, graph.edge_index, alpha)), alpha


class DGNNetwork(AgentNetwork):
    """Encoder, stacked relations, and action values of all of their features side by side.

    Args:
        obs_size: numbers in an agent's observation.
        num_actions: number of actions.
        encoder: width of the encoder's first layer.
        hidden: size of the features.
        heads: attention heads of each convolution.
        layers: convolutions, and so hops that information travels.

    Shapes:
        graph.x (row, obs_size); q (row, num_actions), attention (edge, heads) of the last layer.
    """

    def __init__(
        self, obs_size: int, num_actions: int, encoder: int, hidden: int, heads: int, layers: int
    ) -> None:
        super().__init__()
        self.encoder = nn.Sequential(mlp(obs_size, encoder, hidden), nn.ReLU())
        self.blocks = nn.ModuleList(AttentionBlock(hidden, heads) for _ in range(layers))
        self.head = orthogonal_linear(hidden * (layers + 1), num_actions, 1.0)
        self.rounds = layers

    def attend(self, graph: Data) -> tuple[list[Tensor], tuple[Tensor, Tensor]]:
        """Features of every layer, and the attention of the last."""
        assert graph.x is not None, "the agent graph carries observations"
        features = [self.encoder(graph.x.flatten(1))]
        alpha = (features[0], features[0])
        for block in self.blocks:
            h, alpha = block(features[-1], graph)
            features.append(h)
        return features, alpha

    def forward(
        self, graph: Data, memory: Float[Tensor, "row memory"]
    ) -> tuple[Output, Float[Tensor, "row memory"]]:
        """Action values; there is nothing to remember."""
        features, alpha = self.attend(graph)
        joined = torch.cat(features, 1)
        return Output(q=self.head(joined), features=joined, attention=alpha[0]), memory


class DGN(QLearning):
    """Deep Q-learning on graph convolutions by attention (eqs. 1-4).

    With `temporal` the attention of the last layer is pulled towards that in the next state among
    the same neighbours (temporal relation regularisation, eq. 5); the paper's code has it for its
    routing task only. Unlike the paper's code, the next state has the graph of the next state.
    Unlike the paper, targets are those of double Q-learning unless `double_q` is off.

    Args:
        spec: shapes of the environment.
        encoder: width of the encoder's first layer.
        hidden: size of the features.
        heads: attention heads of each convolution.
        layers: convolutions.
        temporal: weight of the temporal regularisation; the paper's value is 0.03.
        learner: arguments of `QLearning`.
    """

    default_graph = "knn:k=3"

    def __init__(
        self,
        spec: Spec,
        encoder: int = 512,
        hidden: int = 128,
        heads: int = 8,
        layers: int = 2,
        temporal: float = 0.0,
        **learner: Any,
    ) -> None:
        require_discrete(spec, "DGN")
        if layers < 1:
            raise ValueError(f"layers is {layers}; allowed are 1 and more convolutions")
        network = DGNNetwork(spec.obs_size, spec.num_actions, encoder, hidden, heads, layers)
        super().__init__(network, None, **learner)
        self.temporal = temporal
        if temporal:
            self.loss_names = ("td", "temporal")

    def extra_losses(self, batch: Trajectory, online: Output, target: Output) -> dict[str, Tensor]:
        """KL( attention at t || attention at t + 1 ), among the neighbours at t."""
        if not self.temporal:
            return {}
        assert isinstance(self.network, DGNNetwork), "made above"
        count = (batch.num_steps - 1) * batch.num_envs
        graphs = torch.arange(count, device=batch.alive.device)
        now, then = batch.graph(graphs), batch.graph(graphs + batch.num_envs)
        assert now.edge_index is not None, "a trajectory has edges"
        # Who has died is no neighbour in the next state.
        both = then.alive[now.edge_index].all(0)
        now.edge_index = then.edge_index = now.edge_index[:, both]
        (edge, own), (next_edge, next_own) = (self.network.attend(g)[1] for g in (now, then))
        each = divergence(edge, next_edge)
        total = divergence(own, next_own).index_add(0, now.edge_index[1], each)
        mask = (batch.acted & batch.survived)[:-1].flatten()
        return {"temporal": self.temporal * masked_mean(total, mask)}


def divergence(p: Float[Tensor, "row head"], q: Float[Tensor, "row head"]) -> Float[Tensor, " row"]:
    """The terms of KL(p || q) of some outcomes, a mean over heads; q is given, not trained."""
    least = torch.finfo(p.dtype).tiny
    return (p * (p.clamp(min=least).log() - q.detach().clamp(min=least).log())).mean(1)
