"""Policy by unrolled variational inference on the agent graph."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F
from torch_geometric.data import Data

from graphmarl.nn.adjacency import CSRMatrix, DenseMatrix, adjacency_matrix, has_hooks
from graphmarl.nn.conv import AttentionConv, BetheConv, SumConv
from graphmarl.nn.linear import KindLinear
from graphmarl.nn.network import AgentNetwork, Output, fused_linear, mlp, orthogonal_linear
from graphmarl.nn.policy import Action, PolicyHead, parameters_of

Approximation = Literal["mean_field", "bethe"]
Aggregator = Literal["attention", "sum"]
First = Literal["embedding", "probabilities"]


class StateMessages(nn.Module):
    """State embeddings by rounds of message passing over observations.

    s_i^0 = o_i and s_i^m = relu( W_1 s_i^{m-1} + W_2 sum_j s_j^{m-1} ) (VPP, Appendix C.1). With
    several kinds of agent, each kind has its own input layer before s^0. Without `messages` every
    s^m is s^0.

    Args:
        obs_size: size of an agent's observation.
        size: width of s^m for m > 0.
        rounds: number of rounds, M.
        kinds: number of kinds of agent.
        messages: whether states are passed to neighbours.

    Shapes:
        graph.x (row, obs_size); out M + 1 tensors (row, sizes[m]).
    """

    def __init__(
        self, obs_size: int, size: int, rounds: int, kinds: int = 1, messages: bool = True
    ) -> None:
        super().__init__()
        self.inputs = KindLinear(obs_size, size, kinds) if kinds > 1 else None
        first = size if kinds > 1 else obs_size
        self.sizes = [first] + [size if messages else first] * rounds
        in_sizes = self.sizes[:-1] if messages else []
        self.own = nn.ModuleList(orthogonal_linear(each, size) for each in in_sizes)
        self.others = nn.ModuleList(SumConv(each, size) for each in in_sizes)

    def forward(self, graph: Data, matrix: DenseMatrix | CSRMatrix | None = None) -> list[Tensor]:
        """s^0 to s^M; pass the adjacency `matrix` of the graph if it is computed already."""
        assert graph.x is not None, "the agent graph carries observations"
        assert graph.edge_index is not None, "a builder has set the edges"
        x = graph.x.flatten(1)
        states = [x if self.inputs is None else F.relu(self.inputs(x, graph))]
        if matrix is None and self.others:
            matrix = adjacency_matrix(graph)
        for own, others in zip(self.own, self.others, strict=True):
            s = states[-1]
            assert isinstance(own, nn.Linear), "made above"
            assert isinstance(others, SumConv), "made above"
            own_part, messages = fused_linear(s, own, others.linear)
            aggregated = others.sum_messages(messages, graph.edge_index, matrix)
            states.append(F.relu(own_part + aggregated, inplace=True))
        return states + states[-1:] * (len(self.sizes) - len(states))


class MeanFieldRound(nn.Module):
    """One round of mean-field inference on embeddings mu.

    `attention` (VPP): MLP( relu( W_s s_i + [heads] sum_j a_ij W_V mu_j ) ), where agents also
    attend to themselves; `sum` (IP): relu( W_1 (s_i + sum_j s_j) + W_2 (mu_i + sum_j mu_j) ).

    Args:
        mu_size: size of the input mu.
        state_size: size of s.
        size: size of the output mu.
        aggregator: `attention` or `sum`.
        heads: number of attention heads.
        hidden: hidden width of the MLP.
    """

    def __init__(
        self,
        mu_size: int,
        state_size: int,
        size: int,
        aggregator: Aggregator,
        heads: int = 2,
        hidden: int = 128,
    ) -> None:
        super().__init__()
        self.attention = aggregator == "attention"
        if aggregator == "attention":
            self.conv = AttentionConv(mu_size, heads * size, heads)
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
        obs_size: size of an agent's observation o_i.
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
        state_messages: also pass observations to neighbours, for partial observability.
        damping: share of old messages that is kept in each round of `bethe`.
        reweight: rho of tree-reweighted belief propagation with `bethe`; 1 is Bethe.

    Shapes:
        graph.x (row, obs_size); distribution over rows, attention (edge, heads) of the last round
        of `mean_field`, features (row, size).

    Raises:
        ValueError: a number out of range, or an option of `bethe` with `mean_field`.
    """

    def __init__(
        self,
        obs_size: int,
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
        state_messages: bool = True,
        damping: float = 0.0,
        reweight: float = 1.0,
    ) -> None:
        super().__init__()
        _check(rounds, approximation, damping, reweight)
        attention = aggregator == "attention"
        out, self.rounds = size if attention else hidden, rounds
        last = rounds if approximation == "bethe" else rounds - 1
        self.states = StateMessages(obs_size, out, last, kinds, state_messages)
        sizes = self.states.sizes
        if first == "embedding":
            first_layers = mlp(sizes[0], size, size)
            self.embed, mu_size = first_layers.append(nn.ReLU(inplace=True)), size
        else:
            self.embed = PolicyHead(sizes[0], num_actions, action, hidden, gain=1.0)
            mu_size = self.embed.size
        if approximation == "bethe":
            form = (hidden, aggregator, heads, damping, reweight)
            self.inference = BetheConv(mu_size, out, rounds, sizes, *form)
        else:
            self.inference = nn.ModuleList(
                MeanFieldRound(out if m else mu_size, s, out, aggregator, heads, hidden)
                for m, s in enumerate(sizes)
            )
        self.head = PolicyHead(out, num_actions, action, hidden if attention else 0)

    def forward(
        self, graph: Data, memory: Float[Tensor, "row memory"]
    ) -> tuple[Output, Float[Tensor, "row memory"]]:
        """Policy of each agent; the memory is empty."""
        assert graph.edge_index is not None, "a builder has set the edges"
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


def _check(rounds: int, approximation: str, damping: float, reweight: float) -> None:
    """Check the number of rounds and the options of `bethe`."""
    if rounds < 1:
        raise ValueError(f"rounds is {rounds}; allowed are 1 and more")
    if approximation == "mean_field" and (damping or reweight != 1):
        raise ValueError("damping and reweight are options of the approximation 'bethe'")
