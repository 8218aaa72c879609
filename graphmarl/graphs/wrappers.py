"""Wrappers of graph builders: stale graphs and unreliable links."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor
from torch_geometric.data import Data

from graphmarl.graphs.agents import LiveAgents, canonical
from graphmarl.graphs.base import GraphBuilder
from graphmarl.ranges import PositiveInt, UnitInterval


class Wrapper(GraphBuilder):
    """Base class of wrappers, which take requirements and randomness from the wrapped builder.

    Args:
        builder: the wrapped builder.
    """

    def __init__(self, builder: GraphBuilder) -> None:
        self.builder = builder
        self.needs_position = builder.needs_position
        self.needs_links = builder.needs_links
        self.stochastic = builder.stochastic

    def check(self, data: Data) -> None:
        """Check the data as the wrapped builder does."""
        self.builder.check(data)

    @property
    def stream(self) -> int:
        """One more than the wrapped builder."""
        return self.builder.stream + 1

    def seed(self, seed: int) -> None:
        """Seed this builder and the wrapped one."""
        super().seed(seed)
        self.builder.seed(seed)

    def state_dict(self) -> dict[str, Any]:
        """State of this builder and of the wrapped one."""
        return {**super().state_dict(), "builder": self.builder.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore a saved state of both builders."""
        super().load_state_dict(state)
        self.builder.load_state_dict(state["builder"])


class Refresh(Wrapper):
    """Stale graph: the edges of another builder, rebuilt only every n steps.

    Each graph of the batch is rebuilt when its own episode time satisfies `time % every == 0`; all
    graphs are rebuilt if none are stored or the batch has another shape. In between, edges of
    agents that have died are removed, and newly arrived agents have none.

    Args:
        builder: the wrapped builder.
        every: steps between rebuilds.

    Raises:
        ValueError: `every` is less than 1, or the data has no `time` for each graph.
    """

    def __init__(self, builder: GraphBuilder, every: PositiveInt = 5) -> None:
        super().__init__(builder)
        self.every = every
        self._edges: Tensor | None = None
        self._ptr: Tensor | None = None

    def check(self, data: Data) -> None:
        """Check that the data has `time`, and the requirements of the wrapped builder."""
        super().check(data)
        if data.get("time") is None:
            raise ValueError("Refresh needs the steps since each episode began; no `time` in data")

    def edges(self, data: Data, agents: LiveAgents) -> Int[Tensor, "2 edge"]:
        """Stored edges, and new ones for the graphs that are due."""
        time: Tensor = data["time"]
        if tuple(time.shape) != (agents.num_graphs,):
            came = tuple(time.shape)
            raise ValueError(f"`time` has shape {came}; expected ({agents.num_graphs},)")
        due = time % self.every == 0
        if self._edges is not None and self._ptr is not None:
            self._edges, self._ptr = self._edges.to(due.device), self._ptr.to(due.device)
        if self._ptr is None or not torch.equal(self._ptr, agents.ptr):
            due = torch.ones_like(due)
        if due.all():
            self._edges = self.builder.edges(data, agents)
        else:
            self._edges = self._mixed(data, agents, due)
        self._ptr = agents.ptr.clone()
        return self._edges.clone()

    def _mixed(self, data: Data, agents: LiveAgents, due: Tensor) -> Int[Tensor, "2 edge"]:
        assert self._edges is not None, "the first call rebuilds everything"
        sender, receiver = agents.number[self._edges]
        alive = (sender >= 0) & (receiver >= 0)
        alive &= ~due[agents.graph[receiver.clamp(min=0)]] if len(agents.graph) else alive
        stale = self._edges[:, alive]
        if not due.any():
            return stale
        fresh = self.builder.edges(data, agents.select(due))
        return canonical(torch.cat([stale, fresh], dim=1), agents.num_nodes)

    def state_dict(self) -> dict[str, Any]:
        """The stored edges, and the state of the wrapped builder."""
        return {**super().state_dict(), "edges": self._edges, "ptr": self._ptr}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore stored edges and the wrapped builder."""
        super().load_state_dict(state)
        self._edges, self._ptr = state["edges"], state["ptr"]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.builder!r}, every={self.every})"


class DropEdges(Wrapper):
    """Edge dropout on the edges of another builder.

    Each edge is dropped with probability p in each step. Both directions of a pair
    are dropped independently.

    Args:
        builder: the wrapped builder.
        p: probability that an edge is dropped.

    Raises:
        ValueError: p is not in [0, 1].
    """

    def __init__(self, builder: GraphBuilder, p: UnitInterval) -> None:
        super().__init__(builder)
        self.p = p
        self.stochastic = True

    def edges(self, data: Data, agents: LiveAgents) -> Int[Tensor, "2 edge"]:
        """The edges that are not dropped."""
        edge_index = self.builder.edges(data, agents)
        draw = torch.rand(edge_index.shape[1], generator=self._get_generator(), dtype=torch.float64)
        return edge_index[:, (draw >= self.p).to(edge_index.device)]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.builder!r}, p={self.p:g})"
