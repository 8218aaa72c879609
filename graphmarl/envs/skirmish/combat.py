"""Combat dynamics: eight game loops of targeting, movement, attacks and healing per step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from graphmarl.envs.skirmish.movement import Movement
from graphmarl.envs.skirmish.state import NO_UNIT, CombatState, above, at_most
from graphmarl.envs.skirmish.targets import TargetRule, least
from graphmarl.envs.skirmish.unit_stats import UnitStats
from graphmarl.envs.skirmish.units import LOOPS_PER_SECOND
from graphmarl.envs.skirmish.volley import Volley
from graphmarl.ranges import NonNegativeFloat

LOOPS = 8
SECONDS = 1 / LOOPS_PER_SECOND
SHIELD_RATE, ZERG_RATE, ENERGY_RATE = 2.0, 0.2734, 0.5625
ENERGY, FIRST_ENERGY, ENERGY_PER_HP = 200.0, 50.0, 0.33


DefaultGoal = Literal["point", "foe", "stay"]


@dataclass
class Orders:
    """Orders of the commanded units, the first n slots, for one step, `(n, B)` each.

    Args:
        target: slot to attack or heal, or `NO_UNIT`.
        x, y: point to move to.
        walks: 1 for units that move to their point.
    """

    target: Tensor
    x: Tensor
    y: Tensor
    walks: Tensor


@dataclass
class Plan:
    """What does not change within a step.

    Args:
        orders: orders of the commanded units; None without any.
        ordered: targets of the orders, 0 where there is none.
        attacker: slot that each free unit may retaliate against.
        resents: 1 for free units that have one and can hit it.
        reload: seconds between two shots of each unit.
    """

    orders: Orders | None
    ordered: Tensor | None
    attacker: Tensor
    resents: Tensor
    reload: Tensor


def late(drawn: Tensor) -> Tensor:
    """Random weapon delay after a shot, -1/16 to 2/16 seconds, from draws in [0, 1)."""
    return (3 * drawn - 1) * SECONDS


class Combat:
    """Combat dynamics of two armies.

    Args:
        stats: properties of the units.
        commanded: number of first slots that receive orders; the others follow the game's AI.
        walkable: `(32, 32)`, cells [x, y] of ground units.
        passable: `(32, 32)`, cells of units that walk over cliffs.
        goal: destination of the game's AI without a target: `point` is the goal of the state,
            `foe` the nearest enemy, `stay` none.
        threat: distance subtracted for enemies that target the unit itself, in cells.
    """

    def __init__(
        self,
        stats: UnitStats,
        commanded: int,
        walkable: np.ndarray,
        passable: np.ndarray,
        goal: DefaultGoal = "point",
        threat: NonNegativeFloat = 1.0,
    ) -> None:
        self.stats, self.commanded, self.goal = stats, commanded, goal
        all_units = slice(0, len(stats))
        free = slice(commanded, len(stats))
        foes = slice(0, stats.num_allies) if commanded == stats.num_allies else all_units
        self.free = free
        self.rule = TargetRule(stats, free, foes, threat)
        self.movement = Movement(stats, walkable, passable)
        self.volley = Volley(stats)
        self.squared_reach = stats.reach.square().flatten()
        armed = stats.column(lambda unit: unit.damage > 0)
        self.charge = ENERGY_RATE * SECONDS * (stats.heals > 0)
        self.healing = bool((stats.heals > 0).any())
        self.can, self.hits = stats.can.flatten(), (stats.can * armed).flatten()
        self.recovers = bool((stats.shield > 0).any())
        self.grows = bool((stats.zerg > 0).any())

    def step(self, state: CombatState, orders: Orders | None, delay: Tensor) -> CombatState:
        """Advance the state by half a second.

        Args:
            state: state before the step; its tensors are not modified.
            orders: orders of the commanded units; None without any.
            delay: additional weapon delay of each unit after a shot, in seconds, `(N, B)`.
        """
        state = CombatState(**vars(state))
        plan = self._plan(state, orders, delay)
        shot = torch.full_like(state.target, NO_UNIT)
        for _ in range(LOOPS):
            shot = self._loop(state, plan, shot)
        alive = state.alive
        held = state.grudge[: self.commanded]
        state.grudge = torch.cat([held, self.rule.resent(state, shot, alive)])
        return state

    def _plan(self, state: CombatState, orders: Orders | None, delay: Tensor) -> Plan:
        grudge = state.grudge[self.free]
        attacker = grudge.clamp(0)
        resents = (grudge != NO_UNIT).float()
        resents = resents * self.can.take(self.stats.row[self.free] + attacker)
        ordered = None if orders is None else orders.target.clamp(0)
        return Plan(orders, ordered, attacker, resents, self.stats.period + delay)

    def _loop(self, state: CombatState, plan: Plan, shot: Tensor) -> Tensor:
        alive = state.alive
        chosen = self.rule.choose(state, alive)
        if plan.orders is not None and plan.ordered is not None:
            target_alive = alive.gather(0, plan.ordered) > 0
            given = torch.where(target_alive, plan.orders.target, NO_UNIT)
            chosen = torch.cat([given, chosen])
        state.target = chosen
        aim, has = chosen.clamp(0), (chosen != NO_UNIT).float()
        pair = self.stats.row + aim
        reach = self.squared_reach.take(pair)
        walks = self._walk(state, plan, aim, has, reach, alive)
        self.movement.separate(state, walks, alive)
        near = self._near(state, state.x.gather(0, aim), state.y.gather(0, aim), reach)
        near = near * has * alive
        state.cooldown = state.cooldown - SECONDS
        # A weapon fires in the loop nearest to its ready time; the remainder is carried over.
        idle = at_most(state.cooldown, -SECONDS / 2)
        state.cooldown = state.cooldown * (1 - idle)
        fires = near * at_most(state.cooldown, SECONDS / 2) * self.hits.take(pair)
        self.volley.strike(state, aim, fires, alive)
        state.cooldown = torch.addcmul(state.cooldown, fires, plan.reload)
        if self.healing:
            self._heal(state, aim, near * self.can.take(pair))
        self._recover(state)
        return torch.where(fires > 0, aim, shot)

    def _walk(
        self,
        state: CombatState,
        plan: Plan,
        aim: Tensor,
        has: Tensor,
        reach: Tensor,
        alive: Tensor,
    ) -> Tensor:
        """Move units towards their targets or points; returns 1 for moving units."""
        x, y = state.x.gather(0, aim), state.y.gather(0, aim)
        near = self._near(state, x, y, reach)
        to_x, to_y, walks = self._errand(state, plan, alive)
        orders = plan.orders
        if orders is not None:
            to_x, to_y = torch.cat([orders.x, to_x]), torch.cat([orders.y, to_y])
            walks = torch.cat([orders.walks, walks])
        walks = torch.lerp(walks, 1 - near, has) * alive
        self.movement.walk(state, torch.lerp(to_x, x, has), torch.lerp(to_y, y, has), walks)
        return walks

    def _errand(
        self, state: CombatState, plan: Plan, alive: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Destinations of the game's AI for units without a target."""
        x, y = state.x, state.y
        retaliates = plan.resents * alive.gather(0, plan.attacker)
        to_x, to_y = state.goal_x.expand_as(retaliates), state.goal_y.expand_as(retaliates)
        if self.goal == "foe":
            gaps = self.rule.gaps(state, alive, self.rule.hostile)
            nearest = least(gaps, self.rule.column)[0].clamp(0)
            to_x, to_y = x.gather(0, nearest), y.gather(0, nearest)
        to_x = torch.lerp(to_x, x.gather(0, plan.attacker), retaliates)
        to_y = torch.lerp(to_y, y.gather(0, plan.attacker), retaliates)
        return to_x, to_y, retaliates if self.goal == "stay" else torch.ones_like(retaliates)

    @staticmethod
    def _near(state: CombatState, x: Tensor, y: Tensor, squared_reach: Tensor) -> Tensor:
        dx, dy = x - state.x, y - state.y
        return at_most(torch.addcmul(dx * dx, dy, dy), squared_reach)

    def _heal(self, state: CombatState, aim: Tensor, near: Tensor) -> None:
        """Apply healing, which takes energy."""
        stats, alive = self.stats, state.alive
        most = torch.minimum(stats.heals * SECONDS, state.energy / ENERGY_PER_HP)
        given = most * near * alive * alive.gather(0, aim)
        total = torch.zeros_like(given).scatter_add_(0, aim, given)
        taken = torch.minimum(total, stats.hp - state.health)
        state.health = state.health + taken
        used = given * (taken / total.clamp(min=1e-6)).gather(0, aim)
        energy = state.energy - used * ENERGY_PER_HP + self.charge
        state.energy = energy.clamp_(0.0, ENERGY)

    def _recover(self, state: CombatState) -> None:
        """Apply the regeneration of shields and zerg health."""
        if not (self.recovers or self.grows):
            return
        stats, alive = self.stats, state.alive
        if self.recovers:
            state.quiet = (state.quiet - SECONDS).clamp_(min=0.0)
            grown = state.shield + SHIELD_RATE * SECONDS * (1 - above(state.quiet, 0.0)) * alive
            state.shield = torch.minimum(grown, torch.maximum(stats.shield, state.shield))
        if self.grows:
            grown = state.health + ZERG_RATE * SECONDS * stats.zerg * alive
            state.health = torch.minimum(grown, torch.maximum(stats.hp, state.health))
