"""Edges of the trajectories in a replay buffer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from graphmarl.agent_graph import Edges


class EdgePages:
    """Edges of stored trajectories, one page each, of which ranges are copied out.

    A page holds senders, receivers and, if there are any, features. On the CPU pages are arrays,
    whose slices take less time than those of tensors.

    Args:
        device: where the pages are.
    """

    def __init__(self, device: torch.device | str = "cpu") -> None:
        self.device = torch.device(device)
        self.pages: list[tuple[np.ndarray, ...] | tuple[Tensor, ...]] = []

    @property
    def num_bytes(self) -> int:
        """Size of all pages in bytes."""
        return sum(part.nbytes for page in self.pages for part in page)

    def fits(self, edges: Edges) -> bool:
        """Whether edges have features if and only if those of the pages have.

        Args:
            edges: edges of a trajectory.
        """
        return not self.pages or (len(self.pages[0]) == 3) == (edges.attr is not None)

    def put(self, number: int, edges: Edges) -> None:
        """Store a page, or replace it.

        Args:
            number: number of the page, at most one more than there are.
            edges: the edges of a trajectory.
        """
        parts = [*edges.index, *([] if edges.attr is None else [edges.attr])]
        self.pages[number : number + 1] = [self._page(parts)]

    def _page(self, parts: Sequence[Tensor]) -> tuple[np.ndarray, ...] | tuple[Tensor, ...]:
        if self.device.type == "cpu":
            return tuple(part.cpu().numpy().copy() for part in parts)
        return tuple(part.to(self.device, copy=True) for part in parts)

    def edges(
        self, page: Int[Tensor, " graph"], span: Int[Tensor, "graph 2"], num_agents: int
    ) -> Edges:
        """The edges of some ranges of the pages, one range for each graph.

        Args:
            page: page of each graph, on the CPU.
            span: first edge of each graph in its page and the one after its last, on the CPU.
            num_agents: N.
        """
        ptr = torch.zeros(len(page) + 1, dtype=torch.long)
        torch.cumsum(span[:, 1] - span[:, 0], 0, out=ptr[1:])
        ranges = [slice(*each) for each in span.tolist()]
        where = list(zip(page.tolist(), ranges, strict=True))
        sides = range(len(self.pages[0]))
        # The slices are of arrays, or of tensors, as `_page` has made them.
        parts: list[list[Any]] = [[self.pages[p][s][each] for p, each in where] for s in sides]
        if self.device.type == "cpu":
            index = np.empty((2, int(ptr[-1])), np.int32)
            for side in range(2):
                np.concatenate(parts[side], out=index[side])
            attr = [torch.from_numpy(np.concatenate(each)) for each in parts[2:]]
            return Edges(torch.from_numpy(index), ptr, num_agents, *attr)
        index = torch.stack([torch.cat(parts[0]), torch.cat(parts[1])])
        attr = [torch.cat(each) for each in parts[2:]]
        return Edges(index, ptr.to(self.device), num_agents, *attr)

    def to(self, device: torch.device) -> EdgePages:
        """The same pages on a device.

        Args:
            device: the device.
        """
        moved = EdgePages(device)
        moved.pages = [moved._page(page) for page in self.tensors()]
        return moved

    def tensors(self) -> list[list[Tensor]]:
        """The parts of each page, as tensors that share their memory."""
        return [[torch.as_tensor(part) for part in page] for page in self.pages]
