"""Rewards as functions of the engine's events."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from graphmarl.envs.magent.world import ATTACK, DEAD, HIT, HIT_OWN, KILL, KILL_OWN, WAS_HIT


@dataclass(frozen=True)
class Rewards:
    """Reward of the acting unit for each event.

    Args:
        step: for each step survived.
        attack: for each attack.
        hit: for a hit that does not kill.
        kill: for a hit that kills.
        dead: for the step of its death; it replaces all other rewards except those of hits earlier
            in the same step.
        hit_own: for a hit on its own kind.
        was_hit: for each non-lethal hit received.
    """

    step: float = 0.0
    attack: float = 0.0
    hit: float = 0.0
    kill: float = 0.0
    dead: float = 0.0
    hit_own: float = 0.0
    was_hit: float = 0.0

    def table(self, blank_only: bool = False) -> NDArray[np.float32]:
        """Reward of each sum of events; `blank_only` charges only attacks on empty cells."""
        events = np.arange(WAS_HIT)
        target = (events & (HIT | KILL | KILL_OWN | HIT_OWN)) > 0
        penalised = (events & ATTACK > 0) & ~(target & blank_only)
        alive = self.step + self.attack * penalised + self.kill * (events & KILL > 0)
        rule = self.hit * (events & HIT > 0) + self.hit_own * (events & HIT_OWN > 0)
        return (np.where(events & DEAD > 0, self.dead, alive) + rule).astype(np.float32)

    def pay(self, table: NDArray[np.float32], events: NDArray[np.int64]) -> NDArray[np.float32]:
        """Rewards of units from their events; `events // WAS_HIT` counts the hits received."""
        paid = table[events % WAS_HIT]
        if self.was_hit:
            paid += np.float32(self.was_hit) * (events // WAS_HIT).astype(np.float32)
        return paid
