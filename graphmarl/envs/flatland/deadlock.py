"""Deadlock detection."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from graphmarl.envs.flatland.rails import Rails


def deadlocked(
    rails: Rails, place: NDArray[np.integer], present: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Whether each train is deadlocked: all cells it could enter are held by deadlocked trains.

    Computed as the largest fixed point: all trains are in the set at first, and trains that could
    enter a free cell, or a cell whose train is not in the set, are removed until nothing changes.
    A closed ring of trains that follow one another is deadlocked.

    Args:
        rails: rail network.
        place: rail position (cell and direction) of each train.
        present: whether each train is on the rails; others occupy no cell.
    """
    none = len(place)
    holder = np.full(rails.cell[-1] + 1, none)
    holder[rails.cell[place[present]]] = present.nonzero()[0]
    following = rails.following[place]
    ahead = holder[rails.cell[following]]
    stuck = np.append(present & (rails.choices[place] > 0), False)
    nowhere = following == rails.size
    while True:
        still = stuck[:-1] & (stuck[ahead] | nowhere).all(1)
        if (still == stuck[:-1]).all():
            return still
        stuck[:-1] = still
