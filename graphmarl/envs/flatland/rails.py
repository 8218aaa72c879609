"""Rail network of one episode as lookup tables."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Directions are north, east, south, west; rows grow southwards.
MOVES = np.array([(-1, 0), (0, 1), (1, 0), (0, -1)])
TURNS = np.array([-1, 0, 1, 2])  # left, ahead, right, back
CROSSING = 0b1000010000100001  # two rails that cross and do not join
FAR = np.iinfo(np.int16).max
DEPTH = 3
NODES = 2 ** (DEPTH + 1) - 2


class Rails:
    """Rail network as tables over places, where a place is a cell and a direction of travel.

    Places are numbered 0 to S - 1; S stands for no place, so every table has a last row for it. A
    segment runs from a place along the rails to the next branch, dead end or target. The start
    places of the 14 segments of a binary tree of depth 3 are precomputed.

    Args:
        grid: transitions of each cell in flatland's 16-bit code (direction in, direction out).
        targets: cell (row, column) of each train's target.

    Attributes:
        number: place of (row, column, direction), S for none.
        row, column, heading: cell and direction of each place.
        cell: cell index of each place; C stands for no cell.
        following: successors of each place in the order left, ahead, right, back; S for none.
        turn: turn to each successor, -1 (left) to 2 (back).
        choices: number of successors.
        decides: whether the place is a decision point: on or before a switch, crossing or target.
        switch: whether the cell is a switch or a crossing.
        end: last place of the segment from each place.
        length: cells of the segment.
        unusable: cells to its first switch without a choice; infinite if there is none.
        ahead: cells from each place to each cell of its segment; FAR for cells not on it.
        passed: direction in which the segment passes each cell.
        tree: start places of the 14 segments, level by level; the children of k are 2k + 2, 2k + 3.
        distance: steps of each train from each place to its target; infinite if unreachable.
    """

    def __init__(self, grid: NDArray[np.integer], targets: NDArray[np.integer]) -> None:
        bits = np.arange(15, -1, -1).reshape(4, 4)
        exits = (grid.astype(np.int64)[..., None, None] >> bits & 1).astype(bool)
        self.grid, self.shape = grid, grid.shape
        row, column, heading = exits.any(3).nonzero()
        self.size = size = len(row)
        self.number = np.full((*grid.shape, 4), size)
        self.number[row, column, heading] = np.arange(size)
        self.row, self.column, self.heading = (np.append(x, 0) for x in (row, column, heading))
        cells, cell = np.unique(row * grid.shape[1] + column, return_inverse=True)
        self.cell = np.append(cell, len(cells))
        self._join(exits[row, column, heading])
        self._mark(exits.sum((2, 3)), targets)
        self._walk(len(cells))
        levels = [self.following]
        for _ in range(DEPTH - 1):
            levels.append(self.following[self.end[levels[-1]]].reshape(size + 1, -1))
        self.tree = np.concatenate(levels, 1)
        self.distance = self._distances(targets)

    def cell_at(self, places: NDArray[np.integer]) -> NDArray[np.integer]:
        """Index of the cells (row, column); C for a cell without rails."""
        return self.cell[self.number[places[:, 0], places[:, 1]].min(1)]

    def _join(self, exits: NDArray[np.bool_]) -> None:
        """Find the successors of each place, at most two per direction in flatland."""
        size = self.size
        out = (self.heading[:size, None] + TURNS) % 4
        row = self.row[:size, None] + MOVES[out, 0]
        column = self.column[:size, None] + MOVES[out, 1]
        inside = (row >= 0) & (row < self.shape[0]) & (column >= 0) & (column < self.shape[1])
        inside &= np.take_along_axis(exits, out, 1)
        following = self.number[np.where(inside, row, 0), np.where(inside, column, 0), out]
        following = np.where(inside, following, size)
        first = np.argsort(following == size, axis=1, kind="stable")[:, :2]
        self.following = np.full((size + 1, 2), size)
        self.following[:size] = np.take_along_axis(following, first, 1)
        self.turn = np.zeros((size + 1, 2), np.int64)
        self.turn[:size] = TURNS[first]
        self.choices = (self.following < size).sum(1)

    def _mark(self, total: NDArray[np.integer], targets: NDArray[np.integer]) -> None:
        """Find switches, decision points and ends of segments."""
        row, column = self.row, self.column
        target = np.zeros(self.shape, bool)
        target[targets[:, 0], targets[:, 1]] = True
        self.switch = (total > 2)[row, column]
        chosen = self.switch | target[row, column]
        chosen[-1] = False
        self.decides = chosen | chosen[self.following].any(1)
        crossing = self.grid[row, column] == CROSSING
        self.barred = self.switch & ~crossing & (self.choices == 1)
        self.stops = target[row, column] | (self.choices != 1) | (total[row, column] == 1)
        self.switch[-1], self.decides[-1], self.stops[-1] = False, False, True

    def _walk(self, cells: int) -> None:
        """Follow the segments of all places in parallel."""
        size = self.size
        self.ahead = np.full((size + 1, cells + 1), FAR, np.int16)
        self.passed = np.zeros((size + 1, cells + 1), np.int8)
        self.length = np.ones(size + 1, np.int64)
        self.unusable = np.full(size + 1, np.inf)
        self.end = np.arange(size + 1)
        going = np.arange(size)
        # A ring without branches has no end; one round visits all of its cells.
        for step in range(1, cells + 1):
            place = self.end[going]
            cell = self.cell[place]
            new = self.ahead[going, cell] == FAR
            self.ahead[going[new], cell[new]] = step
            self.passed[going[new], cell[new]] = self.heading[place[new]]
            self.length[going] = step
            barred = going[self.barred[place]]
            self.unusable[barred] = np.minimum(self.unusable[barred], step)
            going = going[~self.stops[place]]
            if not len(going):
                break
            self.end[going] = self.following[self.end[going], 0]

    def _distances(self, targets: NDArray[np.integer]) -> NDArray[np.float32]:
        """Distances to every target by breadth-first relaxation."""
        distance = np.full((len(targets), self.size + 1), np.inf, np.float32)
        near = self.cell == self.cell_at(targets)[:, None]
        left, right = self.following.T
        distance[near] = 0
        while True:
            after = np.minimum(distance[:, left], distance[:, right]) + 1
            after = np.minimum(distance, after)
            if (after == distance).all():
                return distance
            distance = after
