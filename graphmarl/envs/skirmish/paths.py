"""Pathfinding around blocked cells by a precomputed table."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Bool, Int
from numpy.lib.stride_tricks import sliding_window_view
from scipy.sparse import csr_array
from scipy.sparse.csgraph import shortest_path
from torch import Tensor

from graphmarl.envs.skirmish.terrain import SIDE, nearest_cells

CELLS = SIDE * SIDE


class Paths:
    """Waypoints of shortest paths on a terrain.

    Two cells are mutually visible if every straight line between their points is free. Units that
    follow the waypoints get closer to their goal with each cell entered, measured along the
    shortest path between cells.

    Args:
        walkable: walkable cells [x, y].
        device: device of the positions.
    """

    def __init__(
        self, walkable: Bool[np.ndarray, "32 32"], device: torch.device | str = "cpu"
    ) -> None:
        table, self.convex = way_points(walkable.tobytes())
        self.table = torch.from_numpy(table).to(device)
        x, y = np.moveaxis(nearest_cells(walkable), -1, 0)
        self.nearest = torch.from_numpy((x * SIDE + y).astype(np.int64).ravel()).to(device)

    def toward(self, x: Tensor, y: Tensor, goal_x: Tensor, goal_y: Tensor) -> tuple[Tensor, Tensor]:
        """The goal if it is visible, else the centre of the last visible cell of the path to it.

        Units on a blocked cell are treated as on the nearest walkable one; goals on a blocked cell
        are moved to the nearest point of the nearest walkable cell.

        Shapes:
            x, y, goal_x, goal_y: all the same
            returns: two of this shape
        """
        goal = self.cell(goal_x, goal_y)
        way = self.table[self.cell(x, y), goal].long()
        seen = way == goal
        low_x, low_y = way // SIDE, way % SIDE
        near_x = torch.minimum(torch.maximum(goal_x, low_x), low_x + 1)
        near_y = torch.minimum(torch.maximum(goal_y, low_y), low_y + 1)
        return torch.where(seen, near_x, low_x + 0.5), torch.where(seen, near_y, low_y + 0.5)

    def cell(self, x: Tensor, y: Tensor) -> Tensor:
        """Index of the cell of a point, or of the nearest walkable one."""
        most = SIDE - 1
        return self.nearest[x.long().clamp(0, most) * SIDE + y.long().clamp(0, most)]


@lru_cache(maxsize=32)
def way_points(grid: bytes) -> tuple[Int[np.ndarray, "cell goal"], bool]:
    """Waypoint cell of each walkable cell and goal, and whether it is always the goal.

    Args:
        grid: bytes of the walkable cells, a hashable cache key.
    """
    walkable = np.frombuffer(grid, dtype=np.bool_).reshape(SIDE, SIDE)
    sees = visible(walkable)
    table = np.broadcast_to(np.arange(CELLS, dtype=np.int16), (CELLS, CELLS)).copy()
    flat = walkable.ravel()
    hidden = ~sees & flat[:, None] & flat
    convex = not hidden.any()
    if not convex:
        follow(table, hidden, sees, following(walkable))
    return table, convex


def visible(walkable: Bool[np.ndarray, "32 32"]) -> Bool[np.ndarray, "1024 1024"]:
    """Mutual visibility of cells: the convex hull of both is free."""
    sees = np.zeros((SIDE, SIDE, SIDE, SIDE), dtype=np.bool_)
    for right in range(SIDE):
        for up in range(SIDE):
            i, j = np.ogrid[: right + 1, : up + 1]
            # A cell meets the hull if its centre is this close to the line between the two centres.
            hull = np.abs(i * up - j * right) < max(right + up, 1)
            rising, falling = (
                sliding_window_view(grid, hull.shape)[:, :, hull].all(-1)
                for grid in (walkable, walkable[:, ::-1])
            )
            x, y = np.ogrid[: SIDE - right, : SIDE - up]
            sees[x, y, x + right, y + up] = sees[x + right, y + up, x, y] = rising
            high = SIDE - 1 - y
            sees[x, high, x + right, high - up] = sees[x + right, high - up, x, high] = falling
    return sees.reshape(CELLS, CELLS)


def following(walkable: Bool[np.ndarray, "32 32"]) -> Int[np.ndarray, "goal cell"]:
    """Next cell of the shortest path from each cell to each goal; negative where there is none.

    Paths move to any of the eight adjacent cells, but do not cut corners of blocked ones.
    """
    number = np.arange(CELLS).reshape(SIDE, SIDE)
    along_x, along_y = walkable[:-1] & walkable[1:], walkable[:, :-1] & walkable[:, 1:]
    square = along_x[:, :-1] & along_x[:, 1:]
    steps = [
        (along_x, number[:-1], number[1:], 1.0),
        (along_y, number[:, :-1], number[:, 1:], 1.0),
        (square, number[:-1, :-1], number[1:, 1:], np.sqrt(2)),
        (square, number[:-1, 1:], number[1:, :-1], np.sqrt(2)),
    ]
    begin = np.concatenate([start[free] for free, start, _, _ in steps])
    end = np.concatenate([stop[free] for free, _, stop, _ in steps])
    length = np.concatenate([np.full(free.sum(), size) for free, _, _, size in steps])
    graph = csr_array((length, (begin, end)), shape=(CELLS, CELLS))
    _, before = shortest_path(graph, method="D", directed=False, return_predecessors=True)
    return before


def follow(table: np.ndarray, hidden: np.ndarray, sees: np.ndarray, after: np.ndarray) -> None:
    """Write the last visible cell of the path for each pair of cell and goal without visibility.

    Entries of unreachable goals are unchanged.

    Args:
        table: waypoint of each cell and goal, modified in place.
        hidden: pairs of walkable cells that are not mutually visible.
        sees: mutual visibility of cells.
        after: next cell on the shortest path, by goal and cell.
    """
    cell, goal = np.nonzero(hidden & (after.T >= 0))
    ahead = cell
    while len(cell):
        ahead = after[goal, ahead]
        on = sees[cell, ahead]
        cell, goal, ahead = cell[on], goal[on], ahead[on]
        table[cell, goal] = ahead
