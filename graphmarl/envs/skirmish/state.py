"""Combat state of all units, with a memory layout for speed."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

NO_UNIT = -1


@dataclass
class CombatState:
    """Units of B copies, `(N, B)` each; copies are last, so that sums over units are fast.

    Masks are floats, 0 or 1, as products are several times faster than boolean selection.

    Args:
        x, y: coordinates, in cells.
        health, shield, energy: current values.
        cooldown: seconds until the weapon is ready.
        quiet: seconds until the shield begins to regenerate.
        target: slot that the unit attacks or heals, or `NO_UNIT`.
        grudge: slot of the attacker that hit the unit or a nearby ally, or `NO_UNIT`.
        goal_x, goal_y: `(B,)`, destination of units that follow the game's AI.
    """

    x: Tensor
    y: Tensor
    health: Tensor
    shield: Tensor
    energy: Tensor
    cooldown: Tensor
    quiet: Tensor
    target: Tensor
    grudge: Tensor
    goal_x: Tensor
    goal_y: Tensor

    @property
    def alive(self) -> Tensor:
        """1 for live units."""
        return above(self.health, 0.0)


def above(one: Tensor, other: Tensor | float) -> Tensor:
    """1.0 where `one` > `other`, else 0.0."""
    return torch.gt(one, other, out=_room(one, other))


def at_most(one: Tensor, other: Tensor | float) -> Tensor:
    """1.0 where `one` <= `other`, else 0.0."""
    return torch.le(one, other, out=_room(one, other))


def same(one: Tensor, other: Tensor, like: Tensor) -> Tensor:
    """1.0 where both are equal, else 0.0, with the dtype of `like`."""
    return torch.eq(one, other, out=like.new_empty(_shape(one, other)))


def _room(one: Tensor, other: Tensor | float) -> Tensor:
    if isinstance(other, Tensor):
        return one.new_empty(_shape(one, other))
    return torch.empty_like(one)


def _shape(one: Tensor, other: Tensor) -> list[int]:
    # torch.broadcast_shapes takes longer than the comparison.
    few, many = sorted((one.shape, other.shape), key=len)
    few = (1,) * (len(many) - len(few)) + tuple(few)
    return [max(pair) for pair in zip(few, many, strict=True)]
