"""Half a second of combat: eight loops of targets, steps, shots and healing."""

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
    """What the commanded units, the first n slots, are to do for one step, `(n, B)` each.

    Args:
        target: slot to attack or heal, or `NOBODY`.
        x, y: the point to go to.
        walks: 1 for those who go to their point.
    """

    target: Tensor
    x: Tensor
    y: Tensor
    walks: Tensor


def late(drawn: Tensor) -> Tensor:
    """Seconds that weapons wait longer after their shots, -1/16 to 2/16, from draws in [0, 1)."""
    return (3 * drawn - 1) * SECONDS


class Combat:
    """The rules of combat between two armies.

    Args:
        army: the constants of the units.
        commanded: how many of the first slots get orders; the others follow the game's rule.
        walkable: `(32, 32)`, cells [x, y] of ground units.
        passable: the same of those that walk over cliffs.
        goal: `point` for those who follow the rule to go to the field's goal, `foe` to the
            nearest foe, `stay` to wait.
        threat: how much nearer a foe counts that attacks oneself, in cells.
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
        """What half a second leaves of the field.

        Args:
            field: before; its tensors are not written into.
            orders: of the commanded; None if there are none.
            delay: seconds that each waits longer after its shot, `(N, B)`.
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
        # A weapon is ready in the nearest loop, and what is over is not lost.
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
        """Let all walk who are on their way; returns 1 for them."""
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
        """Where those go who follow the rule and have no target."""
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
        """Healing, and what shields, zerg and the energy of healers regain by themselves."""
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
