"""Directional graphs: the nearest neighbour in each sector."""

from __future__ import annotations

from typing import Literal

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
    """Symmetric edges to the nearest agent in each sector, from a dense distance matrix."""
    adjacency = torch.zeros(
        (*agents.grid.shape, agents.largest), dtype=torch.bool, device=agents.index.device
    )
    if agents.largest < 2:
        return agents.edges_of(adjacency)
    square = agents.square_distance()
    a, b = (agents.difference(c) for c in sectors.axes(*agents.grid_pos.unbind(2)))
    inside = torch.stack(sectors.inside(a, b))
    inside &= square < torch.inf
    nearest = torch.where(inside, square, torch.inf).argmin(3, keepdim=True)
    found = inside.gather(3, nearest)
    for sector in range(4):
        adjacency.scatter_(2, nearest[sector], found[sector] | adjacency.gather(2, nearest[sector]))
    return agents.edges_of(adjacency | adjacency.mT)


def directional_tree(agents: LiveAgents, sectors: Sectors) -> Int[Tensor, "2 edge"]:
    """Symmetric edges to the nearest agent in each sector, by k-d trees."""
    pos, graph = agents.positions.cpu().numpy(), agents.graph.cpu().numpy()
    # Agents at one position share their neighbours, and only the first of them can be a neighbour.
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
    r"""Directional graph: nearest neighbour up, down, left and right.

    The communication graph of NVIF: every live agent is connected to the nearest (Euclidean) other
    live agent of its graph in each of four sectors, and the edges are made symmetric. Ties go to
    the lower index.

    With `half_plane`, up is strictly smaller y, down strictly greater y, left strictly smaller x
    and right strictly greater x; one agent can be the nearest in two sectors. Every agent whose x
    or y differs from that of another agent has a neighbour, and the graph is connected if the
    topmost agent is unique.

    With `quadrant`, the sectors span 90 degrees between the diagonals, and both diagonals belong to
    up and down: with :math:`u = x + y` and :math:`v = y - x`, sender minus
    receiver, up is :math:`u \le 0, v \le 0`, down is :math:`u \ge 0, v \ge 0` (except
    :math:`u = v = 0`), left is :math:`u < 0 < v` and right is :math:`v < 0 < u`. A sector can be
    empty, and the graph need not be connected.

    Agents at the same position are in no sector of each other.

    Args:
        sector: `half_plane` or `quadrant`.

    Raises:
        ValueError: unknown sector.
    """

    needs_position = True

    def __init__(self, sector: Literal["half_plane", "quadrant"] = "half_plane") -> None:
        self.sector = sector

    def edges(self, data: Data, agents: LiveAgents) -> Int[Tensor, "2 edge"]:
        """Edges between each agent and the nearest agents in its sectors."""
        form = directional_dense if dense_is_faster(agents) else directional_tree
        return form(agents, SECTORS[self.sector])

    def __repr__(self) -> str:
        return f"{type(self).__name__}(sector={self.sector!r})"
