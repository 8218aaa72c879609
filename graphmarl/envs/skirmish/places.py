"""Where the units of a map start."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from graphmarl.envs.skirmish.terrain import SIDE

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Place:
    """Units that start together, around one point that is drawn for each episode.

    Args:
        boxes: lowest x, highest x, lowest y and highest y of each. A box is drawn, each as likely
            as another, then a point in it.
        allies: their slots.
        enemies: their slots, counted from 0 as well.

    Raises:
        ValueError: no box, one that is none, or one outside the map.
    """

    boxes: tuple[Box, ...]
    allies: tuple[int, ...] = ()
    enemies: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not self.boxes:
            raise ValueError("a place has no box to start in")
        for box in self.boxes:
            x_low, x_high, y_low, y_high = box
            if not (0 <= x_low <= x_high <= SIDE and 0 <= y_low <= y_high <= SIDE):
                raise ValueError(
                    f"a place is the box {box}; it must be (lowest x, highest x, lowest y, "
                    f"highest y) within 0 and {SIDE}"
                )

    def touches(self, walkable: np.ndarray) -> bool:
        """Whether each box has a cell that is walkable."""
        for box in self.boxes:
            x_low, x_high, y_low, y_high = (min(int(bound), SIDE - 1) for bound in box)
            if not walkable[x_low : x_high + 1, y_low : y_high + 1].any():
                return False
        return True


def point(x: float, y: float) -> Box:
    """The box that is one point."""
    return x, x, y, y
