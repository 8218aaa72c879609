"""Edges that all graphs of a batch have, which are laid out once."""

from __future__ import annotations

import weakref
from collections.abc import MutableMapping

import torch
from jaxtyping import Int
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary


class Layout:
    """Edges that every graph of a batch has, such as those of complete graphs.

    The disjoint unions of so many graphs are made once and kept. A union knows its layout, which
    `layout_of` gives, and must not be changed in place.

    Args:
        index: sender and receiver of each edge of one graph.
        num_agents: N.

    Attributes:
        complete: whether each agent is a neighbour of all others.
    """

    def __init__(self, index: Int[Tensor, "2 edge"], num_agents: int) -> None:
        self.index, self.num_agents = index.long(), num_agents
        edges = index.to(torch.int32).cpu().numpy()
        self.key = (edges.tobytes(), num_agents, str(index.device))
        self.complete = index.shape[1] == num_agents * (num_agents - 1)
        self._unions: dict[int, Tensor] = {}

    @classmethod
    def of(cls, index: Int[Tensor, "2 edge"], num_agents: int) -> Layout:
        """The layout with these edges, which is made once while it is among the last ones.

        Args:
            index: sender and receiver of each edge of one graph, sorted by receiver, then sender.
            num_agents: N.
        """
        made = cls(index, num_agents)
        if made.key not in _LAYOUTS:
            while len(_LAYOUTS) >= KEPT:
                del _LAYOUTS[next(iter(_LAYOUTS))]
            _LAYOUTS[made.key] = made
        return _LAYOUTS[made.key]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Layout) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    @classmethod
    def repeated(
        cls, edge_index: Int[Tensor, "2 edge"], num_graphs: int, num_agents: int
    ) -> Layout | None:
        """The layout of a batch, or None if its graphs have different edges.

        Args:
            edge_index: edges of the batch, graph by graph.
            num_graphs: number of graphs.
            num_agents: N.
        """
        if not num_graphs or edge_index.shape[1] % num_graphs:
            return None
        first = torch.arange(num_graphs, device=edge_index.device)[:, None] * num_agents
        each = edge_index.view(2, num_graphs, -1) - first
        inside = edge_index.numel() == 0 or bool((each >= 0).all() and (each < num_agents).all())
        return cls.of(each[:, 0], num_agents) if inside and (each == each[:, :1]).all() else None

    def union(self, num_graphs: int) -> Int[Tensor, "2 all"]:
        """Edges of the disjoint union of so many graphs.

        Args:
            num_graphs: number of graphs.
        """
        if num_graphs not in self._unions:
            while len(self._unions) >= KEPT:
                del self._unions[next(iter(self._unions))]
            with torch.inference_mode(False):
                union = self.at(torch.arange(num_graphs, device=self.index.device))
            _LAYOUT_OF[union] = weakref.ref(self)
            self._unions[num_graphs] = union
        return self._unions[num_graphs]

    def at(self, numbers: Int[Tensor, " graph"]) -> Int[Tensor, "2 all"]:
        """Edges of some graphs of a batch.

        Args:
            numbers: numbers of the graphs that have edges.
        """
        return (self.index[:, None] + numbers[:, None] * self.num_agents).flatten(1)

    def to(self, device: torch.device) -> Layout:
        """The same layout on a device.

        Args:
            device: the device.
        """
        if self.index.device == device:
            return self
        return Layout.of(self.index.to(device), self.num_agents)


KEPT = 16
"""Layouts that are kept, and unions of each."""
_LAYOUTS: dict[tuple[bytes, int, str], Layout] = {}
_LAYOUT_OF: MutableMapping[Tensor, weakref.ref[Layout]] = WeakTensorKeyDictionary()
"""Weak on both sides, since a layout holds its unions."""


def layout_of(edge_index: Tensor | None) -> Layout | None:
    """The layout of which edges are a union; None for all others.

    Args:
        edge_index: edges of a batch of graphs.
    """
    found = None if edge_index is None else _LAYOUT_OF.get(edge_index)
    return None if found is None else found()


def ranges(begin: Int[Tensor, " range"], count: Int[Tensor, " range"]) -> Int[Tensor, " number"]:
    """The numbers of several ranges, one after the other.

    Args:
        begin: first number of each range.
        count: length of each range.
    """
    shift = (begin - count.cumsum(0) + count).repeat_interleave(count)
    return shift.add_(torch.arange(len(shift), device=shift.device))
