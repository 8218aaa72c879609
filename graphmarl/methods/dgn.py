"""DGN: Jiang et al. 2020, "Graph Convolutional Reinforcement Learning"."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch_geometric.data import Data

from graphmarl.data import Trajectory
from graphmarl.functional import masked_mean
from graphmarl.learners import QLearning
from graphmarl.learners.transitions import edges_that_stay
from graphmarl.methods.base import Method
from graphmarl.nn import (
    AgentNetwork,
    AttentionConv,
    CSRMatrix,
    DenseMatrix,
    Encoder,
    ObsSize,
    Output,
    adjacency_matrix,
    encoded_size,
    has_hooks,
    mlp,
    observation_encoder,
    orthogonal_linear,
)
from graphmarl.ranges import Layers, NonNegativeFloat, Width
from graphmarl.step import Spec


class AttentionBlock(nn.Module):
    """Convolution of DGN: multi-head attention and a linear layer with ReLU.

    Args:
        size: size of the features.
        heads: number of attention heads.
    """

    def __init__(self, size: int, heads: int) -> None:
        super().__init__()
        self.conv = AttentionConv(size, size, heads, activation=nn.ReLU())
        self.out = nn.Sequential(orthogonal_linear(size, size), nn.ReLU())

    def forward(
        self, h: Tensor, graph: Data, matrix: DenseMatrix | CSRMatrix
    ) -> tuple[Tensor, Tensor]:
        """Output features, and attention on the edges."""
        assert graph.edge_index is not None, "a builder has set the edges"
        if not has_hooks(self.conv):
            aggregated, alpha = self.conv.forward_matrix(h, matrix)
            return self.out(aggregated), alpha
        both = self.conv.attention(h, graph.edge_index)
        return self.out(self.conv(h, graph.edge_index, both)), both[0]


class DGNNetwork(AgentNetwork):
    """Q-network with stacked attention blocks and a head on the features of all layers.

    Args:
        obs_size: size of an agent's observation, or the shape of pictures.
        num_actions: number of actions.
        encoder_hidden: width of the encoder's first layer.
        hidden: size of the features.
        heads: attention heads per convolution.
        layers: number of convolutions, that is hops of information.

    Shapes:
        graph.x (row, obs_size); q (row, num_actions), attention (edge, heads) of the last layer.
    """

    def __init__(
        self,
        obs_size: ObsSize,
        num_actions: int,
        encoder_hidden: int,
        hidden: int,
        heads: int,
        layers: int,
    ) -> None:
        super().__init__()
        self.observation = observation_encoder(obs_size)
        size = encoded_size(obs_size)
        self.encoder = nn.Sequential(mlp(size, encoder_hidden, hidden), nn.ReLU())
        self.blocks = nn.ModuleList(AttentionBlock(hidden, heads) for _ in range(layers))
        self.head = orthogonal_linear(hidden * (layers + 1), num_actions, 1.0)
        self.rounds = layers

    def attend(self, graph: Data) -> tuple[list[Tensor], Tensor]:
        """Features of every layer, and the attention of the last layer on the edges."""
        assert graph.x is not None, "the agent graph carries observations"
        matrix = adjacency_matrix(graph)
        features = [self.encoder(self.observation(graph.x.flatten(1)))]
        alpha = features[0]
        for block in self.blocks:
            h, alpha = block(features[-1], graph, matrix)
            features.append(h)
        return features, alpha

    def last_attention(self, graph: Data) -> tuple[Tensor, Tensor]:
        """Attention of the last layer, on the edges and to the agent itself."""
        assert graph.edge_index is not None, "a builder has set the edges"
        features, _ = self.attend(graph)
        last = self.blocks[-1]
        assert isinstance(last, AttentionBlock), "made above"
        return last.conv.attention(features[-2], graph.edge_index)

    def forward(
        self, graph: Data, memory: Float[Tensor, "row memory"]
    ) -> tuple[Output, Float[Tensor, "row memory"]]:
        """Q-values; the memory is empty."""
        features, alpha = self.attend(graph)
        joined = torch.cat(features, 1)
        return Output(q=self.head(joined), features=joined, attention=alpha), memory


class DGN(Method, QLearning):
    """Deep Q-learning with graph convolutions by multi-head attention.

    Implements eqs. 1-4. With `temporal`, the attention of the last layer is regularised towards
    that in the next state over the same neighbours (temporal relation regularisation, eq. 5), which
    the paper's code uses for its routing task only. Unlike the paper's code, the next state has its
    own graph, unless `next_graph` is `same`. Unlike the paper, targets are those of double
    Q-learning unless `double_q` is off.

    Args:
        spec: specification of the environment.
        encoder_hidden: width of the encoder's first layer.
        hidden: size of the features.
        heads: attention heads per convolution.
        layers: number of convolutions.
        temporal: weight of the temporal relation regularisation; 0.03 in the paper.
        next_graph: edges of the next state in targets: its `own`, or the `same` as before the
            transition, less those of agents that have died, which needs single transitions.
        encoder: `mlp` reads flattened observations, `cnn` reads pictures by convolutions first.
        learner: arguments of `QLearning`.
    """

    default_graph = "knn:k=3"
    ignores_target = True
    sends_messages = True
    pictures = "option"

    def __init__(
        self,
        spec: Spec,
        encoder_hidden: Width = 512,
        hidden: Width = 128,
        heads: Layers = 8,
        layers: Layers = 2,
        temporal: NonNegativeFloat = 0.0,
        next_graph: Literal["own", "same"] = "own",
        encoder: Encoder = "mlp",
        **learner: Any,
    ) -> None:
        self.check_spec(spec)
        sizes = (encoder_hidden, hidden, heads, layers)
        network = DGNNetwork(self.observed(spec, encoder), spec.num_actions, *sizes)
        super().__init__(network, None, **learner)
        self.temporal, self.next_graph = temporal, next_graph
        if next_graph == "same" and self.episodic:
            raise ValueError("next_graph is 'same'; it needs single transitions (sample)")
        if temporal:
            self.loss_names = ("td", "temporal")

    def losses(self, batch: Trajectory) -> dict[str, Tensor]:
        """Losses of a batch, with the graphs of its next states."""
        if self.next_graph == "same":
            batch = replace(batch, edges=edges_that_stay(batch))
        return super().losses(batch)

    def extra_losses(self, batch: Trajectory, online: Output, target: Output) -> dict[str, Tensor]:
        """KL( attention at t || attention at t + 1 ), among the neighbours at t."""
        if not self.temporal:
            return {}
        assert isinstance(self.network, DGNNetwork), "made above"
        count = (batch.num_steps - 1) * batch.num_envs
        graphs = torch.arange(count, device=batch.alive.device)
        graph, next_graph = batch.graph(graphs), batch.graph(graphs + batch.num_envs)
        assert graph.edge_index is not None, "a trajectory has edges"
        # Agents that have died are no neighbours in the next state.
        both = next_graph.alive[graph.edge_index].all(0)
        graph.edge_index = next_graph.edge_index = graph.edge_index[:, both]
        attention = (self.network.last_attention(g) for g in (graph, next_graph))
        (edge, own), (next_edge, next_own) = attention
        each = divergence(edge, next_edge)
        total = divergence(own, next_own).index_add(0, graph.edge_index[1], each)
        mask = (batch.acted & batch.survived)[:-1].flatten()
        return {"temporal": self.temporal * masked_mean(total, mask)}


def divergence(p: Float[Tensor, "row head"], q: Float[Tensor, "row head"]) -> Float[Tensor, " row"]:
    """Terms of KL(p || q), averaged over heads; no gradient to q."""
    least = torch.finfo(p.dtype).tiny
    return (p * (p.clamp(min=least).log() - q.detach().clamp(min=least).log())).mean(1)
