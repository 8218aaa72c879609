"""Exact nearest neighbours of many agents: k-d tree candidates, compared in float64."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial import KDTree

# The tree's distances and ours differ by a few units in the last place; ties within this relative
# tolerance are resolved by our own arithmetic, so that dense and tree form agree to the bit.
TIE = 1e-12
# Maximum candidates per query; limits its memory to about 100 MB.
QUERY_SIZE = 2**21


def multiplicity(
    pos: Float[np.ndarray, "agent 2"], group: Int[np.ndarray, " agent"]
) -> tuple[Int[np.ndarray, " agent"], Int[np.ndarray, " agent"]]:
    """Duplicate positions within each group.

    Args:
        pos: coordinates of all agents.
        group: group of each agent.

    Returns:
        For each agent the lowest agent at its position, and the number of lower ones there.
    """
    number = np.arange(len(pos))
    # Equal positions have equal keys. Sorting one key is ten times as fast as sorting positions,
    # and usually there are no duplicates.
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
    """A single k-d tree over all groups of points, with exact queries within a group.

    A third coordinate keeps the groups further apart than any two points of one group. It is
    constant within a group, where it adds exactly 0 to a squared distance.

    Args:
        pos: coordinates of all points.
        group: group of each point.
        candidates: points that queries may return, in ascending order; by default all points.
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
        # A dummy point for "not found", numbered last: its distance compares as false.
        self.x, self.y = (np.append(pos[:, c], np.nan) for c in (0, 1))

    def _points(self, pos: np.ndarray, group: np.ndarray) -> np.ndarray:
        return pos if self.flat else np.column_stack([pos, group * self.gap])

    def propose(
        self, rows: Int[np.ndarray, " row"], group: Int[np.ndarray, " row"], q: int
    ) -> tuple[Float[np.ndarray, "row q"], Int[np.ndarray, "row q"]]:
        """The q nearest candidates of a group for each row, the row itself included.

        Returns:
            Distances by the tree, ascending, infinite if there are no more; and the points.
        """
        # Twice the extent exceeds the diagonal of a group but not the gap between groups.
        distance, found = self.tree.query(
            self._points(self.pos[rows], group), k=max(q, 2), distance_upper_bound=self.gap / 2
        )
        if self.candidates is not None:
            found = np.append(self.candidates, len(self.pos))[found]
        return np.asarray(distance), np.asarray(found)

    def offset(
        self, rows: Int[np.ndarray, " row"], found: Int[np.ndarray, "row q"]
    ) -> tuple[Float[np.ndarray, "row q"], Float[np.ndarray, "row q"]]:
        """Exact coordinates of the found points relative to the rows; NaN if not found."""
        return self.x[found] - self.x[rows, None], self.y[found] - self.y[rows, None]

    def nearest(
        self, rows: Int[np.ndarray, " row"], group: Int[np.ndarray, " row"], k: int
    ) -> Int[np.ndarray, "row k"]:
        """The k nearest candidates of a group except the row itself, ties to the lower number.

        Returns:
            Points in no particular order; `len(pos)` if there are no more.
        """
        near = np.full((len(rows), k), len(self.pos))
        left, q = np.arange(len(rows)), k + 2
        while len(left):
            open_rows = []
            for part in chunks(left, q):
                close = self._nearest_plain if q == k + 2 else self._nearest_tied
                chosen, done = close(rows[part], group[part], k, q)
                near[part[done]] = chosen[done]
                open_rows.append(part[~done])
            left, q = np.concatenate(open_rows), 2 * q
        return near

    def _nearest_plain(
        self, rows: np.ndarray, group: np.ndarray, k: int, q: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Case without ties: the row itself comes first and the k-th neighbour is unambiguous."""
        distance, found = self.propose(rows, group, q)
        clear = np.isinf(distance[:, -1]) | (distance[:, -1] > distance[:, k] * (1 + TIE))
        return found[:, 1 : k + 1], clear & (found[:, 0] == rows)

    def _nearest_tied(
        self, rows: np.ndarray, group: np.ndarray, k: int, q: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Sort by exact distance, then number; done if the query reaches beyond the k-th."""
        distance, found = self.propose(rows, group, q)
        dx, dy = self.offset(rows, found)
        square = dx * dx + dy * dy
        square[np.isinf(distance) | (found == rows[:, None])] = np.inf
        order = np.lexsort((found, square))[:, :k]
        kth = np.take_along_axis(square, order[:, -1:], 1)[:, 0]
        chosen = np.take_along_axis(found, order, 1)
        chosen[np.isinf(np.take_along_axis(square, order, 1))] = len(self.pos)
        return chosen, np.isinf(distance[:, -1]) | (distance[:, -1] > np.sqrt(kth) * (1 + TIE))


def chunks(rows: Int[np.ndarray, " row"], q: int) -> Iterator[np.ndarray]:
    """Split rows into chunks whose queries of q candidates fit in memory."""
    size = max(1, QUERY_SIZE // q)
    return (rows[i : i + size] for i in range(0, len(rows), size))
