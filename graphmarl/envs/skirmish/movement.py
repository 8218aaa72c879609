"""Movement and collisions of units."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from graphmarl.envs.skirmish.paths import Paths
from graphmarl.envs.skirmish.state import CombatState
from graphmarl.envs.skirmish.unit_stats import UnitStats
from graphmarl.envs.skirmish.units import LOOPS_PER_SECOND

SIZE = 32
PASSES, SHARE = 3, 0.35
EDGE = 1e-3
# Sums of multiples of this are exact, so results do not depend on the number of copies.
GRAIN = 2.0**-16


class Movement:
    """Movement and collisions on a map of 32 x 32 cells.

    A centre does not enter blocked cells, checked along x and then y, so that units slide along
    walls. Then overlapping units of a plane push each other apart in three passes, by 0.35 of the
    overlap each. Stationary melee units are pushed by other stationary melee units only, so that a
    few can block a passage; immobile units are not pushed.

    Args:
        stats: properties of the units.
        walkable: `(32, 32)`, cells [x, y] of ground units.
        passable: `(32, 32)`, cells of units that walk over cliffs.
    """

    def __init__(self, stats: UnitStats, walkable: np.ndarray, passable: np.ndarray) -> None:
        self.stats = stats
        grids = np.stack([walkable, passable, np.ones_like(walkable)])
        self.grids = torch.from_numpy(grids).to(stats.device, torch.float32).flatten()
        plane = torch.where(stats.air > 0, 2.0, stats.cliffs)
        self.offset = plane.long() * SIZE**2
        self.stride = stats.speed / LOOPS_PER_SECOND
        self.apart = stats.apart.unsqueeze(2)
        self.paths = Paths(walkable, stats.device)
        self.walker = (plane == 0).float()
        self.yields = GRAIN * (stats.speed > 0)
        self.melee = (stats.range < 1).float()
        self.blocks = bool(self.melee.any())

    def free(self, x: Tensor, y: Tensor) -> Tensor:
        """1 where the unit of the row may enter the cell."""
        cell = x.long() * SIZE + y.long() + self.offset
        return self.grids.take(cell)

    def walk(self, state: CombatState, to_x: Tensor, to_y: Tensor, walks: Tensor) -> None:
        """Move units with `walks` = 1 towards a point, at most up to it."""
        if not self.paths.convex:
            by_x, by_y = self.paths.toward(state.x, state.y, to_x, to_y)
            to_x = torch.lerp(to_x, by_x, self.walker)
            to_y = torch.lerp(to_y, by_y, self.walker)
        dx, dy = to_x - state.x, to_y - state.y
        distance = torch.addcmul(dx * dx, dy, dy).sqrt_().clamp_(min=1e-6)
        share = (self.stride / distance).clamp_(max=1.0).mul_(walks)
        self._enter(state, torch.addcmul(state.x, dx, share), torch.addcmul(state.y, dy, share))

    def separate(self, state: CombatState, walks: Tensor, alive: Tensor) -> None:
        """Push overlapping units apart; `walks` is 1 for moving units."""
        both = self.apart * alive.unsqueeze(0)
        share: float | Tensor = SHARE / GRAIN
        if self.blocks:
            firm = self.melee * (1 - walks)
            share = share * (1 + firm - firm.unsqueeze(1))
        x, y, yields = state.x, state.y, alive * self.yields
        for _ in range(PASSES):
            dx, dy = x.unsqueeze(1) - x, y.unsqueeze(1) - y
            distance = torch.addcmul(dx * dx, dy, dy).sqrt_()
            push = (both - distance).clamp_(min=0.0).div_(distance.clamp_(min=1e-6)).mul_(share)
            x = torch.addcmul(x, dx.mul_(push).round_().sum(1), yields)
            y = torch.addcmul(y, dy.mul_(push).round_().sum(1), yields)
        self._enter(state, x, y)

    def _enter(self, state: CombatState, x: Tensor, y: Tensor) -> None:
        x, y = x.clamp(EDGE, SIZE - EDGE), y.clamp(EDGE, SIZE - EDGE)
        x = torch.lerp(state.x, x, self.free(x, state.y))
        state.y = torch.lerp(state.y, y, self.free(x, y))
        state.x = x


def moved_into(grid: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Whether the cells of these points lie in the map and are free by `grid`, `(32, 32)`."""
    inside = (x >= 0) & (x < SIZE) & (y >= 0) & (y < SIZE)
    cell = x.long().clamp(0, SIZE - 1) * SIZE + y.long().clamp(0, SIZE - 1)
    return inside & grid.flatten().take(cell)
