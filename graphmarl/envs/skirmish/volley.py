"""Damage of the attacks of one game loop."""

from __future__ import annotations

import torch
from torch import Tensor

from graphmarl.envs.skirmish.state import CombatState, above, at_most
from graphmarl.envs.skirmish.unit_stats import UnitStats

SHIELD_WAIT = 10.0
LEAST = 0.5
BURST, ACROSS, ALONG, ARC = 2.2, 1.25, 0.15, 2.0


class Volley:
    """Simultaneous damage of all attacks of a loop, including splash.

    Shields absorb damage first, without armour; the rest is reduced by the armour for each hit, to
    at least 0.5 per hit. In a volley with hits of different strength, shields absorb the same share
    of each.

    Args:
        stats: properties of the units.
    """

    def __init__(self, stats: UnitStats) -> None:
        self.stats = stats
        self.hurts = stats.hurts.flatten()
        self.radius = stats.radius.unsqueeze(0)
        self.single = stats.column(lambda unit: unit.splash == "")
        self.lines = stats.rows(lambda unit: unit.splash == "line")
        self.arcs = stats.rows(lambda unit: unit.splash == "arc")
        self.bombs = stats.rows(lambda unit: unit.splash == "burst")
        self.splashes = bool((self.single == 0).any())

    def strike(self, state: CombatState, aim: Tensor, fires: Tensor, alive: Tensor) -> None:
        """Apply all attacks of a loop with their splash damage.

        Args:
            state: combat state, whose health, shields and `quiet` are updated.
            aim: target slot of each unit; arbitrary where it does not fire.
            fires: 1 for units that fire.
            alive: 1 for live units before the attacks.
        """
        stats = self.stats
        direct = fires * self.single if self.splashes else fires
        power = torch.zeros_like(state.x).scatter_add_(
            0, aim, direct * self.hurts.take(stats.row + aim)
        )
        hits = torch.zeros_like(power).scatter_add_(0, aim, direct * stats.hits)
        for rows, area in ((self.lines, self.line), (self.arcs, self.arc)):
            if len(rows):
                self._spread(rows, area(state, aim, rows), fires, power, hits)
        if not len(self.bombs):
            return self._hurt(state, power, hits, alive)
        bursting = fires[self.bombs]
        waiting = alive[self.bombs]
        while True:
            self._spread(self.bombs, self.burst(state), bursting, power, hits, among=False)
            spent = torch.zeros_like(power).index_copy_(0, self.bombs, bursting)
            self._hurt(state, power, hits, alive)
            state.health = state.health * (1 - spent)
            state.shield = state.shield * (1 - spent)
            waiting = waiting * (1 - bursting)
            bursting = waiting * at_most(state.health[self.bombs], 0.0)
            if not bursting.any():
                return None
            power, hits = torch.zeros_like(power), torch.zeros_like(hits)
            alive = state.alive

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
        struck = struck * self.stats.can[rows].unsqueeze(2)
        power += (struck * self.stats.hurts[rows].unsqueeze(2)).sum(0)
        hits += (struck * self.stats.hits[rows].unsqueeze(2)).sum(0)

    def _hurt(self, state: CombatState, power: Tensor, hits: Tensor, alive: Tensor) -> None:
        absorbed = torch.minimum(state.shield, power)
        left = power - absorbed
        through = (hits * left / power.clamp(min=1e-6) - 1e-4).ceil_()
        loss = torch.maximum(LEAST * through, left - self.stats.armour * through)
        struck = above(power, 0.0) * alive
        state.shield = state.shield - absorbed * struck
        state.health = (state.health - loss * struck).clamp_(min=0.0)
        state.quiet = torch.maximum(state.quiet, SHIELD_WAIT * struck)

    def burst(self, state: CombatState) -> Tensor:
        """1 for units whose edge is within 2.2 of each bursting unit."""
        dx, dy = self._offsets(state, state.x[self.bombs], state.y[self.bombs])
        return at_most(torch.addcmul(dx * dx, dy, dy), (BURST + self.radius).square())

    def line(self, state: CombatState, aim: Tensor, rows: Tensor) -> Tensor:
        """1 for units on a short line across the line of fire, at the target."""
        to_x, to_y = state.x.gather(0, aim[rows]), state.y.gather(0, aim[rows])
        along, across = self._turned(state, to_x, to_y, rows, at_target=True)
        near = at_most(along.abs(), ALONG + self.radius)
        return near * at_most(across.abs(), ACROSS + self.radius)

    def arc(self, state: CombatState, aim: Tensor, rows: Tensor) -> Tensor:
        """1 for units within 2 and in front."""
        to_x, to_y = state.x.gather(0, aim[rows]), state.y.gather(0, aim[rows])
        along, across = self._turned(state, to_x, to_y, rows, at_target=False)
        far = (ARC + self.stats.bodies[rows].unsqueeze(2)).square()
        near = at_most(torch.addcmul(along * along, across, across), far)
        return near * (1 - above(along.neg_(), 0.0))

    @staticmethod
    def _offsets(state: CombatState, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        return state.x - x.unsqueeze(1), state.y - y.unsqueeze(1)

    def _turned(
        self, state: CombatState, to_x: Tensor, to_y: Tensor, rows: Tensor, at_target: bool
    ) -> tuple[Tensor, Tensor]:
        """Offsets of all units from target or attacker, along and across the line of fire."""
        x, y = state.x[rows], state.y[rows]
        ux, uy = to_x - x, to_y - y
        length = torch.hypot(ux, uy).clamp_(min=1e-6)
        ux, uy = (ux / length).unsqueeze(1), (uy / length).unsqueeze(1)
        dx, dy = self._offsets(state, to_x if at_target else x, to_y if at_target else y)
        return dx * ux + dy * uy, dy * ux - dx * uy
