"""Observation windows of units, and densities of units over the map."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphmarl.envs.magent.world import World

CHANNELS = 5


def circle(radius: float | int, centre: bool = True) -> NDArray[np.int64]:
    """Offsets (dx, dy) within a radius, row by row as the engine numbers moves and attacks."""
    reach = np.arange(-int(radius), int(radius) + 1)
    dy, dx = np.meshgrid(reach, reach, indexing="ij")
    inside = (dx**2 + dy**2 <= radius**2 + 1e-8) & (centre | (dx != 0) | (dy != 0))
    return np.stack((dx[inside], dy[inside]), 1)


def circle_runs(radius: int) -> list[tuple[slice, slice]]:
    """Slice of each row of the circle in the flat window, and in the flat circle."""
    runs, start, width = [], 0, 2 * radius + 1
    for row in range(-radius, radius + 1):
        reach = int((radius**2 - row**2) ** 0.5 + 1e-8)
        first, count = (row + radius) * width + radius - reach, (2 * reach + 1) * CHANNELS
        seen = slice(first * CHANNELS, first * CHANNELS + count)
        runs.append((seen, slice(start, start + count)))
        start += count
    return runs


class CircleView:
    """Observations of a group: the cells of a circular view, then the own position.

    For each cell, row by row: wall, own kind, its hit points, other kind, its hit points.

    Args:
        world: grid world to observe.
        group: index of the observing group.
    """

    def __init__(self, world: World, group: int) -> None:
        radius = world.units[group].view_radius
        self.world, self.group, self.runs = world, group, circle_runs(radius)
        self.scratch = np.empty((0, 0), np.float32)

    def write(self, obs: NDArray[np.float32]) -> None:
        """Write the group's observations; those of dead units are zeros."""
        world, group = self.world, self.group
        slots = world.slots[group]
        complete = len(slots) == len(obs)
        if self.scratch.shape != obs.shape:
            self.scratch = np.empty_like(obs)
        # Assigning run by run to scattered rows is slow: gather first, scatter once.
        target = obs if complete else self.scratch[: len(slots)]
        if len(slots):
            window = world.view(group).reshape(len(slots), -1)
            for seen, part in self.runs:
                target[:, part] = window[:, seen]
            place = world.position[group][slots]
            np.divide(place, world.size, out=target[:, -2:], dtype=np.float32)
        if not complete:
            obs[~world.alive[group]] = 0
            obs[slots] = target


class Density:
    """Densities over square blocks of a map: sums per block divided by its cells.

    Args:
        size: cells along a side of the map.
        blocks: blocks along a side.
    """

    def __init__(self, size: int, blocks: int) -> None:
        self.size, self.blocks, self.area = size, blocks, (size / blocks) ** 2

    def block(self, cells: NDArray[Any]) -> NDArray[Any]:
        """Index of the block of each cell."""
        place = cells * self.blocks // self.size
        return place[:, 1] * self.blocks + place[:, 0]

    def of(self, block: NDArray[Any], weight: NDArray[Any] | None = None) -> NDArray[Any]:
        """Density per block of objects that lie in the given blocks."""
        return np.bincount(block, weight, self.blocks**2) / self.area
