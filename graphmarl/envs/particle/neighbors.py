"""Displacements between the near ones of many points, found by k-d trees."""

from __future__ import annotations

from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.spatial import KDTree
from torch import Tensor

# From this number of points in a copy on a search is faster than all distances.
SEARCHED_FROM = 150
# Distance between copies in a third coordinate, in which all points of a copy are equal.
APART = 1e9
# Pairs are searched a little further out, since the tree's distances are rounded otherwise.
MARGIN = 1 + 1e-5


class Pairs(NamedTuple):
    """Pairs of near points, sorted.

    Args:
        row: point i among those of all copies.
        both: points i and j among the pairs of a copy.
        offset: displacement from point i to point j.
        squared: their squared distance.
    """

    row: Int[Tensor, " pair"]
    both: Int[Tensor, " pair"]
    offset: Float[Tensor, "pair 2"]
    squared: Float[Tensor, " pair"]


class Points:
    """Points of every copy, with one k-d tree for all copies.

    Args:
        place: coordinates.
    """

    def __init__(self, place: Float[Tensor, "env point 2"]) -> None:
        self.place = place
        self.rows = np.empty((*place.shape[:2], 3))
        self.rows[..., :2] = place.numpy()
        self.rows[..., 2] = np.arange(len(place))[:, None] * APART
        self.rows = self.rows.reshape(-1, 3)

    @cached_property
    def tree(self) -> KDTree:
        """The tree."""
        return KDTree(self.rows, compact_nodes=False, balanced_tree=False)


class Neighbors:
    """Displacements between near points, from one set to another, in time O(E log E).

    It does what `Gaps` does, without the distances of all pairs. Distances are those of `Gaps` to
    the bit; which points are nearest is decided in double precision.

    Args:
        here: points i of every copy.
        there: points j of every copy, which may be the same object; a point is not near itself.
        reach: distance up to which `pairs` of one set are found.
    """

    def __init__(self, here: Points, there: Points, reach: float = 0.0) -> None:
        self.here, self.there, self.reach = here.place, there.place, reach
        self.queries, self.points = here, there

    def nearest(self, number: int) -> Int[Tensor, "env from number"]:
        """Indices of the nearest points, nearest first.

        Args:
            number: points to select.
        """
        copies, start, stop = len(self.here), self.here.shape[1], self.there.shape[1]
        if not number:
            return torch.zeros(copies, start, 0, dtype=torch.long)
        same = self.there is self.here
        query: Any = self.points.tree.query  # its stub lacks lists of ranks
        found = query(self.queries.rows, [*range(1, number + same + 1)])[1]
        if same:
            # The point itself goes last; there may be others at its position.
            own = found == np.arange(len(found))[:, None]
            found = np.take_along_axis(found, own.argsort(1, kind="stable")[:, :-1], 1)
        return torch.from_numpy(found % stop).view(copies, start, number)

    def to(self, chosen: Int[Tensor, "env from number"]) -> Float[Tensor, "env from twice"]:
        """Displacements to the chosen points, flattened to `x, y, x, y, ...`."""
        index = chosen.flatten(1).unsqueeze(2).expand(-1, -1, 2)
        there = self.there.gather(1, index).unflatten(1, chosen.shape[1:])
        return (there - self.here.unsqueeze(2)).flatten(2)

    def squared_to(
        self, chosen: Int[Tensor, "env from number"]
    ) -> Float[Tensor, "env from number"]:
        """Squared distances to the chosen points."""
        return _squared(self.to(chosen).unflatten(2, (-1, 2)))

    @cached_property
    def pairs(self) -> Pairs:
        """The pairs of a set within reach of each other."""
        assert self.there is self.here, "pairs are of one set"
        start, stop = self.here.shape[1], self.there.shape[1]
        pairs = self.points.tree.query_pairs(self.reach * MARGIN, output_type="ndarray")
        row, other = torch.from_numpy(np.concatenate([pairs, pairs[:, ::-1]]).T.copy())
        key = (row * stop + other % stop).sort().values
        row, both = key // stop, key % (start * stop)
        other = row // start * stop + key % stop
        offset = self.there.flatten(0, 1)[other] - self.here.flatten(0, 1)[row]
        return Pairs(row, both, offset, _squared(offset))

    def sum(self, values: Float[Tensor, "pair ..."]) -> Float[Tensor, "env from ..."]:
        """Sums over the pairs of each point i.

        Args:
            values: a value of each of the `pairs`.
        """
        copies, start = self.here.shape[:2]
        total = values.new_zeros(copies * start, *values.shape[1:])
        return total.index_add_(0, self.pairs.row, values).unflatten(0, (copies, start))


def _squared(offset: Float[Tensor, "*axes 2"]) -> Float[Tensor, "*axes"]:
    """Squared lengths, with the arithmetic of `Gaps`."""
    x, y = offset.unbind(-1)
    return (x * x).addcmul_(y, y)
