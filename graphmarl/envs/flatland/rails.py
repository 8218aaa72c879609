"""What of a network of rails stays the same for an episode, as tables."""

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
    """Where trains can go, and what they look ahead to.

    A place is a cell with the direction in which it is passed. Places are numbered; the number S
    stands for none, so that every table has a last row for it. From a place the rails are followed
    until there is a choice, a dead end or somebody's target: that is a segment, and the 14 places
    where the segments of a binary tree of depth 3 begin are looked up, not searched.

    Args:
        grid: transitions of each cell as flatland codes them, 16 bits: from which direction to
            which.
        targets: cell (row, column) of each train's target.

    Attributes:
        number: place of (row, column, direction), S where there is none.
        row, column, heading: of each place.
        cell: number of each place's cell; the number C stands for none.
        following: the places after each, left before ahead before right before back; S for none.
        turn: how to get there, -1 left to 2 back.
        choices: how many they are.
        decides: whether a train chooses here: on a switch or crossing, on a target, or before one.
        switch: whether the cell is a switch or a crossing.
        end: where the segment from each place ends.
        length: cells of the segment.
        unusable: cells until its first switch that leaves no choice; infinite if there is none.
        ahead: cells from each place to each cell of its segment, FAR for those that are not on it.
        passed: direction in which the segment passes there.
        tree: where the 14 segments begin, level by level; those of k lead to 2k + 2 and 2k + 3.
        distance: steps of each train from each place to its target, infinite if there is no way.
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
        """Number of the cells (row, column); C for one without rails."""
        return self.cell[self.number[places[:, 0], places[:, 1]].min(1)]

    def _join(self, exits: NDArray[np.bool_]) -> None:
        """Find the places after each; no cell of flatland has more than two for a direction."""
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
        """Find switches, decisions and where segments end."""
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
        """Follow the rails from all places at once."""
        size = self.size
        self.ahead = np.full((size + 1, cells + 1), FAR, np.int16)
        self.passed = np.zeros((size + 1, cells + 1), np.int8)
        self.length = np.ones(size + 1, np.int64)
        self.unusable = np.full(size + 1, np.inf)
        self.end = np.arange(size + 1)
        going = np.arange(size)
        # A ring without any choice has no end; who is on it has seen it all after one round.
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
        """Steps to every target, one more in each round."""
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
