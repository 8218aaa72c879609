"""The nearest agent in each sector of the plane, for large crowds."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Bool, Float, Int

from graphmarl.graphs.kd_tree import TIE, Forest, pieces

Array = TypeVar("Array", bound=Any)

# Candidates of the first query: of 11 others, all lie on one side of an agent 4 times in 2048.
FIRST_QUERY = 12
# Widening queries stop when they would return this many candidates for each point of the agents. A
# uniform agents, where only those at the rim look further, stays below 4.
MOST_CANDIDATES = 8
# A tree bounds how far away a group lies only by its outermost box, which all groups share. Asked
# from far outside a group, it looks at all of that group: cheap up to this size, dear beyond.
SHARED_TREE = 256


class Sectors(ABC):
    """Four sectors of the plane: up, down, left, right."""

    @abstractmethod
    def axes(self, x: Array, y: Array) -> tuple[Array, Array]:
        """The two coordinates that the sectors compare."""

    @abstractmethod
    def inside(self, a: Array, b: Array) -> list[Array]:
        """Which senders lie in each sector, from the axes of sender minus receiver."""

    @abstractmethod
    def empty(
        self,
        a: Float[np.ndarray, " point"],
        b: Float[np.ndarray, " point"],
        group: Int[np.ndarray, " point"],
    ) -> Bool[np.ndarray, "4 point"]:
        """Which points have no one in each sector, without any search."""

    def exhaust(
        self,
        forest: Forest,
        group: Int[np.ndarray, " point"],
        looking: Bool[np.ndarray, "4 point"],
        near: Int[np.ndarray, "4 point"],
    ) -> bool:
        """Fills `near` for those who are still looking, if there is a way that is surely fast."""
        return False


class HalfPlanes(Sectors):
    """Smaller y, greater y, smaller x, greater x."""

    def axes(self, x: Array, y: Array) -> tuple[Array, Array]:
        """The coordinates themselves."""
        return x, y

    def inside(self, a: Array, b: Array) -> list[Array]:
        """Strict comparisons of one coordinate."""
        return [b < 0, b > 0, a < 0, a > 0]

    def empty(self, a: np.ndarray, b: np.ndarray, group: np.ndarray) -> np.ndarray:
        """Those at the very rim of their group."""
        start = np.flatnonzero(np.diff(group, prepend=-1))
        size = np.diff(start, append=len(group))
        rim = [np.minimum.reduceat(key, start).repeat(size) == key for key in (b, -b, a, -a)]
        return np.stack(rim)

    def exhaust(
        self, forest: Forest, group: np.ndarray, looking: np.ndarray, near: np.ndarray
    ) -> bool:
        """By prefixes of the order of one coordinate."""
        x, y = forest.pos.T
        for sector, key in enumerate((y, -y, x, -x)):
            rows = np.flatnonzero(looking[sector])
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
        """Those that no other point dominates."""
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

    Queries widen for those who have not found everyone. Few are left in most crowds; where many
    are (two rows far apart, each agent amid its own), the sectors finish by their own means.

    Args:
        pos: distinct places within each group.
        group: group of each point; never decreases.
        sectors: the four sectors.

    Returns:
        Numbers of points, -1 where a sector is empty.
    """
    near = np.full((4, len(pos)), -1)
    if len(pos) == 0:
        return near
    a, b = sectors.axes(*pos.T)
    looking = ~sectors.empty(a, b, group)
    forest = Forest(pos, group)
    a, b = np.append(a, np.nan), np.append(b, np.nan)
    q = FIRST_QUERY
    while looking.any():
        rows = np.flatnonzero(looking.any(0))
        too_many = len(rows) * q > MOST_CANDIDATES * len(pos) and q > FIRST_QUERY
        if too_many and sectors.exhaust(forest, group, looking, near):
            break
        for part in pieces(rows, q):
            distance, found = forest.propose(part, group[part], q)
            dx, dy = forest.offset(part, found)
            square = dx * dx + dy * dy
            masks = sectors.inside(a[found] - a[part, None], b[found] - b[part, None])
            for sector, inside in enumerate(masks):
                _settle(square, inside, found, distance[:, -1], part, near[sector], looking[sector])
        q *= 2
    return near


