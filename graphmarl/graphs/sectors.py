"""The nearest agent in each sector of the plane, for many agents."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Bool, Float, Int

from graphmarl.graphs.kd_tree import TIE, Forest, chunks

Array = TypeVar("Array", bound=Any)

# Candidates of the first query: 11 other agents all lie on one side of an agent 4 times in 2048.
FIRST_QUERY = 12
# Widening queries stop when they would return this many candidates per point. Uniformly placed
# agents, of which only those at the border search further, stay below 4.
MOST_CANDIDATES = 8
# All groups share the bounding box of one tree. A query from far outside a group visits all of the
# group: cheap up to this size, expensive beyond.
SHARED_TREE = 256


class Sectors(ABC):
    """Four sectors of the plane: up, down, left, right."""

    @abstractmethod
    def axes(self, x: Array, y: Array) -> tuple[Array, Array]:
        """The two coordinates by which the sectors are defined."""

    @abstractmethod
    def inside(self, a: Array, b: Array) -> list[Array]:
        """Masks of the senders in each sector, from the axes of sender minus receiver."""

    @abstractmethod
    def empty(
        self,
        a: Float[np.ndarray, " point"],
        b: Float[np.ndarray, " point"],
        group: Int[np.ndarray, " point"],
    ) -> Bool[np.ndarray, "4 point"]:
        """Mask of the points whose sector is empty, without a search."""

    def exhaust(
        self,
        forest: Forest,
        group: Int[np.ndarray, " point"],
        pending: Bool[np.ndarray, "4 point"],
        near: Int[np.ndarray, "4 point"],
    ) -> bool:
        """Fill `near` for all pending points if there is a fast exact method; else return False.

        Args:
            forest: trees over all points.
            group: group of each point.
            pending: sectors whose search is not complete.
            near: nearest point in each sector, written in place.
        """
        return False


class HalfPlanes(Sectors):
    """Half-planes of smaller y, greater y, smaller x and greater x."""

    def axes(self, x: Array, y: Array) -> tuple[Array, Array]:
        """The coordinates themselves."""
        return x, y

    def inside(self, a: Array, b: Array) -> list[Array]:
        """Strict comparisons of one coordinate."""
        return [b < 0, b > 0, a < 0, a > 0]

    def empty(self, a: np.ndarray, b: np.ndarray, group: np.ndarray) -> np.ndarray:
        """The extreme points of each group."""
        start = np.flatnonzero(np.diff(group, prepend=-1))
        size = np.diff(start, append=len(group))
        rim = [np.minimum.reduceat(key, start).repeat(size) == key for key in (b, -b, a, -a)]
        return np.stack(rim)

    def exhaust(
        self, forest: Forest, group: np.ndarray, pending: np.ndarray, near: np.ndarray
    ) -> bool:
        """Search prefixes of the points sorted by one coordinate."""
        x, y = forest.pos.T
        for sector, key in enumerate((y, -y, x, -x)):
            rows = np.flatnonzero(pending[sector])
            if len(rows):
                near[sector, rows] = nearest_below(forest.pos, group, key, rows)
        return True


class Quadrants(Sectors):
    """Sectors of 90 degrees; both diagonals belong to up and down."""

    def axes(self, x: Array, y: Array) -> tuple[Array, Array]:
        """The coordinates along both diagonals."""
        return x + y, y - x

    def inside(self, a: Array, b: Array) -> list[Array]:
        """Signs of both coordinates."""
        apart = (a != 0) | (b != 0)
        up, down = (a <= 0) & (b <= 0) & apart, (a >= 0) & (b >= 0) & apart
        return [up, down, (a < 0) & (b > 0), (a > 0) & (b < 0)]

    def empty(self, a: np.ndarray, b: np.ndarray, group: np.ndarray) -> np.ndarray:
        """The points that no other point dominates."""
        return np.stack(
            [
                undominated(a, b, group, strict=False),
                undominated(-a, -b, group, strict=False),
                undominated(a, -b, group, strict=True),
                undominated(-a, b, group, strict=True),
            ]
        )


SECTORS: dict[str, Sectors] = {"half_plane": HalfPlanes(), "quadrant": Quadrants()}


def nearest_in_sectors(
    pos: Float[np.ndarray, "point 2"], group: Int[np.ndarray, " point"], sectors: Sectors
) -> Int[np.ndarray, "4 point"]:
    """The nearest point of the same group in each sector, ties to the lower number.

    Queries widen for the points with pending sectors. Usually few remain; if many do (such as two
    distant rows of agents), `Sectors.exhaust` finishes the search.

    Args:
        pos: positions, distinct within each group.
        group: group of each point, sorted.
        sectors: the four sectors.

    Returns:
        Numbers of points, -1 if a sector is empty.
    """
    near = np.full((4, len(pos)), -1)
    if len(pos) == 0:
        return near
    a, b = sectors.axes(*pos.T)
    pending = ~sectors.empty(a, b, group)
    forest = Forest(pos, group)
    a, b = np.append(a, np.nan), np.append(b, np.nan)
    q = FIRST_QUERY
    while pending.any():
        rows = np.flatnonzero(pending.any(0))
        too_many = len(rows) * q > MOST_CANDIDATES * len(pos) and q > FIRST_QUERY
        if too_many and sectors.exhaust(forest, group, pending, near):
            break
        for part in chunks(rows, q):
            distance, found = forest.propose(part, group[part], q)
            dx, dy = forest.offset(part, found)
            square = dx * dx + dy * dy
            masks = sectors.inside(a[found] - a[part, None], b[found] - b[part, None])
            for sector, inside in enumerate(masks):
                _write_nearest(
                    square, inside, found, distance[:, -1], part, near[sector], pending[sector]
                )
        q *= 2
    return near


def _write_nearest(
    square: np.ndarray,
    inside: np.ndarray,
    found: np.ndarray,
    last: np.ndarray,
    rows: np.ndarray,
    near: np.ndarray,
    pending: np.ndarray,
) -> None:
    """Write the nearest point of one sector for the rows whose search is complete."""
    square = np.where(inside, square, np.inf)
    best = square.min(1)
    tied = (square == best[:, None]) & inside
    lowest = np.where(tied, found, len(near)).min(1)
    done = np.isinf(last) | (np.sqrt(best) * (1 + TIE) < last)
    done &= pending[rows]
    exists = lowest < len(near)
    near[rows[done]] = np.where(exists, lowest, -1)[done]
    pending[rows[done]] = False


def undominated(
    a: Float[np.ndarray, " point"],
    b: Float[np.ndarray, " point"],
    group: Int[np.ndarray, " point"],
    strict: bool,
) -> Bool[np.ndarray, " point"]:
    """Mask of the points with no other point of their group with smaller a and smaller b.

    Without `strict`, equality in one of the two coordinates counts as smaller.

    Args:
        a: first coordinate.
        b: second coordinate.
        group: group of each point.
        strict: require both coordinates to be strictly smaller.
    """
    # Among equal a, sort so that smaller b come before only if the comparison is not strict.
    tie = -b if strict else b
    order = np.lexsort((tie, a, group))
    rank = np.unique(b, return_inverse=True)[1][order]
    # Later groups have smaller ranks, so that a running minimum stays within its group.
    rank = rank - group[order] * (len(a) + 1)
    before = np.append(np.iinfo(np.int64).max, np.minimum.accumulate(rank)[:-1])
    result = np.empty(len(a), dtype=bool)
    result[order] = before >= rank if strict else before > rank
    return result


def nearest_below(
    pos: Float[np.ndarray, "point 2"],
    group: Int[np.ndarray, " point"],
    key: Float[np.ndarray, " point"],
    rows: Int[np.ndarray, " row"],
) -> Int[np.ndarray, " row"]:
    """The nearest point of the same group with a strictly smaller key, ties to the lower number.

    Sorted by the key, the points below a point are a prefix of its group, which is a disjoint union
    of blocks of 1, 2, 4, ... points: one per binary digit of its length. All blocks of one size are
    the groups of one tree, so that there are log2(N) trees.

    Args:
        pos: positions of all points.
        group: group of each point.
        key: key of each point.
        rows: points to search for.
    """
    number = np.arange(len(pos))
    order = np.lexsort((key, group))
    new_group = np.diff(group[order], prepend=-1) != 0
    new_key = new_group | (np.diff(key[order], prepend=np.nan) != 0)
    first = np.maximum.accumulate(np.where(new_group, number, 0))
    offset = number - first
    below, begin = np.empty_like(number), np.empty_like(number)
    below[order] = np.maximum.accumulate(np.where(new_key, number, 0)) - first
    begin[order] = first

    best, lowest = np.full(len(rows), np.inf), np.full(len(rows), len(pos))
    padded = np.vstack([pos, [np.inf, np.inf]])
    for level in range(int(below[rows].max()).bit_length()):
        active = np.flatnonzero(below[rows] >> level & 1)
        queries = rows[active]
        block = begin[queries] + ((below[queries] >> level) - 1 << level)
        if len(active) == 0:
            continue
        if 1 << level <= SHARED_TREE:
            block_of_index = np.cumsum(new_group | ((offset & ((1 << level) - 1)) == 0))
            block_of = np.empty_like(number)
            block_of[order] = block_of_index
            found = Forest(pos, block_of).nearest(queries, block_of_index[block], 1)[:, 0]
        else:
            found = _nearest_in_blocks(pos, order, queries, block, 1 << level)
        dx, dy = (padded[found] - pos[queries]).T
        square = dx * dx + dy * dy
        _keep_closer(best, lowest, active, square, found)
    return lowest


def _keep_closer(
    best: np.ndarray, lowest: np.ndarray, active: np.ndarray, square: np.ndarray, found: np.ndarray
) -> None:
    """Update the best point where the found one is nearer, ties to the lower number."""
    closer = (square < best[active]) | ((square == best[active]) & (found < lowest[active]))
    best[active[closer]], lowest[active[closer]] = square[closer], found[closer]


def _nearest_in_blocks(
    pos: np.ndarray, order: np.ndarray, rows: np.ndarray, block: np.ndarray, size: int
) -> np.ndarray:
    """The nearest of the `size` points from index `block` of an order, with a tree per block."""
    found = np.empty_like(rows)
    by_block = np.argsort(block, kind="stable")
    cuts = np.flatnonzero(np.diff(block[by_block])) + 1
    for part in np.split(by_block, cuts):
        members = np.sort(order[block[part[0]] : block[part[0]] + size])
        points = np.concatenate([pos[members], pos[rows[part]]])
        same = np.zeros(len(points), dtype=np.int64)
        forest = Forest(points, same, candidates=np.arange(size))
        near = forest.nearest(np.arange(size, len(points)), same[size:], 1)[:, 0]
        found[part] = members[near]
    return found
