"""Where the units are and how they fare, laid out for speed."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

NOBODY = -1


@dataclass
class Field:
    """The units of B copies, `(N, B)` each: the copy is last, so that sums over units are fast.

    Masks are floats, 0 or 1: choosing by truth values is several times slower than a product.

    Args:
        x, y: coordinates, in cells.
        health, shield, energy: what is left.
        cooldown: seconds until the weapon is ready.
        quiet: seconds until the shield begins to recover.
        target: slot of the one that the unit attacks or heals, or `NOBODY`.
        grudge: slot of the one who struck it or a friend, or `NOBODY`.
        goal_x, goal_y: `(B,)`, where those go that nobody commands.
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
        """1 for the living."""
        return above(self.health, 0.0)


def above(one: Tensor, other: Tensor | float) -> Tensor:
    """1.0 where one is greater than the other."""
    return torch.gt(one, other, out=_room(one, other))


def at_most(one: Tensor, other: Tensor | float) -> Tensor:
    """1.0 where one is not greater than the other."""
    return torch.le(one, other, out=_room(one, other))


def same(one: Tensor, other: Tensor, like: Tensor) -> Tensor:
    """1.0 where both are equal, in the number type of `like`."""
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
