"""Target selection of the game's AI."""

from __future__ import annotations

import torch
from torch import Tensor

from graphmarl.envs.skirmish.state import NO_UNIT, CombatState, above, at_most, same
from graphmarl.envs.skirmish.unit_stats import UnitStats

FAR = 1e3
SLOP = 1.0
ENERGY_TO_START = 5.0
CALL = 5.0


class TargetRule:
    """Target selection of units without orders, an approximation of the game's AI.

    A unit keeps its target while it is alive and in range, or at most 1 beyond. Otherwise it
    selects the nearest enemy that it can hit within its acquisition range; `threat` is subtracted
    from the distance of enemies that target the unit itself. Healers select the ally with the
    lowest share of health. A unit without a target moves towards an enemy that hit it, or an ally
    within 5, in an earlier step, if it can hit that enemy.

    Args:
        stats: properties of the units.
        rows: slots that follow this rule.
        others: slots that can be their targets.
        threat: distance subtracted for enemies that target the unit, in cells.
    """

    def __init__(self, stats: UnitStats, rows: slice, others: slice, threat: float) -> None:
        self.stats, self.rows, self.others, self.threat = stats, rows, others, threat
        here = (rows, others)
        self.first = stats.slot[others][0, 0]
        self.bodies = stats.bodies[here].unsqueeze(2)
        self.can = stats.can[here].unsqueeze(2) * (1 - stats.heals[rows]).clamp(0).unsqueeze(2)
        self.hostile = stats.foes[here].unsqueeze(2)
        self.base = FAR - self.bodies
        self.notice = stats.notice[rows].unsqueeze(2)
        # Immobile units and units that walk over cliffs do not follow beyond their range.
        slop = stats.column(lambda unit: SLOP * (unit.speed > 0 and not unit.cliffs))
        self.keep = (stats.range + slop)[rows]
        self.own = stats.slot[rows].unsqueeze(2)
        self.column = stats.slot[others].float()
        healers = stats.rows(lambda unit: unit.heals > 0)
        start, stop, _ = rows.indices(len(stats))
        self.healers = healers[(healers >= start) & (healers < stop)]
        self.helps = stats.can[self.healers].unsqueeze(2)
        self.friends = 1 - stats.foes[rows, rows].unsqueeze(2)

    def gaps(self, state: CombatState, alive: Tensor, which: Tensor) -> Tensor:
        """Distances from edge to edge, plus FAR where the other is dead or `which` is 0."""
        dx = state.x[self.others] - state.x[self.rows].unsqueeze(1)
        dy = state.y[self.others] - state.y[self.rows].unsqueeze(1)
        distance = torch.addcmul(dx * dx, dy, dy).sqrt_()
        return distance.add_(torch.addcmul(self.base, which, alive[self.others], value=-FAR))

    def choose(self, state: CombatState, alive: Tensor) -> Tensor:
        """Target of each slot that follows the rule, or `NO_UNIT`."""
        gap, held = self.gaps(state, alive, self.can), state.target[self.rows]
        score = gap + above(gap, self.notice) * FAR
        if self.threat:
            mine = same(state.target[self.others].unsqueeze(0), self.own, gap)
            score = score.sub_(mine, alpha=self.threat)
        found, _ = least(score, self.column)
        at = (held - self.first).clamp(0, len(self.column) - 1).unsqueeze(1)
        kept = (gap.gather(1, at).squeeze(1) <= self.keep) & (held >= self.first)
        kept &= held < self.first + len(self.column)
        chosen = torch.where(kept, held, found)
        if len(self.healers):
            chosen = chosen.index_copy(0, self.healers - self.own[0, 0], self.heal(state, alive))
        return chosen

    def heal(self, state: CombatState, alive: Tensor) -> Tensor:
        """Target of each healer; starting takes more energy than continuing."""
        stats, healers = self.stats, self.healers
        share = state.health / stats.hp
        hurt = alive * above(share.neg(), -1.0)
        dx, dy = state.x - state.x[healers].unsqueeze(1), state.y - state.y[healers].unsqueeze(1)
        gap = torch.addcmul(dx * dx, dy, dy).sqrt_() - stats.bodies[healers].unsqueeze(2)
        good = self.helps * hurt * at_most(gap, stats.notice[healers].unsqueeze(2))
        score = share + 1e-4 * gap + (1 - good) * FAR
        found, some = least(score, stats.slot)
        held = state.target[healers]
        going = good.gather(1, held.clamp(0).unsqueeze(1)).squeeze(1) > 0
        going &= (held != NO_UNIT) & (state.energy[healers] > 0)
        starts = some & (state.energy[healers] >= ENERGY_TO_START)
        return torch.where(going, held, torch.where(starts, found, NO_UNIT))

    def resent(self, state: CombatState, shot: Tensor, alive: Tensor) -> Tensor:
        """Update the attackers that units retaliate against: those that hit them or a near ally.

        Args:
            state: state after the step.
            shot: slot that each unit attacked in the step, or `NO_UNIT`.
            alive: 1 for live units.
        """
        x, y = state.x[self.rows], state.y[self.rows]
        hit = same(shot[self.others].unsqueeze(0), self.own, x)
        striker = (self.column * hit + (1 - hit) * FAR).amin(1)
        dx, dy = x - x.unsqueeze(1), y - y.unsqueeze(1)
        near = at_most(torch.addcmul(dx * dx, dy, dy), CALL**2) * self.friends
        call = (striker + (1 - near) * FAR).amin(1)
        call = torch.where(striker < FAR, striker, call)
        held = state.grudge[self.rows]
        attacker_alive = (alive.gather(0, held.clamp(0)) > 0) & (held != NO_UNIT)
        found = torch.where(call < FAR, call.long(), NO_UNIT)
        return torch.where(attacker_alive, held, found)


def least(score: Tensor, slot: Tensor) -> tuple[Tensor, Tensor]:
    """First slot with the lowest score, or `NO_UNIT` if all are excluded, and whether it exists.

    Several times faster than `argmin` over an axis that is not the last.

    Args:
        score: `(row, slot, B)`; FAR is added to excluded ones.
        slot: `(slot, 1)`, slot numbers.
    """
    best = score.amin(1, keepdim=True)
    some = best.squeeze(1) < FAR / 2
    # The slot where the score is the lowest, FAR elsewhere.
    first = (at_most(score, best) * (slot - FAR)).add_(FAR).amin(1).long()
    return torch.where(some, first, NO_UNIT), some
