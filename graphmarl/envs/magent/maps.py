"""Maps of the grid-world tasks: pure functions from sizes to cells (x, y)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Cells = NDArray[np.int64]

SIZES = (24, 48, 96)
# (share of the map's side, gap between cells, offset of the side) of each ring of food.
FOOD_RINGS = (
    (0.65, 10, 0),
    (0.6, 10, 0),
    (0.55, 10, 0),
    (0.5, 4, 0),
    (0.45, 3, 0),
    (0.4, 1, 0),
    (0.3, 1, -2),
    (0.3, 1, -6),
)
RANDOM_OMNIVORES = {24: 15, 48: 29, 96: 49}


def distinct(cells: Cells) -> Cells:
    """Remove duplicate cells, keeping the order."""
    _, first = np.unique(cells, axis=0, return_index=True)
    return cells[np.sort(first)]


def ring(centre: int, half: int, gap: int = 1) -> Cells:
    """A square ring around (centre, centre), every `gap` cells along each side."""
    along = np.arange(centre - half, centre + half + 1, gap)
    low, high = np.full_like(along, centre - half), np.full_like(along, centre + half)
    sides = [(along, low), (along, high), (low, along), (high, along)]
    return distinct(np.concatenate([np.stack(side, 1) for side in sides]))


def scaled_ring(size: int, share: float, gap: int, offset: int = 0) -> Cells:
    """A ring whose side is a share of the map's, plus an offset."""
    return ring(size // 2, int(share * size + offset) // 2, gap)


def normal_map(size: int) -> tuple[Cells, Cells]:
    """Normal map of NVIF (Table I): omnivores on one ring, food on eight rings inside it."""
    food = np.concatenate([scaled_ring(size, *options) for options in FOOD_RINGS])
    return scaled_ring(size, 0.9, 3), distinct(food)


def spread_ring(size: int, number: int) -> Cells:
    """Evenly spaced cells on the ring of 0.9 of the map, clockwise from its low corner."""
    centre, half = size // 2, int(0.9 * size) // 2
    side = 2 * half
    along = np.rint(np.arange(number) * 4 * side / number).astype(np.int64)
    edge, step = along // side, along % side
    x = np.select([edge == 0, edge == 1, edge == 2], [step, side, side - step], 0)
    y = np.select([edge == 1, edge == 2, edge == 3], [step, side, side - step], 0)
    return np.stack((x, y), 1) + centre - half


def food_block(size: int) -> Cells:
    """Nested square rings around (0, 0), half-sides 0, 2, ... size / 12."""
    return np.concatenate([ring(0, half) for half in range(0, size // 12 + 1, 2)])


def random_map(size: int, rng: np.random.Generator) -> tuple[Cells, Cells]:
    """Random map: omnivores evenly on a ring, a food block inside the ring of 0.8 of the map.

    Unlike the paper, which does not specify the block's position, its centre is uniform over all
    cells for which the block lies strictly inside that ring.
    """
    reach = int(0.8 * size) // 2 - 1 - size // 12
    centre = size // 2 + rng.integers(-reach, reach + 1, 2)
    return spread_ring(size, RANDOM_OMNIVORES[size]), food_block(size) + centre


def scattered(size: int, numbers: tuple[int, ...], rng: np.random.Generator) -> list[Cells]:
    """Groups of units on distinct cells drawn uniformly from all free ones.

    Raises:
        ValueError: there are more units than free cells.
    """
    free, total = (size - 2) ** 2, sum(numbers)
    if total > free:
        raise ValueError(
            f"{total} units do not fit on a map of size {size}, which has {free} cells"
        )
    cell = rng.choice(free, total, replace=False)
    cells = np.stack((cell % (size - 2), cell // (size - 2)), 1) + 1
    return np.split(cells, np.cumsum(numbers)[:-1])


def two_armies(size: int, number: int) -> list[Cells]:
    """Two squares of units two cells apart, left and right of a gap in the middle of the map."""
    rows = round(number**0.5)
    if rows**2 != number:
        raise ValueError(f"an army of {number} is no square; allowed are 1, 4, 9, 16, ...")
    side, middle = 2 * rows, size // 2
    if middle - 3 - side < 1 or middle + 3 + side - 2 > size - 2:
        raise ValueError(f"armies of {number} do not fit on a map of size {size}")
    x, y = np.meshgrid(np.arange(rows) * 2, np.arange(rows) * 2 + (size - side) // 2, indexing="ij")
    left = np.stack((x.ravel() + middle - 3 - side, y.ravel()), 1)
    right = np.stack((x.ravel() + middle + 3, y.ravel()), 1)
    return [left, right]
