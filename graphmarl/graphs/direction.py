"""Directional graphs: the nearest agent on each side."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor
from torch_geometric.data import Data

from graphmarl.graphs.agents import LiveAgents, dense_is_faster
from graphmarl.graphs.base import GraphBuilder
from graphmarl.graphs.kd_tree import multiplicity
from graphmarl.graphs.sectors import SECTORS, Sectors, nearest_in_sectors


def directional_dense(agents: LiveAgents, sectors: Sectors) -> Int[Tensor, "2 edge"]:
    """The nearest agent in each sector, from all pairs at once, in both directions."""
    hears = torch.zeros(
        (*agents.grid.shape, agents.largest), dtype=torch.bool, device=agents.index.device
    )
    if agents.largest < 2:
        return agents.edges_of(hears)
    square = agents.square_distance()
    a, b = (agents.difference(c) for c in sectors.axes(*agents.grid_pos.unbind(2)))
    inside = torch.stack(sectors.inside(a, b))
    inside &= square < torch.inf
    nearest = torch.where(inside, square, torch.inf).argmin(3, keepdim=True)
    found = inside.gather(3, nearest)
    for sector in range(4):
        hears.scatter_(2, nearest[sector], found[sector] | hears.gather(2, nearest[sector]))
    return agents.edges_of(hears | hears.mT)


def directional_tree(agents: LiveAgents, sectors: Sectors) -> Int[Tensor, "2 edge"]:
    """The nearest agent in each sector, through k-d trees, in both directions."""
    pos, graph = agents.places.cpu().numpy(), agents.graph.cpu().numpy()
    # Agents on one place see the same, and only the lowest of them is seen.
    lowest = multiplicity(pos, graph)[0]
    point = np.flatnonzero(lowest == np.arange(len(pos)))
    near = nearest_in_sectors(pos[point], graph[point], sectors)
    near = np.append(point, -1)[near][:, np.searchsorted(point, lowest)]
    receiver = np.broadcast_to(np.arange(len(pos)), near.shape)[near >= 0]
    edge = np.stack([near[near >= 0], receiver])
    key = np.sort(np.concatenate([edge[1] * len(pos) + edge[0], edge[0] * len(pos) + edge[1]]))
    key = key[np.diff(key, prepend=-1) > 0]
    receiver, sender = np.divmod(key, max(len(pos), 1))
    edge_index = torch.from_numpy(np.stack([sender, receiver])).to(agents.index.device)
    return agents.index[edge_index]


class Directional(GraphBuilder):
    r"""The nearest agent up, down, left and right.

    The communication graph of NVIF: every living agent is joined with the nearest (Euclidean)
    other living agent of its graph in each of four sectors, and the relation is made symmetric.
    Of equally near ones the lower index is taken.

    With `half_plane`, up is every agent of strictly smaller y, down of strictly greater y, left of
    strictly smaller x, right of strictly greater x; one agent can be the nearest in two sectors.
    Everyone whose x or y differs from another's has a neighbour, and the graph is connected where
    the topmost agent is unique.

    With `quadrant`, the sectors are those of 90 degrees between the diagonals, and both diagonals
    belong to up and down: in terms of :math:`u = x + y` and :math:`v = y - x`, sender minus
    receiver, up is :math:`u \le 0, v \le 0`, down is :math:`u \ge 0, v \ge 0` (both but for
    :math:`u = v = 0`), left is :math:`u < 0 < v` and right is :math:`v < 0 < u`. A sector can be
    empty, and the graph need not be connected.

    Agents on the very same place are in no sector of each other.

    Args:
        sector: `half_plane` or `quadrant`.

    Raises:
        ValueError: another sector.
    """

    needs_position = True

    def __init__(self, sector: str = "half_plane") -> None:
        if sector not in SECTORS:
            raise ValueError(f"sector is {sector!r}; choose from {', '.join(SECTORS)}")
        self.sector = sector

    def edges(self, data: Data, agents: LiveAgents) -> Int[Tensor, "2 edge"]:
        """Edges between each agent and the nearest in its sectors."""
        form = directional_dense if dense_is_faster(agents) else directional_tree
        return form(agents, SECTORS[self.sector])

    def __repr__(self) -> str:
        return f"{type(self).__name__}(sector={self.sector!r})"
