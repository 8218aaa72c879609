"""Trains that can never move again."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from graphmarl.envs.flatland.rails import Rails


def deadlocked(
    rails: Rails, place: NDArray[np.integer], present: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Trains all of whose ways are held by trains that can never move either.

    It is the largest such set: all trains begin in it, and who could go to a free cell, or to one
    that somebody may leave, is taken out until nothing changes. A closed ring of trains that
    follow one another is in it.

    Args:
        rails: the network.
        place: of each train.
        present: whether it is on the rails; all others hold no cell.
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