def _settle(
    square: np.ndarray,
    inside: np.ndarray,
    found: np.ndarray,
    last: np.ndarray,
    rows: np.ndarray,
    near: np.ndarray,
    looking: np.ndarray,
) -> None:
    """Writes the nearest of one sector for the rows where no one further away can matter."""
    square = np.where(inside, square, np.inf)
    best = square.min(1)
    tied = (square == best[:, None]) & inside
    lowest = np.where(tied, found, len(near)).min(1)
    done = np.isinf(last) | (np.sqrt(best) * (1 + TIE) < last)
    done &= looking[rows]
    exists = lowest < len(near)
    near[rows[done]] = np.where(exists, lowest, -1)[done]
    looking[rows[done]] = False


def undominated(
    a: Float[np.ndarray, " point"],
    b: Float[np.ndarray, " point"],
    group: Int[np.ndarray, " point"],
    strict: bool,
) -> Bool[np.ndarray, " point"]:
    """Which points have no other point of their group with smaller a and smaller b.

    Without `strict` equal is as good as smaller, in one coordinate or the other but not in both.
    """
    # Among equal a, a strict comparison must not see smaller b before, the other one must.
    tie = -b if strict else b
    order = np.lexsort((tie, a, group))
    rank = np.unique(b, return_inverse=True)[1][order]
    # Later groups have smaller ranks, so that a running minimum never looks into another group.
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

    In the order of the key, those below a point are a prefix of its group, which is a disjoint
    union of blocks of 1, 2, 4, ... points: one for each binary digit of its length. All blocks of
    one size are the groups of one tree, so that there are log2(N) trees.
    """
    number = np.arange(len(pos))
    order = np.lexsort((key, group))
    new_group = np.diff(group[order], prepend=-1) != 0
    new_key = new_group | (np.diff(key[order], prepend=np.nan) != 0)
    first = np.maximum.accumulate(np.where(new_group, number, 0))
    place = number - first
    below, begin = np.empty_like(number), np.empty_like(number)
    below[order] = np.maximum.accumulate(np.where(new_key, number, 0)) - first
    begin[order] = first

    best, lowest = np.full(len(rows), np.inf), np.full(len(rows), len(pos))
    padded = np.vstack([pos, [np.inf, np.inf]])
    for level in range(int(below[rows].max()).bit_length()):
        ask = np.flatnonzero(below[rows] >> level & 1)
        asked = rows[ask]
        block = begin[asked] + ((below[asked] >> level) - 1 << level)
        if len(ask) == 0:
            continue
        if 1 << level <= SHARED_TREE:
            block_of_place = np.cumsum(new_group | ((place & ((1 << level) - 1)) == 0))
            block_of = np.empty_like(number)
            block_of[order] = block_of_place
            found = Forest(pos, block_of).nearest(asked, block_of_place[block], 1)[:, 0]
        else:
            found = _nearest_in_blocks(pos, order, asked, block, 1 << level)
        dx, dy = (padded[found] - pos[asked]).T
        square = dx * dx + dy * dy
        _keep_closer(best, lowest, ask, square, found)
    return lowest


def _keep_closer(
    best: np.ndarray, lowest: np.ndarray, ask: np.ndarray, square: np.ndarray, found: np.ndarray
) -> None:
    """Writes what was found where it is nearer, or as near and of a lower number."""
    closer = (square < best[ask]) | ((square == best[ask]) & (found < lowest[ask]))
    best[ask[closer]], lowest[ask[closer]] = square[closer], found[closer]


def _nearest_in_blocks(
    pos: np.ndarray, order: np.ndarray, rows: np.ndarray, block: np.ndarray, size: int
) -> np.ndarray:
    """The nearest of `size` points from place `block` of an order on, with a tree for each."""
    found = np.empty_like(rows)
    by_block = np.argsort(block, kind="stable")
    cuts = np.flatnonzero(np.diff(block[by_block])) + 1
    for part in np.split(by_block, cuts):
        members = np.sort(order[block[part[0]] : block[part[0]] + size])
        places = np.concatenate([pos[members], pos[rows[part]]])
        same = np.zeros(len(places), dtype=np.int64)
        forest = Forest(places, same, candidates=np.arange(size))
        near = forest.nearest(np.arange(size, len(places)), same[size:], 1)[:, 0]
        found[part] = members[near]
    return found
