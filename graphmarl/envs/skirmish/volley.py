"""Damage of the attacks of one game loop."""

from __future__ import annotations

import torch
from torch import Tensor

from graphmarl.envs.skirmish.state import Field, above, at_most
from graphmarl.envs.skirmish.unit_stats import Army

SHIELD_WAIT = 10.0
LEAST = 0.5
BURST, ACROSS, ALONG, ARC = 2.2, 1.25, 0.15, 2.0


class Volley:
    """Simultaneous damage of all attacks of a loop, including splash.

    Shields absorb damage first, without armour; the rest is reduced by the armour for each hit, to
    at least 0.5 per hit. In a volley with hits of different strength, shields absorb the same share
    of each.

    Args:
        army: properties of the units.
    """

    def __init__(self, army: Army) -> None:
        self.army = army
        self.hurts = army.hurts.flatten()
        self.radius = army.radius.unsqueeze(0)
        self.single = army.column(lambda unit: unit.splash == "")
        self.lines = army.rows(lambda unit: unit.splash == "line")
        self.arcs = army.rows(lambda unit: unit.splash == "arc")
        self.bombs = army.rows(lambda unit: unit.splash == "burst")

    def strike(self, field: Field, aim: Tensor, fires: Tensor, alive: Tensor) -> None:
        """Apply all attacks of a loop with their splash damage.

        Args:
            field: combat state, whose health, shields and `quiet` are updated.
            aim: target slot of each unit; arbitrary where it does not fire.
            fires: 1 for units that fire.
            alive: 1 for live units before the attacks.
        """
        army = self.army
        direct = fires * self.single
        power = torch.zeros_like(field.x).scatter_add_(
            0, aim, direct * self.hurts.take(army.row + aim)
        )
        hits = torch.zeros_like(power).scatter_add_(0, aim, direct * army.hits)
        for rows, area in ((self.lines, self.line), (self.arcs, self.arc)):
            if len(rows):
                self._spread(rows, area(field, aim, rows), fires, power, hits)
        if not len(self.bombs):
            return self._hurt(field, power, hits, alive)
        bursting = fires[self.bombs]
        waiting = alive[self.bombs]
        while True:
            self._spread(self.bombs, self.burst(field), bursting, power, hits, among=False)
            spent = torch.zeros_like(power).index_copy_(0, self.bombs, bursting)
            self._hurt(field, power, hits, alive)
            field.health = field.health * (1 - spent)
            field.shield = field.shield * (1 - spent)
            waiting = waiting * (1 - bursting)
            bursting = waiting * at_most(field.health[self.bombs], 0.0)
            if not bursting.any():
                return None
            power, hits = torch.zeros_like(power), torch.zeros_like(hits)
            alive = field.alive

    def _spread(
        self,
        rows: Tensor,
        area: Tensor,
        fires: Tensor,
        power: Tensor,
        hits: Tensor,
        among: bool = True,
    ) -> None:
        struck = area * (fires[rows] if among else fires).unsqueeze(1)
        struck = struck * self.army.can[rows].unsqueeze(2)
        power += (struck * self.army.hurts[rows].unsqueeze(2)).sum(0)
        hits += (struck * self.army.hits[rows].unsqueeze(2)).sum(0)

    def _hurt(self, field: Field, power: Tensor, hits: Tensor, alive: Tensor) -> None:
        absorbed = torch.minimum(field.shield, power)
        left = power - absorbed
        through = (hits * left / power.clamp(min=1e-6) - 1e-4).ceil_()
        loss = torch.maximum(LEAST * through, left - self.army.armour * through)
        struck = above(power, 0.0) * alive
        field.shield = field.shield - absorbed * struck
        field.health = (field.health - loss * struck).clamp_(min=0.0)
        field.quiet = torch.maximum(field.quiet, SHIELD_WAIT * struck)

    def burst(self, field: Field) -> Tensor:
        """1 for units whose edge is within 2.2 of each bursting unit."""
        dx, dy = self._offsets(field, field.x[self.bombs], field.y[self.bombs])
        return at_most(torch.addcmul(dx * dx, dy, dy), (BURST + self.radius).square())

    def line(self, field: Field, aim: Tensor, rows: Tensor) -> Tensor:
        """1 for units on a short line across the line of fire, at the target."""
        to_x, to_y = field.x.gather(0, aim[rows]), field.y.gather(0, aim[rows])
        along, across = self._turned(field, to_x, to_y, rows, at_target=True)
        near = at_most(along.abs(), ALONG + self.radius)
        return near * at_most(across.abs(), ACROSS + self.radius)

    def arc(self, field: Field, aim: Tensor, rows: Tensor) -> Tensor:
        """1 for units within 2 and in front."""
        to_x, to_y = field.x.gather(0, aim[rows]), field.y.gather(0, aim[rows])
        along, across = self._turned(field, to_x, to_y, rows, at_target=False)
        far = (ARC + self.army.bodies[rows].unsqueeze(2)).square()
        near = at_most(torch.addcmul(along * along, across, across), far)
        return near * (1 - above(along.neg_(), 0.0))

    @staticmethod
    def _offsets(field: Field, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        return field.x - x.unsqueeze(1), field.y - y.unsqueeze(1)

    def _turned(
        self, field: Field, to_x: Tensor, to_y: Tensor, rows: Tensor, at_target: bool
    ) -> tuple[Tensor, Tensor]:
        """Offsets of all units from target or attacker, along and across the line of fire."""
        x, y = field.x[rows], field.y[rows]
        ux, uy = to_x - x, to_y - y
        length = torch.hypot(ux, uy).clamp_(min=1e-6)
        ux, uy = (ux / length).unsqueeze(1), (uy / length).unsqueeze(1)
        dx, dy = self._offsets(field, to_x if at_target else x, to_y if at_target else y)
        return dx * ux + dy * uy, dy * ux - dx * uy
