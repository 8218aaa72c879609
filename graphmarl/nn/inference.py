"""Policy by unrolled variational inference on the agent graph."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F
from torch_geometric.data import Data

from graphmarl.nn.adjacency import CSRMatrix, DenseMatrix, adjacency_matrix, has_hooks
from graphmarl.nn.conv import AttentionConv, BetheConv, SumConv
from graphmarl.nn.network import AgentNetwork, Output, mlp, orthogonal_linear
from graphmarl.nn.picture_encoder import ObsSize
from graphmarl.nn.policy import Action, PolicyHead, parameters_of
from graphmarl.nn.state_messages import StateMessages

Approximation = Literal["mean_field", "bethe"]
Aggregator = Literal["attention", "sum"]
First = Literal["embedding", "probabilities"]


class MeanFieldRound(nn.Module):
    """One round of mean-field inference on embeddings mu.

    `attention` (VPP): MLP( relu( W_s s_i + [heads] sum_j a_ij W_V mu_j ) ), where agents also
    attend to themselves with `attend_self`; `sum` (IP): relu( W_1 (s_i + sum_j s_j) + W_2 (mu_i +
    sum_j mu_j) ).

    Args:
        mu_size: size of the input mu.
        state_size: size of s.
        size: size of the output mu.
        aggregator: `attention` or `sum`.
        heads: number of attention heads.
        hidden: hidden width of the MLP.
        attend_self: attend to the agent itself too.
        scaled: divide attention scores by the root of the key size.
    """

    def __init__(
        self,
        mu_size: int,
        state_size: int,
        size: int,
        aggregator: Aggregator,
        heads: int = 2,
        hidden: int = 128,
        attend_self: bool = True,
        scaled: bool = True,
    ) -> None:
        super().__init__()
        self.attention = aggregator == "attention"
        if aggregator == "attention":
            scale = None if scaled else 1.0
            self.conv = AttentionConv(
                mu_size, heads * size, heads, include_self=attend_self, scale=scale
            )
            self.own = orthogonal_linear(state_size, heads * size)
            self.out = nn.Sequential(mlp(heads * size, hidden, size), nn.ReLU(inplace=True))
        else:
            self.conv = SumConv(state_size + mu_size, size, include_self=True)

    def forward(
        self,
        mu: Tensor,
        s: Tensor,
        graph: Data,
        matrix: DenseMatrix | CSRMatrix | None,
        output: Output,
    ) -> Tensor:
        """mu^m from mu^{m-1} and s^{m-1}; stores the attention in the output."""
        assert graph.edge_index is not None, "a builder has set the edges"
        if not isinstance(self.conv, AttentionConv):
            return F.relu(self.conv(torch.cat([s, mu], 1), graph.edge_index, matrix))
        if matrix is None or has_hooks(self.conv):
            alpha = self.conv.attention(mu, graph.edge_index)
            output.attention = alpha[0]
            aggregated = self.conv(mu, graph.edge_index, alpha)
        else:
            aggregated, output.attention = self.conv.forward_matrix(mu, matrix)
        return self.out(F.relu(self.own(s) + aggregated, inplace=True))


class InferencePolicy(AgentNetwork):
    """Policies q_i(a_i | s) by M unrolled rounds of mean-field or Bethe inference.

    The optimal joint policy is a Markov random field on the agent graph (VPP, Proposition 1). The
    fixed-point iteration of its mean-field or Bethe approximation is unrolled M times on embeddings
    (Section 4). Each agent then samples its action from its own q_i.

    Args:
        obs_size: size of an agent's observation o_i, or the shape of pictures.
        num_actions: number of actions, or of action components.
        action: discrete or continuous.
        kinds: number of kinds of agent.
        approximation: `mean_field` passes embeddings of q_i between agents; `bethe` passes messages
            on directed edges, which never return straight to their sender.
        aggregator: `attention` over the neighbours, or their `sum`.
        first: the first message: an `embedding` of the observation, or the `probabilities` of the
            agent's actions (for continuous actions, mean and log standard deviation).
        rounds: number of rounds, M.
        size: size of the embeddings per head, and of the states with `attention`.
        heads: number of attention heads.
        hidden: width of the other layers.
        attend_self: with `mean_field` and `attention`, agents also attend to themselves.
        scaled: divide the scores of that attention by the root of the key size.
        damping: share of old messages that is kept in each round of `bethe`.
        reweight: rho of tree-reweighted belief propagation with `bethe`; 1 is Bethe.
        states: arguments of `StateMessages`: `messages`, `aggregator`, `with_first`, `num_agents`.

    Shapes:
        graph.x (row, obs_size); distribution over rows, attention (edge, heads) of the last round
        of `mean_field`, features (row, size).

    Raises:
        ValueError: a number out of range, or an option of `bethe` with `mean_field`.
    """

    def __init__(
        self,
        obs_size: ObsSize,
        num_actions: int,
        action: Action = "discrete",
        kinds: int = 1,
        *,
        approximation: Approximation = "mean_field",
        aggregator: Aggregator = "attention",
        first: First = "embedding",
        rounds: int = 2,
        size: int = 32,
        heads: int = 2,
        hidden: int = 128,
        attend_self: bool = True,
        scaled: bool = True,
        damping: float = 0.0,
        reweight: float = 1.0,
        states: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        _check(rounds, approximation, aggregator, damping, reweight, attend_self and scaled)
        out, self.rounds = size if aggregator == "attention" else hidden, rounds
        last = rounds if approximation == "bethe" else rounds - 1
        self.states = StateMessages(obs_size, out, last, kinds, **(states or {}))
        self.num_agents, sizes = self.states.num_agents, self.states.sizes
        if first == "embedding":
            self.embed, mu_size = mlp(sizes[0], size, size).append(nn.ReLU(inplace=True)), size
        else:
            self.embed = PolicyHead(sizes[0], num_actions, action, hidden, gain=1.0)
            mu_size = self.embed.size
        if approximation == "bethe":
            form = (hidden, aggregator, heads, damping, reweight)
            self.inference = BetheConv(mu_size, out, rounds, sizes, *form)
        else:
            each = (out, aggregator, heads, hidden, attend_self, scaled)
            self.inference = nn.ModuleList(
                MeanFieldRound(out if m else mu_size, s, *each) for m, s in enumerate(sizes)
            )
        self.head = PolicyHead(out, num_actions, action, hidden if aggregator == "attention" else 0)

    def forward(
        self, graph: Data, memory: Float[Tensor, "row memory"]
    ) -> tuple[Output, Float[Tensor, "row memory"]]:
        """Policy of each agent; the memory is empty."""
        assert graph.edge_index is not None, "a builder has set the edges"
        self.check_agents(graph)
        matrix = adjacency_matrix(graph)
        output, states = Output(), self.states(graph, matrix)
        mu = self.initial_embedding(states[0], graph)
        if isinstance(self.inference, BetheConv):
            mu = self.inference(mu, graph.edge_index, states)
        else:
            for m, layer in enumerate(self.inference):
                mu = layer(mu, states[m], graph, matrix, output)
        output.features = mu
        output.distribution = self.head(mu, graph)
        return output, memory

    def initial_embedding(self, s: Tensor, graph: Data) -> Float[Tensor, "row mu"]:
        """First message of each agent, from its own state."""
        if isinstance(self.embed, PolicyHead):
            return parameters_of(self.embed(s, graph))
        return self.embed(s)


def _check(
    rounds: int, approximation: str, aggregator: str, damping: float, reweight: float, usual: bool
) -> None:
    """Check the number of rounds, and the options that serve one form only."""
    if rounds < 1:
        raise ValueError(f"rounds is {rounds}; allowed are 1 and more")
    if approximation == "mean_field" and (damping or reweight != 1):
        raise ValueError("damping and reweight are options of the approximation 'bethe'")
    if (approximation, aggregator) != ("mean_field", "attention") and not usual:
        raise ValueError("attend_self and scaled are options of mean_field with attention")
