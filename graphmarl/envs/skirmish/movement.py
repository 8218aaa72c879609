"""How units walk, and keep apart."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from graphmarl.envs.skirmish.paths import Paths
from graphmarl.envs.skirmish.state import Field
from graphmarl.envs.skirmish.unit_stats import Army
from graphmarl.envs.skirmish.units import LOOPS_PER_SECOND

SIZE = 32
PASSES, SHARE = 3, 0.35
EDGE = 1e-3
# Multiples of this have the same sum in any order, so that copies do not change each other.
GRAIN = 2.0**-16


class Movement:
    """Walking on a map of 32 x 32 cells.

    A centre that would enter a blocked cell stays out of it, along x and y one after the other,
    so that units slide along walls. Then those of a plane that are too near push each other apart,
    in three passes, by 0.35 of the overlap each. Who stands and fights hand to hand makes way for
    those alone who do so too, so that a few can hold a pass; what cannot walk is not pushed.

    Args:
        army: the constants of the units.
        walkable: `(32, 32)`, cells [x, y] of ground units.
        passable: the same of those that walk over cliffs.
    """

    def __init__(self, army: Army, walkable: np.ndarray, passable: np.ndarray) -> None:
        self.army = army
        grids = np.stack([walkable, passable, np.ones_like(walkable)])
        self.grids = torch.from_numpy(grids).to(army.device, torch.float32).flatten()
        plane = torch.where(army.air > 0, 2.0, army.cliffs)
        self.offset = plane.long() * SIZE**2
        self.stride = army.speed / LOOPS_PER_SECOND
        self.apart = army.apart.unsqueeze(2)
        self.paths = Paths(walkable, army.device)
        self.walker = (plane == 0).float()
        self.yields = (army.speed > 0).float()
        self.melee = (army.range < 1).float()

    def free(self, x: Tensor, y: Tensor) -> Tensor:
        """1 where the cell may be entered by the unit of that row."""
        cell = x.long() * SIZE + y.long() + self.offset
        return self.grids.take(cell)

    def walk(self, field: Field, to_x: Tensor, to_y: Tensor, walks: Tensor) -> None:
        """Go towards a point, not past it, if `walks` is 1; then keep apart."""
        if not self.paths.convex:
            by_x, by_y = self.paths.toward(field.x, field.y, to_x, to_y)
            to_x = torch.lerp(to_x, by_x, self.walker)
            to_y = torch.lerp(to_y, by_y, self.walker)
        dx, dy = to_x - field.x, to_y - field.y
        distance = torch.addcmul(dx * dx, dy, dy).sqrt_().clamp_(min=1e-6)
        share = (self.stride / distance).clamp_(max=1.0).mul_(walks)
        self._enter(field, torch.addcmul(field.x, dx, share), torch.addcmul(field.y, dy, share))

    def separate(self, field: Field, walks: Tensor, alive: Tensor) -> None:
        """Push apart those that are too near; `walks` is 1 for who is on its way."""
        both = self.apart * alive.unsqueeze(0)
        firm = self.melee * (1 - walks)
        share = SHARE / GRAIN * (1 + firm - firm.unsqueeze(1))
        x, y, yields = field.x, field.y, GRAIN * alive * self.yields
        for _ in range(PASSES):
            dx, dy = x.unsqueeze(1) - x, y.unsqueeze(1) - y
            distance = torch.addcmul(dx * dx, dy, dy).sqrt_()
            push = (both - distance).clamp_(min=0.0).div_(distance.clamp_(min=1e-6)).mul_(share)
            x = torch.addcmul(x, dx.mul_(push).round_().sum(1), yields)
            y = torch.addcmul(y, dy.mul_(push).round_().sum(1), yields)
        self._enter(field, x, y)

    def _enter(self, field: Field, x: Tensor, y: Tensor) -> None:
        x, y = x.clamp(EDGE, SIZE - EDGE), y.clamp(EDGE, SIZE - EDGE)
        x = torch.lerp(field.x, x, self.free(x, field.y))
        field.y = torch.lerp(field.y, y, self.free(x, y))
        field.x = x


def moved_into(grid: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Whether the cells of these points lie in the map and are free by `grid`, `(32, 32)`."""
    inside = (x >= 0) & (x < SIZE) & (y >= 0) & (y < SIZE)
    cell = x.long().clamp(0, SIZE - 1) * SIZE + y.long().clamp(0, SIZE - 1)
    return inside & grid.flatten().take(cell)
