"""Terrains: grids of 32 x 32 cells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int
from scipy.ndimage import distance_transform_edt

SIDE = 32
CELLS = np.arange(SIDE)
X, Y = np.meshgrid(CELLS, CELLS, indexing="ij")


@dataclass(frozen=True, eq=False)
class Terrain:
    """Grid of unit cells, indexed [x, y]; cell (0, 0) is the lower left one.

    Args:
        walkable: cells for ground units.
        passable: cells for units that walk over cliffs, a superset of `walkable`; None for no
            cliffs.

    Raises:
        ValueError: a grid has another shape or type, no cell is walkable, or a walkable cell is not
            passable.
    """

    walkable: np.ndarray
    passable: np.ndarray | None = None

    def __post_init__(self) -> None:
        for name, grid in (("walkable", self.walkable), ("passable", self.over_cliffs)):
            if grid.shape != (SIDE, SIDE) or grid.dtype != np.bool_:
                given = f"{grid.shape} of {grid.dtype}"
                raise ValueError(f"{name} is {given}; it must be ({SIDE}, {SIDE}) of bool")
            grid.flags.writeable = False
        if not self.walkable.any():
            raise ValueError("no cell is walkable")
        if (self.walkable & ~self.over_cliffs).any():
            x, y = np.argwhere(self.walkable & ~self.over_cliffs)[0]
            raise ValueError(f"cell ({x}, {y}) is walkable but not passable")

    @property
    def over_cliffs(self) -> np.ndarray:
        """Cells for units that walk over cliffs."""
        return self.walkable if self.passable is None else self.passable


def nearest_cells(walkable: Bool[np.ndarray, "x y"]) -> Int[np.ndarray, "x y 2"]:
    """Nearest walkable cell of each cell; a walkable cell itself."""
    nearest = distance_transform_edt(~walkable, return_distances=False, return_indices=True)
    return np.moveaxis(np.asarray(nearest), 0, -1)


def rectangle(x_low: int, x_high: int, y_low: int, y_high: int) -> Bool[np.ndarray, "x y"]:
    """Cells of a rectangle, with inclusive bounds."""
    return (x_low <= X) & (x_high >= X) & (y_low <= Y) & (y_high >= Y)


def band() -> Terrain:
    """The middle half, over the full width."""
    return Terrain(rectangle(0, 31, 8, 23))


def whole() -> Terrain:
    """The whole square."""
    return Terrain(rectangle(0, 31, 0, 31))


def octagon() -> Terrain:
    """A square of 22 cells without its corners."""
    diamond = np.abs(X + 0.5 - 16) + np.abs(Y + 0.5 - 16) <= 17
    return Terrain(rectangle(5, 26, 5, 26) & diamond)


def house() -> Terrain:
    """A square of 14 cells and a roof of 4 rows."""
    roof = rectangle(7, 20, 21, 24) & (np.abs(X - 13.5) <= 26.5 - Y)
    return Terrain(rectangle(7, 20, 7, 20) | roof)


def box() -> Terrain:
    """A rectangle of 16 x 14 cells without 3 cells in each corner."""
    to_side = np.minimum(X - 7, 22 - X) + np.minimum(Y - 7, 20 - Y)
    return Terrain(rectangle(7, 22, 7, 20) & (to_side >= 2))


def corridor() -> Terrain:
    """A chamber and a room that meet at a corner of both, by 2 cells."""
    chamber = rectangle(11, 30, 13, 30) & (X + 11 >= Y) & (X - 13 <= Y)
    return Terrain(chamber | rectangle(1, 12, 1, 12))


def diagonal() -> Terrain:
    """A winding strip, 15 wide, from the lower left to the upper right."""
    along, across = X + Y + 1, X - Y
    middle = 3 * np.sin(np.pi * along / SIDE)
    return Terrain(rectangle(1, 30, 1, 30) & (np.abs(across - middle) <= 15 / np.sqrt(2)))


def ravine() -> Terrain:
    """Low ground below a plateau, with a cliff between them and a way around at each side."""
    low, sides = rectangle(0, 31, 5, 11), rectangle(0, 3, 5, 20) | rectangle(28, 31, 5, 20)
    ramps = rectangle(4, 6, 14, 18) | rectangle(25, 27, 14, 18)
    walkable = low | sides | ramps | rectangle(7, 24, 14, 20)
    return Terrain(walkable, walkable | rectangle(4, 27, 12, 13))


def tee() -> Terrain:
    """A bar at the top and a stem of two cells below its middle."""
    return Terrain(rectangle(0, 31, 29, 31) | rectangle(15, 16, 0, 31))


def ring() -> Terrain:
    """The outer cells around a blocked rectangle."""
    return Terrain(~rectangle(7, 24, 4, 27))


def rim() -> Terrain:
    """The outer cells and a court of 12 x 12 cells behind a wall with a gate in each side."""
    wall = rectangle(7, 24, 7, 24) & ~rectangle(10, 21, 10, 21)
    gates = rectangle(14, 17, 7, 24) | rectangle(7, 24, 14, 17)
    return Terrain(~(wall & ~gates))


MAKERS: dict[str, Callable[[], Terrain]] = {
    "band": band,
    "open": whole,
    "octagon": octagon,
    "house": house,
    "box": box,
    "corridor": corridor,
    "diagonal": diagonal,
    "ravine": ravine,
    "tee": tee,
    "ring": ring,
    "rim": rim,
}
TERRAINS: dict[str, Terrain] = {name: make() for name, make in MAKERS.items()}
