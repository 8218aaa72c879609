"""The agent graph of a step as PyTorch Geometric `Data`, ragged edges, and constant ones."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch_geometric.data import Data

from graphmarl.functional.layouts import Layout, layout_of, ranges
from graphmarl.step import Spec, Step


def agent_graph(step: Step, spec: Spec, last_action: Tensor | None = None) -> Data:
    """The agents of a step as one batch of B graphs without edges, as PyTorch Geometric batches.

    Agent i of environment b is row `b * N + i`. Node features: `x` (observations), `pos`, `alive`,
    `kind`, `available`, `last_action`. Graph features: `time`, `state`; `links` for `Links`.

    Args:
        step: B environments, N slots.
        spec: shapes of the environment.
        last_action: action of each agent in the previous step, zeros where an episode begins.

    Shapes:
        x (B*N, ...), pos (B*N, 2), alive, kind and batch (B*N,), edge_index (2, 0), ptr (B+1,).
    """
    num_envs, num_agents = step.alive.shape
    device, rows = step.alive.device, num_envs * num_agents
    fields = {
        "x": scaled(step.obs).flatten(0, 1),
        "pos": None if step.position is None else step.position.flatten(0, 1),
        "alive": step.alive.flatten(),
        "kind": _kinds(spec, device).repeat(num_envs),
        "available": None if step.available is None else step.available.flatten(0, 1),
        "last_action": None if last_action is None else last_action.flatten(0, 1),
        "time": step.time,
        "state": step.state,
        "links": step.links,
    }
    graph = Data(edge_index=torch.empty(2, 0, dtype=torch.long, device=device))
    for name, value in fields.items():
        if value is not None:
            graph[name] = value
    graph.batch = torch.arange(num_envs, device=device).repeat_interleave(num_agents)
    graph.ptr = torch.arange(0, rows + 1, num_agents, device=device)
    graph.num_nodes = rows
    return graph


def _kinds(spec: Spec, device: torch.device) -> Int[Tensor, " agent"]:
    """Kind of each slot."""
    if spec.kind:
        return torch.tensor(spec.kind, device=device)
    return torch.zeros(spec.num_agents, dtype=torch.long, device=device)


def scaled(obs: Tensor) -> Tensor:
    """Observations as numbers of single precision; pictures of bytes are scaled to [0, 1].

    Args:
        obs: observations, as they are stored.
    """
    return obs.float() / 255 if obs.dtype == torch.uint8 else obs.float()


@dataclass
class Edges:
    """Ragged edges of G graphs of N agents each, stored flat and never padded.

    Args:
        index: sender and receiver of each edge, as agent numbers within their own graph.
        ptr: edges `ptr[g]` to `ptr[g + 1]` belong to graph g.
        num_agents: N.
        attr: features of the edges, or None.
    """

    index: Int[Tensor, "2 edge"]
    ptr: Int[Tensor, " graph_plus_1"]
    num_agents: int
    attr: Float[Tensor, "edge feature"] | None = None

    @classmethod
    def of(cls, graph: Data, num_agents: int) -> Edges:
        """The edges of a batch of graphs, grouped by graph; int32, to halve the memory of a replay.

        Args:
            graph: the batch.
            num_agents: N.
        """
        edge_index, layout = graph.edge_index, layout_of(graph.edge_index)
        assert edge_index is not None, "a builder has set the edges"
        num_graphs = (graph.num_nodes or 0) // num_agents
        if layout is not None and graph.edge_attr is None:
            return RepeatedEdges(layout, torch.ones(num_graphs, dtype=torch.bool))
        owner = edge_index[1] // num_agents
        order = torch.argsort(owner, stable=True)
        ptr = torch.zeros(num_graphs + 1, dtype=torch.long, device=owner.device)
        torch.cumsum(torch.bincount(owner, minlength=num_graphs), 0, out=ptr[1:])
        attr = None if graph.edge_attr is None else graph.edge_attr[order]
        index = (edge_index[:, order] % num_agents).to(torch.int32)
        return cls(index, ptr, num_agents, attr)

    @classmethod
    def stack(cls, parts: list[Edges]) -> Edges:
        """The edges of several batches of graphs, one after the other.

        Args:
            parts: their edges.
        """
        repeated = [part for part in parts if isinstance(part, RepeatedEdges)]
        if len(repeated) == len(parts) and len({part.layout for part in repeated}) == 1:
            return RepeatedEdges(repeated[0].layout, torch.cat([part.has for part in repeated]))
        counts = torch.cat([part.ptr.diff() for part in parts])
        ptr = torch.cat([parts[0].ptr[:1], counts.cumsum(0)])
        attrs = [part.attr for part in parts if part.attr is not None]
        index = torch.cat([part.index for part in parts], 1)
        return Edges(index, ptr, parts[0].num_agents, torch.cat(attrs) if attrs else None)

    def part(self, graphs: Int[Tensor, " pick"]) -> Edges:
        """The edges of some graphs, in their order.

        Args:
            graphs: numbers of the graphs.
        """
        edge_index, attr = self.select(graphs)
        ptr = torch.zeros(len(graphs) + 1, dtype=torch.long, device=self.ptr.device)
        torch.cumsum(self.ptr.diff()[graphs], 0, out=ptr[1:])
        index = (edge_index % self.num_agents).to(torch.int32)
        return Edges(index, ptr, self.num_agents, attr)

    def count(self, graphs: Int[Tensor, " pick"]) -> int:
        """Number of the edges of some graphs.

        Args:
            graphs: numbers of the graphs.
        """
        return int(self.ptr.diff()[graphs].sum())

    def to(self, device: torch.device) -> Edges:
        """The same edges on a device.

        Args:
            device: the device.
        """
        attr = None if self.attr is None else self.attr.to(device)
        return replace(self, index=self.index.to(device), ptr=self.ptr.to(device), attr=attr)

    def select(
        self, graphs: Int[Tensor, " pick"] | slice
    ) -> tuple[Int[Tensor, "2 picked"], Float[Tensor, "picked feature"] | None]:
        """`edge_index` and features of the disjoint union of some graphs, in their order.

        Args:
            graphs: numbers of the graphs, or a range of them.
        """
        count, edge = self.ptr.diff()[graphs], slice(0, 0)
        if isinstance(graphs, slice) and len(count):
            edge = slice(int(self.ptr[graphs.start]), int(self.ptr[graphs.stop]))
        elif not isinstance(graphs, slice):
            edge = ranges(self.ptr[graphs], count)
        index, first = self.index[:, edge], torch.arange(len(count), device=count.device)
        first = (first * self.num_agents).repeat_interleave(count, output_size=index.shape[1])
        return index + first, None if self.attr is None else self.attr[edge]


class RepeatedEdges(Edges):
    """Edges of G graphs that are all of one layout, or have none.

    Args:
        layout: the edges of a graph.
        has: graphs that have edges; a mask on the CPU.
    """

    def __init__(self, layout: Layout, has: Bool[Tensor, " graph"]) -> None:
        self.layout, self.has, self.all = layout, has, bool(has.all())
        self.num_agents, self.attr = layout.num_agents, None

    @classmethod
    def of_equal(cls, edges: Edges) -> RepeatedEdges:
        """The same edges, of graphs that all have the same ones.

        Args:
            edges: edges of at least one graph.
        """
        each = edges.index[:, : int(edges.ptr[1])]
        has = torch.ones(len(edges.ptr) - 1, dtype=torch.bool)
        return cls(Layout.of(each, edges.num_agents), has)

    @property
    def index(self) -> Int[Tensor, "2 edge"]:  # type: ignore[override]
        """Sender and receiver of each edge, as agent numbers within their own graph."""
        return self.layout.index.to(torch.int32).repeat(1, int(self.has.sum()))

    @cached_property
    def ptr(self) -> Int[Tensor, " graph_plus_1"]:  # type: ignore[override]
        """Edges `ptr[g]` to `ptr[g + 1]` belong to graph g."""
        ptr = torch.zeros(len(self.has) + 1, dtype=torch.long)
        torch.cumsum(self.has * self.layout.index.shape[1], 0, out=ptr[1:])
        return ptr.to(self.layout.index.device)

    def part(self, graphs: Int[Tensor, " pick"]) -> Edges:
        """The edges of some graphs, in their order."""
        return RepeatedEdges(self.layout, self.has[graphs.cpu()])

    def count(self, graphs: Int[Tensor, " pick"]) -> int:
        """Number of the edges of some graphs."""
        has = len(graphs) if self.all else int(self.has[graphs.cpu()].sum())
        return has * self.layout.index.shape[1]

    def to(self, device: torch.device) -> Edges:
        """The same edges on a device."""
        return RepeatedEdges(self.layout.to(device), self.has)

    def select(
        self, graphs: Int[Tensor, " pick"] | slice
    ) -> tuple[Int[Tensor, "2 picked"], Float[Tensor, "picked feature"] | None]:
        """`edge_index` of the disjoint union of some graphs, which is kept where all have edges."""
        has = self.has[graphs if isinstance(graphs, slice) else graphs.cpu()]
        if self.all or bool(has.all()):
            return self.layout.union(len(has)), None
        return self.layout.at(has.nonzero().squeeze(1).to(self.layout.index.device)), None
