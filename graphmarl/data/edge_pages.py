"""Edges of the trajectories in a replay buffer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from graphmarl.agent_graph import Edges, RepeatedEdges
from graphmarl.functional.layouts import Layout, ranges

SPARE = 1.1
"""The ring has room for so many times the edges that are expected."""


class EdgePages:
    """Edges of stored trajectories, one page each, of which ranges are copied out.

    Senders, receivers and, if there are any, features of all pages lie in one ring, in the order in
    which pages were stored; the oldest page is the first to be replaced. While all graphs have the
    same edges, as complete graphs have, these are stored once.

    Args:
        device: where the pages are.
        pages: number of pages for which memory is reserved, which the system provides as it is
            written to.
    """

    def __init__(self, device: torch.device | str = "cpu", pages: int = 1) -> None:
        self.device, self.pages = torch.device(device), pages
        self.layout: Layout | None = None
        self.index = torch.empty(2, 0, dtype=torch.int32, device=self.device)
        self.attr: Tensor | None = None
        self.begin = torch.empty(0, dtype=torch.long)
        """First edge of each page in the ring."""
        self.count = torch.empty(0, dtype=torch.long)
        """Edges of each page; its graphs, while all have one layout."""
        self.end = 0
        """Where the next page begins."""
        self.newest = -1
        """Number of the page that was stored last."""

    @property
    def num_bytes(self) -> int:
        """Size of the stored edges in bytes."""
        if self.layout is not None:
            return self.layout.index.nbytes
        edges = int(self.count.sum())
        attr = 0 if self.attr is None else self.attr[:edges].nbytes
        return self.index[:, :edges].nbytes + attr

    def fits(self, edges: Edges) -> bool:
        """Whether edges have features if and only if those of the pages have.

        Args:
            edges: edges of a trajectory.
        """
        return not len(self.count) or (self.attr is not None) == (edges.attr is not None)

    def put(self, number: int, edges: Edges) -> None:
        """Store a page, or replace the oldest one.

        Args:
            number: number of the page, at most one more than there are.
            edges: the edges of a trajectory.
        """
        self.newest = number
        if isinstance(edges, RepeatedEdges) and edges.all and not len(self.begin):
            layout = edges.layout.to(self.device)
            if self.layout in (None, layout):
                self.layout = layout
                self.count = _replaced(self.count, number, len(edges.has))
                return
        self._spread()
        count, attr = edges.index.shape[1], edges.attr
        if attr is not None and self.attr is None:
            self.attr = attr.new_empty(0, *attr.shape[1:], device=self.device)
        begin = self._room(number, count)
        self.index[:, begin : begin + count] = edges.index.to(self.device)
        if self.attr is not None and attr is not None:
            self.attr[begin : begin + count] = attr.to(self.device)
        self.begin = _replaced(self.begin, number, begin)
        self.count, self.end = _replaced(self.count, number, count), begin + count

    def _spread(self) -> None:
        """Store the edges of each page, from when they are no longer the same in all graphs."""
        if self.layout is None:
            return
        layout, graphs = self.layout, self.count.tolist()
        self.layout, self.count = None, self.count[:0]
        for number, count in enumerate(graphs):
            same = RepeatedEdges(layout, torch.ones(count, dtype=torch.bool))
            self.put(number, Edges(same.index, same.ptr, same.num_agents))

    def _room(self, number: int, count: int) -> int:
        """Where there is room for a page of so many edges, which replaces one of that number."""
        pages = torch.arange(len(self.count))
        others = torch.cat([pages[number + 1 :], pages[:number]])
        others = others[self.count[others] > 0]  # from the oldest to the newest
        size = self.index.shape[1]
        first = int(self.begin[others[0]]) if len(others) else size
        if not len(others) and count <= size:
            return 0
        if len(others) and self.end <= first and self.end + count <= first:
            return self.end
        if self.end > first and self.end + count <= size:
            return self.end
        if self.end > first and count <= first:
            return 0
        return self._grow(others, count)

    def _grow(self, others: Tensor, count: int) -> int:
        """Move pages to a larger ring, the oldest first; returns where they end."""
        counts = self.count[others]
        total = int(counts.sum()) + count
        missing = max(0, self.pages - len(others) - 1) * count
        size = int(SPARE * (total + missing)) + count
        edge = ranges(self.begin[others], counts).to(self.device)
        index = self.index.new_empty(2, size)
        index[:, : len(edge)] = self.index[:, edge]
        self.index = index
        if self.attr is not None:
            attr = self.attr.new_empty(size, *self.attr.shape[1:])
            attr[: len(edge)] = self.attr[edge]
            self.attr = attr
        self.begin[others] = counts.cumsum(0) - counts
        return len(edge)

    def edges(
        self, page: Int[Tensor, " graph"], span: Int[Tensor, "graph 2"], num_agents: int
    ) -> Edges:
        """The edges of some ranges of the pages, one range for each graph.

        Args:
            page: page of each graph, on the CPU.
            span: first edge of each graph in its page and the one after its last, on the CPU.
            num_agents: N.
        """
        count = span[:, 1] - span[:, 0]
        if self.layout is not None:
            return RepeatedEdges(self.layout, (count > 0) | (self.layout.index.shape[1] == 0))
        ptr = torch.zeros(len(page) + 1, dtype=torch.long)
        torch.cumsum(count, 0, out=ptr[1:])
        edge = ranges(self.begin[page] + span[:, 0], count).to(self.device)
        attr = None if self.attr is None else self.attr[edge]
        return Edges(self.index.index_select(1, edge), ptr.to(self.device), num_agents, attr)

    def to(self, device: torch.device) -> EdgePages:
        """The same pages on a device.

        Args:
            device: the device.
        """
        moved = EdgePages(device, self.pages)
        moved.load_state_dict(self.state_dict(), self.newest)
        return moved

    def state_dict(self) -> dict[str, Any]:
        """The edges of each page, or those of all graphs, as tensors and plain containers."""
        if self.layout is not None:
            layout = {"index": self.layout.index, "num_agents": self.layout.num_agents}
            return {"layout": layout, "graphs": self.count}
        edge = ranges(self.begin, self.count).to(self.device)
        attr = None if self.attr is None else self.attr[edge]
        return {"index": self.index[:, edge], "attr": attr, "count": self.count}

    def load_state_dict(
        self, state: Mapping[str, Any] | Sequence[Sequence[Tensor]], newest: int
    ) -> None:
        """Restore a saved state.

        Args:
            state: as `state_dict` gives it, or the parts of each page, as it once did.
            newest: number of the page that was stored last.
        """
        self.newest = newest
        if not isinstance(state, Mapping):
            index = [torch.stack([*page[:2]]) for page in state]
            attrs = [part for page in state for part in page[2:]]
            count = torch.tensor([page.shape[1] for page in index], dtype=torch.long)
            state = {
                "index": torch.cat([self.index.cpu(), *index], 1),
                "attr": torch.cat(attrs) if attrs else None,
                "count": count,
            }
        if "layout" in state:
            index, agents = state["layout"]["index"], state["layout"]["num_agents"]
            self.layout, self.count = Layout.of(index.to(self.device), agents), state["graphs"]
            return
        self.count, attr = state["count"], state["attr"]
        order = torch.arange(len(self.count)).roll(-newest - 1)  # from the oldest to the newest
        begin, counts = self.count.cumsum(0) - self.count, self.count[order]
        edge = ranges(begin[order], counts)
        self.index = state["index"][:, edge.to(state["index"].device)].to(self.device)
        self.attr = None if attr is None else attr[edge.to(attr.device)].to(self.device)
        self.begin = torch.empty_like(self.count)
        self.begin[order], self.end = counts.cumsum(0) - counts, len(edge)


def _replaced(values: Tensor, number: int, value: int) -> Tensor:
    """The values with one replaced, or appended."""
    return torch.cat([values[:number], torch.tensor([value]), values[number + 1 :]])
