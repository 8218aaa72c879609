"""Wrappers of graph builders: stale, delayed and unreliable links."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Int
from torch import Tensor
from torch_geometric.data import Data

from graphmarl.graphs.agents import LiveAgents, canonical
from graphmarl.graphs.base import GraphBuilder
from graphmarl.ranges import NonNegativeInt, PositiveInt, UnitInterval


class Wrapper(GraphBuilder):
    """Base class of wrappers, which take requirements and randomness from the wrapped builder.

    Args:
        builder: the wrapped builder.

    Attributes:
        needs_time: the data must have `time`, the steps since each episode began; False by default.
    """

    needs_time: bool = False

    def __init__(self, builder: GraphBuilder) -> None:
        self.builder = builder
        self.needs_position = builder.needs_position
        self.needs_links = builder.needs_links
        self.needs_every_step = builder.needs_every_step
        self.stochastic = builder.stochastic

    def check(self, data: Data) -> None:
        """Check that the data has `time` if needed, and what the wrapped builder needs."""
        self.builder.check(data)
        if self.needs_time and data.get("time") is None:
            raise ValueError(
                f"{type(self).__name__} needs the steps since each episode began; no `time` in data"
            )

    def attach(self, graph: Data) -> None:
        """Add what the wrapped builder adds."""
        self.builder.attach(graph)

    @staticmethod
    def time(data: Data, agents: LiveAgents) -> Int[Tensor, " graph"]:
        """Steps since the episode of each graph began.

        Raises:
            ValueError: not one number for each graph.
        """
        time: Tensor = data["time"]
        if tuple(time.shape) != (agents.num_graphs,):
            came = tuple(time.shape)
            raise ValueError(f"`time` has shape {came}; expected ({agents.num_graphs},)")
        return time

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
        ValueError: `every` is less than 1, the wrapped builder needs every step, or the data has no
            `time` for each graph.
    """

    needs_time = True

    def __init__(self, builder: GraphBuilder, every: PositiveInt = 5) -> None:
        super().__init__(builder)
        if builder.needs_every_step:
            raise ValueError(f"{builder!r} needs every step; wrap Refresh in it instead")
        self.every = every
        self._edges: Tensor | None = None
        self._ptr: Tensor | None = None

    def edges(self, data: Data, agents: LiveAgents) -> Int[Tensor, "2 edge"]:
        """Stored edges, and new ones for the graphs that are due."""
        due = self.time(data, agents) % self.every == 0
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
        stale = kept(self._edges, agents, ~due)
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


class Delay(Wrapper):
    """Delayed graph: what agents hear is n steps old.

    The edges in step t are those that the wrapped builder gave in step t - n of the same episode;
    nobody hears anyone in the first n steps. Edges of agents that have died since are removed. The
    graph has the features `heard_x` and `heard_last_action` of step t - n, from which agent
    networks without memory compute what is said (`graphmarl.nn.delayed`). Critics of several
    agents, which are used in training only, are not delayed.

    Args:
        builder: the wrapped builder.
        steps: steps until something is heard; 0 for no delay.

    Raises:
        ValueError: `steps` is negative, or the data has no `time` for each graph.
    """

    needs_time = True

    def __init__(self, builder: GraphBuilder, steps: NonNegativeInt) -> None:
        super().__init__(builder)
        self.steps = steps
        self.needs_every_step = True
        self._sent: list[Sent] = []
        """What was sent in the last steps, oldest first."""
        self._ptr: Tensor | None = None

    def edges(self, data: Data, agents: LiveAgents) -> Int[Tensor, "2 edge"]:
        """The edges of n steps ago."""
        time = self.time(data, agents)
        fresh = self.builder.edges(data, agents)
        if self._ptr is None or not torch.equal(self._ptr.to(time.device), agents.ptr):
            self._sent, self._ptr = [], agents.ptr.clone()
        everyone = torch.ones_like(time, dtype=torch.bool)
        # In every step, so that an agent that takes the slot of a dead one hears nothing.
        before = [
            Sent(kept(each.edge_index.to(time.device), agents, everyone), *each[1:])
            for each in self._sent
        ]
        said = {name: data[name].clone() for name in SAID if self.steps and name in data}
        self._sent = [*before, Sent(fresh, time.clone(), said)][-self.steps - 1 :]
        oldest = self._sent[0]
        # Where an episode has begun since, this is not the time of n steps ago.
        then = oldest.time.to(time.device) == time - self.steps
        return kept(oldest.edge_index, agents, then).clone()

    def attach(self, graph: Data) -> None:
        """Add the features of n steps ago."""
        super().attach(graph)
        for name, value in self._sent[0].said.items():
            graph[f"heard_{name}"] = value.to(graph["alive"].device)

    def state_dict(self) -> dict[str, Any]:
        """What was sent in the last steps, and the state of the wrapped builder."""
        sent = [list(each) for each in self._sent]
        return {**super().state_dict(), "sent": sent, "ptr": self._ptr}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what was sent, and the wrapped builder."""
        super().load_state_dict(state)
        self._sent = [Sent(*each) for each in state["sent"]]
        self._ptr = state["ptr"]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.builder!r}, steps={self.steps})"


SAID = ("x", "last_action")
"""Node features from which messages are computed."""


class Sent(NamedTuple):
    """What was sent in one step.

    Args:
        edge_index: senders and receivers.
        time: steps since the episode of each graph began.
        said: node features by name.
    """

    edge_index: Tensor
    time: Tensor
    said: dict[str, Tensor]


def kept(
    edge_index: Int[Tensor, "2 edge"], agents: LiveAgents, graphs: Bool[Tensor, " graph"]
) -> Int[Tensor, "2 kept"]:
    """The edges between agents that are alive, of some graphs.

    Args:
        edge_index: senders and receivers.
        agents: the live agents.
        graphs: the graphs whose edges are kept.
    """
    if not len(agents.index):
        return edge_index[:, :0]
    sender, receiver = agents.number[edge_index]
    alive = (sender >= 0) & (receiver >= 0)
    return edge_index[:, alive & graphs[agents.graph[receiver.clamp(min=0)]]]


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
