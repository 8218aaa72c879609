"""The way around what is blocked, looked up in a table."""

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
    """Where units on a terrain have to head for to arrive at a point.

    A cell sees another if every straight way from a point of the one to a point of the other is
    free. Units that head for what they are told come nearer to their goal with each cell that they
    enter, measured along the shortest path between cells.

    Args:
        walkable: cells by [x, y].
        device: of the positions.
    """

    def __init__(
        self, walkable: Bool[np.ndarray, "32 32"], device: torch.device | str = "cpu"
    ) -> None:
        table, self.convex = way_points(walkable.tobytes())
        self.table = torch.from_numpy(table).to(device)
        x, y = np.moveaxis(nearest_cells(walkable), -1, 0)
        self.nearest = torch.from_numpy((x * SIDE + y).astype(np.int64).ravel()).to(device)

    def toward(self, x: Tensor, y: Tensor, goal_x: Tensor, goal_y: Tensor) -> tuple[Tensor, Tensor]:
        """The goal where it is seen, else the centre of the last cell seen of the way to it.

        Units on a blocked cell count as on the nearest other one; goals on a blocked cell count as
        the nearest point of that other cell.

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
        """The number of the cell of a point, or of the nearest one that is walkable."""
        most = SIDE - 1
        return self.nearest[x.long().clamp(0, most) * SIDE + y.long().clamp(0, most)]


@lru_cache(maxsize=32)
def way_points(grid: bytes) -> tuple[Int[np.ndarray, "cell goal"], bool]:
    """For each walkable cell and goal the cell to head for, and whether it is always the goal.

    Args:
        grid: the bytes of the walkable cells, so that one terrain is worked out once.
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
    """Which cells see which: the convex hull of the two is free."""
    sees = np.zeros((SIDE, SIDE, SIDE, SIDE), dtype=np.bool_)
    for right in range(SIDE):
        for up in range(SIDE):
            i, j = np.ogrid[: right + 1, : up + 1]
            # A cell meets the hull if its centre is so near to the line between the two centres.
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
    """The next cell of the shortest path from each cell to each goal, -1 where there is none.

    A path goes to any of the eight cells around, and past no corner of a blocked one.
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
    """Enters the last cell in sight of the path of each cell and goal that do not see each other.

    Goals that no path leads to stay as they are.
    """
    cell, goal = np.nonzero(hidden & (after.T >= 0))
    ahead = cell
    while len(cell):
        ahead = after[goal, ahead]
        on = sees[cell, ahead]
        cell, goal, ahead = cell[on], goal[on], ahead[on]
        table[cell, goal] = ahead
