"""Exact nearest neighbours in large crowds: a k-d tree proposes, float64 arithmetic decides."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial import KDTree

# The tree's distances and ours differ by a few units in the last place; distances that differ by
# less than this (relative) are decided by our own arithmetic, so that both forms agree to the bit.
TIE = 1e-12
# Candidates that one query may return; keeps the memory of a query to some 100 MB.
QUERY_SIZE = 2**21


def multiplicity(
    pos: Float[np.ndarray, "agent 2"], group: Int[np.ndarray, " agent"]
) -> tuple[Int[np.ndarray, " agent"], Int[np.ndarray, " agent"]]:
    """Who stands on the same place of the same group.

    Returns:
        The lowest agent at each agent's place, and how many lower ones stand there.
    """
    number = np.arange(len(pos))
    # Equal places have equal keys. Sorting one key is ten times as fast as sorting places, and
    # most crowds end here.
    key = np.sort(pos[:, 0] * 0.7548776662466927 + pos[:, 1] * 0.5698402909980532)
    if not (key[1:] == key[:-1]).any():
        return number, np.zeros_like(number)
    order = np.lexsort((pos[:, 1], pos[:, 0], group))
    p, g = pos[order], group[order]
    new = np.ones(len(pos), dtype=bool)
    new[1:] = (g[1:] != g[:-1]) | (p[1:] != p[:-1]).any(1)
    start = np.maximum.accumulate(np.where(new, number, 0))
    lowest, rank = np.empty_like(number), np.empty_like(number)
    lowest[order] = order[start]
    rank[order] = number - start
    return lowest, rank


class Forest:
    """One k-d tree for all groups of points, and exact queries to it.

    A third coordinate keeps the groups further apart than any two points of one group. It is equal
    within a group, where it therefore adds exactly 0 to a squared distance: x and y lose nothing.

    Args:
        pos: coordinates of all points.
        group: group of each point.
        candidates: points that may be found, in rising order; all of them by default.
    """

    def __init__(
        self,
        pos: Float[np.ndarray, "agent 2"],
        group: Int[np.ndarray, " agent"],
        candidates: Int[np.ndarray, " candidate"] | None = None,
    ) -> None:
        self.pos, self.candidates = pos, candidates
        extent = float(np.ptp(pos, axis=0).max()) if len(pos) else 0.0
        self.gap = 4 * extent or 1.0
        self.flat = len(pos) == 0 or bool((group == group[0]).all())
        points = self._points(pos, group)
        self.tree = KDTree(points if candidates is None else points[candidates])
        # A place for "no one", the last of the numbers: its distance compares as false.
        self.x, self.y = (np.append(pos[:, c], np.nan) for c in (0, 1))

    def _points(self, pos: np.ndarray, group: np.ndarray) -> np.ndarray:
        return pos if self.flat else np.column_stack([pos, group * self.gap])

    def propose(
        self, rows: Int[np.ndarray, " row"], group: Int[np.ndarray, " row"], q: int
    ) -> tuple[Float[np.ndarray, "row q"], Int[np.ndarray, "row q"]]:
        """The q nearest candidates of a group to the places of some points, themselves included.

        Returns:
            Distances by the tree, rising, infinite where there are no more; and the points.
        """
        # Twice the extent is more than the diagonal, and less than the way to another group.
        distance, found = self.tree.query(
            self._points(self.pos[rows], group), k=max(q, 2), distance_upper_bound=self.gap / 2
        )
        if self.candidates is not None:
            found = np.append(self.candidates, len(self.pos))[found]
        return np.asarray(distance), np.asarray(found)

    def offset(
        self, rows: Int[np.ndarray, " row"], found: Int[np.ndarray, "row q"]
    ) -> tuple[Float[np.ndarray, "row q"], Float[np.ndarray, "row q"]]:
        """Exact coordinates of what was found, seen from the rows; NaN for no one."""
        return self.x[found] - self.x[rows, None], self.y[found] - self.y[rows, None]

    def nearest(
        self, rows: Int[np.ndarray, " row"], group: Int[np.ndarray, " row"], k: int
    ) -> Int[np.ndarray, "row k"]:
        """The k nearest candidates of a group besides oneself, ties to the lower number.

        Returns:
            Points in no particular order; `len(pos)` where there are no more.
        """
        near = np.full((len(rows), k), len(self.pos))
        left, q = np.arange(len(rows)), k + 2
        while len(left):
            open_rows = []
            for part in pieces(left, q):
                close = self._nearest_plain if q == k + 2 else self._nearest_tied
                chosen, done = close(rows[part], group[part], k, q)
                near[part[done]] = chosen[done]
                open_rows.append(part[~done])
            left, q = np.concatenate(open_rows), 2 * q
        return near

    def _nearest_plain(
        self, rows: np.ndarray, group: np.ndarray, k: int, q: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """The usual case: oneself comes first and a clear distance follows the k-th other."""
        distance, found = self.propose(rows, group, q)
        clear = np.isinf(distance[:, -1]) | (distance[:, -1] > distance[:, k] * (1 + TIE))
        return found[:, 1 : k + 1], clear & (found[:, 0] == rows)

    def _nearest_tied(
        self, rows: np.ndarray, group: np.ndarray, k: int, q: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Sorts by exact distance, then number; done where the query reaches beyond the k-th."""
        distance, found = self.propose(rows, group, q)
        dx, dy = self.offset(rows, found)
        square = dx * dx + dy * dy
        square[np.isinf(distance) | (found == rows[:, None])] = np.inf
        order = np.lexsort((found, square))[:, :k]
        kth = np.take_along_axis(square, order[:, -1:], 1)[:, 0]
        chosen = np.take_along_axis(found, order, 1)
        chosen[np.isinf(np.take_along_axis(square, order, 1))] = len(self.pos)
        return chosen, np.isinf(distance[:, -1]) | (distance[:, -1] > np.sqrt(kth) * (1 + TIE))


def pieces(rows: Int[np.ndarray, " row"], q: int) -> Iterator[np.ndarray]:
    """Cuts rows so that q answers for each of a piece fit in memory."""
    size = max(1, QUERY_SIZE // q)
    return (rows[i : i + size] for i in range(0, len(rows), size))
