"""Combat dynamics: eight game loops of targeting, movement, attacks and healing per step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from graphmarl.envs.skirmish.movement import Movement
from graphmarl.envs.skirmish.state import NOBODY, Field, above, at_most
from graphmarl.envs.skirmish.targets import Rule, least
from graphmarl.envs.skirmish.unit_stats import Army
from graphmarl.envs.skirmish.units import LOOPS_PER_SECOND
from graphmarl.envs.skirmish.volley import Volley

LOOPS = 8
SECONDS = 1 / LOOPS_PER_SECOND
SHIELD_RATE, ZERG_RATE, ENERGY_RATE = 2.0, 0.2734, 0.5625
ENERGY, FIRST_ENERGY, ENERGY_PER_HP = 200.0, 50.0, 0.33


Errand = Literal["point", "foe", "stay"]


@dataclass
class Orders:
    """Orders of the commanded units, the first n slots, for one step, `(n, B)` each.

    Args:
        target: slot to attack or heal, or `NOBODY`.
        x, y: point to move to.
        walks: 1 for units that move to their point.
    """

    target: Tensor
    x: Tensor
    y: Tensor
    walks: Tensor


def late(drawn: Tensor) -> Tensor:
    """Random weapon delay after a shot, -1/16 to 2/16 seconds, from draws in [0, 1)."""
    return (3 * drawn - 1) * SECONDS


class Combat:
    """Combat dynamics of two armies.

    Args:
        army: properties of the units.
        commanded: number of first slots that receive orders; the others follow the game's AI.
        walkable: `(32, 32)`, cells [x, y] of ground units.
        passable: `(32, 32)`, cells of units that walk over cliffs.
        goal: destination of the game's AI without a target: `point` is the goal of the state,
            `foe` the nearest enemy, `stay` none.
        threat: distance subtracted for enemies that target the unit itself, in cells.
    """

    def __init__(
        self,
        army: Army,
        commanded: int,
        walkable: np.ndarray,
        passable: np.ndarray,
        goal: Errand = "point",
        threat: float = 1.0,
    ) -> None:
        self.army, self.commanded, self.goal = army, commanded, goal
        everyone = slice(0, len(army))
        free = slice(commanded, len(army))
        foes = slice(0, army.num_allies) if commanded == army.num_allies else everyone
        self.free = free
        self.rule = Rule(army, free, foes, threat)
        self.movement = Movement(army, walkable, passable)
        self.volley = Volley(army)
        self.reach = army.reach.flatten()
        self.armed = army.column(lambda unit: unit.damage > 0)
        self.charge = ENERGY_RATE * SECONDS * (army.heals > 0)
        self.healing = bool((army.heals > 0).any())
        self.can = army.can.flatten()
        self.recovers = bool((army.shield > 0).any())
        self.grows = bool((army.zerg > 0).any())

    def step(self, field: Field, orders: Orders | None, delay: Tensor) -> Field:
        """Advance the state by half a second.

        Args:
            field: state before the step; its tensors are not modified.
            orders: orders of the commanded units; None without any.
            delay: additional weapon delay of each unit after a shot, in seconds, `(N, B)`.
        """
        field = Field(**vars(field))
        shot = torch.full_like(field.target, NOBODY)
        for _ in range(LOOPS):
            shot = self._loop(field, orders, delay, shot)
        alive = field.alive
        held = field.grudge[: self.commanded]
        field.grudge = torch.cat([held, self.rule.resent(field, shot, alive)])
        return field

    def _loop(self, field: Field, orders: Orders | None, delay: Tensor, shot: Tensor) -> Tensor:
        alive = field.alive
        chosen = self.rule.choose(field, alive)
        if orders is not None:
            lives = alive.gather(0, orders.target.clamp(0)) > 0
            given = torch.where(lives, orders.target, NOBODY)
            chosen = torch.cat([given, chosen])
        field.target = chosen
        aim, has = chosen.clamp(0), (chosen != NOBODY).float()
        reach = self.reach.take(self.army.row + aim)
        walks = self._walk(field, orders, aim, has, reach, alive)
        self.movement.separate(field, walks, alive)
        near = self._near(field, aim, reach) * has * alive
        field.cooldown = field.cooldown - SECONDS
        # A weapon fires in the loop nearest to its ready time; the remainder is carried over.
        idle = at_most(field.cooldown, -SECONDS / 2)
        field.cooldown = field.cooldown * (1 - idle)
        usable = self.can.take(self.army.row + aim)
        fires = near * at_most(field.cooldown, SECONDS / 2) * self.armed * usable
        self.volley.strike(field, aim, fires, alive)
        field.cooldown = field.cooldown + fires * (self.army.period + delay)
        self._recover(field, aim, near * usable)
        return torch.where(fires > 0, aim, shot)

    def _walk(
        self,
        field: Field,
        orders: Orders | None,
        aim: Tensor,
        has: Tensor,
        reach: Tensor,
        alive: Tensor,
    ) -> Tensor:
        """Move units towards their targets or points; returns 1 for moving units."""
        x, y = field.x.gather(0, aim), field.y.gather(0, aim)
        near = self._near(field, aim, reach)
        to_x, to_y, walks = self._errand(field, alive)
        if orders is not None:
            to_x, to_y = torch.cat([orders.x, to_x]), torch.cat([orders.y, to_y])
            walks = torch.cat([orders.walks, walks])
        walks = torch.lerp(walks, 1 - near, has) * alive
        self.movement.walk(field, torch.lerp(to_x, x, has), torch.lerp(to_y, y, has), walks)
        return walks

    def _errand(self, field: Field, alive: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Destinations of the game's AI for units without a target."""
        x, y, grudge = field.x, field.y, field.grudge[self.free]
        other = grudge.clamp(0)
        angry = (grudge != NOBODY).float() * alive.gather(0, other)
        angry = angry * self.can.take(self.army.row[self.free] + other)
        to_x, to_y = field.goal_x.expand_as(angry), field.goal_y.expand_as(angry)
        if self.goal == "foe":
            gaps = self.rule.gaps(field, alive, self.rule.hostile)
            nearest = least(gaps, self.rule.column)[0].clamp(0)
            to_x, to_y = x.gather(0, nearest), y.gather(0, nearest)
        to_x = torch.lerp(to_x, x.gather(0, other), angry)
        to_y = torch.lerp(to_y, y.gather(0, other), angry)
        return to_x, to_y, angry if self.goal == "stay" else torch.ones_like(angry)

    @staticmethod
    def _near(field: Field, aim: Tensor, reach: Tensor) -> Tensor:
        dx, dy = field.x.gather(0, aim) - field.x, field.y.gather(0, aim) - field.y
        return at_most(torch.addcmul(dx * dx, dy, dy), reach.square())

    def _recover(self, field: Field, aim: Tensor, near: Tensor) -> None:
        """Apply healing and the regeneration of shields, zerg health and energy."""
        army, alive = self.army, field.alive
        if self.healing:
            most = torch.minimum(army.heals * SECONDS, field.energy / ENERGY_PER_HP)
            given = most * near * alive * alive.gather(0, aim)
            total = torch.zeros_like(given).scatter_add_(0, aim, given)
            taken = torch.minimum(total, army.hp - field.health)
            field.health = field.health + taken
            used = given * (taken / total.clamp(min=1e-6)).gather(0, aim)
            energy = field.energy - used * ENERGY_PER_HP + self.charge
            field.energy = energy.clamp_(0.0, ENERGY)
        if self.recovers:
            field.quiet = (field.quiet - SECONDS).clamp_(min=0.0)
            grown = field.shield + SHIELD_RATE * SECONDS * (1 - above(field.quiet, 0.0)) * alive
            field.shield = torch.minimum(grown, torch.maximum(army.shield, field.shield))
        if self.grows:
            grown = field.health + ZERG_RATE * SECONDS * army.zerg * alive
            field.health = torch.minimum(grown, torch.maximum(army.hp, field.health))
