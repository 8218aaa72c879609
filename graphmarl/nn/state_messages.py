"""State embeddings by message passing over observations."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F
from torch_geometric.data import Data

from graphmarl.nn.adjacency import CSRMatrix, DenseMatrix, adjacency_matrix
from graphmarl.nn.conv import SumConv
from graphmarl.nn.linear import AgentLinear, KindLinear
from graphmarl.nn.network import fused_linear, orthogonal_linear
from graphmarl.nn.picture_encoder import ObsSize, encoded_size, observation_encoder

StateAggregator = Literal["sum", "mean"]


class StateMessages(nn.Module):
    """State embeddings by rounds of message passing over observations.

    s_i^0 = o_i and s_i^m = relu( W_1 s_i^{m-1} + W_2 sum_j s_j^{m-1} ) (VPP, Appendix C.1). With
    several kinds of agent, each kind has its own input layer before s^0, and with `num_agents` each
    agent. Without `messages` every s^m is s^0.

    Args:
        obs_size: size of an agent's observation, or the shape of pictures.
        size: width of s^m for m > 0.
        rounds: number of rounds, M.
        kinds: number of kinds of agent.
        messages: whether states are passed to neighbours.
        aggregator: `sum` over the neighbours, or their `mean`.
        with_first: append s^0 to every later s^m of the output.
        num_agents: agents with separate input layers by their index; 0 for layers by kind.

    Shapes:
        graph.x (row, obs_size); out M + 1 tensors (row, sizes[m]).
    """

    def __init__(
        self,
        obs_size: ObsSize,
        size: int,
        rounds: int,
        kinds: int = 1,
        messages: bool = True,
        aggregator: StateAggregator = "sum",
        with_first: bool = False,
        num_agents: int = 0,
    ) -> None:
        super().__init__()
        self.observation, obs_size = observation_encoder(obs_size), encoded_size(obs_size)
        self.inputs: nn.Module | None = None
        if num_agents:
            self.inputs = AgentLinear(num_agents, obs_size, size)
        elif kinds > 1:
            self.inputs = KindLinear(obs_size, size, kinds)
        self.mean, self.with_first = aggregator == "mean", with_first and messages
        first = obs_size if self.inputs is None else size
        later = size + (first if with_first else 0) if messages else first
        self.sizes, self.num_agents = [first] + [later] * rounds, num_agents
        in_sizes = [first, *[size] * (rounds - 1)] if messages and rounds else []
        self.own = nn.ModuleList(orthogonal_linear(each, size) for each in in_sizes)
        self.others = nn.ModuleList(SumConv(each, size) for each in in_sizes)

    def forward(self, graph: Data, matrix: DenseMatrix | CSRMatrix | None = None) -> list[Tensor]:
        """s^0 to s^M; pass the adjacency `matrix` of the graph if it is computed already."""
        assert graph.edge_index is not None, "a builder has set the edges"
        states = [self._first(graph)]
        share = inverse_degree(graph) if self.mean and self.others else None
        if matrix is None and self.others:
            matrix = adjacency_matrix(graph)
        for own, others in zip(self.own, self.others, strict=True):
            s = states[-1]
            assert isinstance(own, nn.Linear), "made above"
            assert isinstance(others, SumConv), "made above"
            own_part, messages = fused_linear(s, own, others.linear)
            aggregated = others.sum_messages(messages, graph.edge_index, matrix)
            aggregated = aggregated if share is None else share * aggregated
            states.append(F.relu(own_part + aggregated, inplace=True))
        if self.with_first:
            states = states[:1] + [torch.cat([s, states[0]], 1) for s in states[1:]]
        return states + states[-1:] * (len(self.sizes) - len(states))

    def _first(self, graph: Data) -> Tensor:
        """s^0 of every agent."""
        assert graph.x is not None, "the agent graph carries observations"
        x = self.observation(graph.x.flatten(1))
        if isinstance(self.inputs, AgentLinear):
            return F.relu(self.inputs(x))
        return x if self.inputs is None else F.relu(self.inputs(x, graph))


def inverse_degree(graph: Data) -> Float[Tensor, "row 1"]:
    """`1 / |N_i|` of every agent; 1 without neighbours."""
    assert graph.edge_index is not None, "a builder has set the edges"
    degree = torch.bincount(graph.edge_index[1], minlength=graph.num_nodes or 0)
    return 1 / degree.clamp(min=1)[:, None]
