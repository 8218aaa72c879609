"""What vehicles are like, for rows of them at once."""

from __future__ import annotations

from typing import NamedTuple, no_type_check

import torch
from jaxtyping import Float, Int
from torch import Tensor


@no_type_check
def pick(values: Tensor, index: Int[Tensor, " n"]) -> Tensor:
    """`values[index]`, several times faster on a CPU; indices must not be negative."""
    return values.index_select(0, index)


@no_type_check
def where_true(mask: Tensor) -> Int[Tensor, " n"]:
    """The indices at which a mask is true."""
    return mask.nonzero().squeeze(1)


class Traits(NamedTuple):
    """The traits of some vehicles, each one number for all of them, or one for each.

    Args:
        length: metres.
        width: metres.
        max_acceleration: the hardest, in m/s^2.
        max_deceleration: the hardest, in m/s^2.
        usual_acceleration: a comfortable one, in m/s^2.
        usual_deceleration: a comfortable one, in m/s^2.
        min_gap: metres to the leader where both stand.
        max_speed: in m/s.
        headway_time: seconds behind the leader.
        sight: how far ahead it looks, in metres: v^2 / 2d + 2 v dt at its highest speed.
    """

    length: Tensor
    width: Tensor
    max_acceleration: Tensor
    max_deceleration: Tensor
    usual_acceleration: Tensor
    usual_deceleration: Tensor
    min_gap: Tensor
    max_speed: Tensor
    headway_time: Tensor
    sight: Tensor


class Kinds:
    """What the vehicles of all trips are like.

    Args:
        numbers: of every kind, in the order of `VehicleKind`.
        of_trip: the kind of each trip.
    """

    def __init__(self, numbers: Float[Tensor, "kinds 9"], of_trip: Int[Tensor, " trips"]) -> None:
        fastest, brakes = numbers[:, 7], numbers[:, 5]
        sight = fastest * fastest / brakes / 2 + fastest * 2
        self._table = torch.cat([numbers, sight.unsqueeze(1)], 1)
        self._of_trip = of_trip
        # A zero-dimensional tensor costs less in every operation than one number for each vehicle.
        self._uniform = Traits(*self._table[0].unbind(0)) if len(numbers) == 1 else None

    @no_type_check
    def of(self, trip: Tensor, rows: Tensor | None = None) -> Traits:
        """The traits of those with these trips, or of some rows among them."""
        if self._uniform is not None:
            return self._uniform
        kind = pick(self._of_trip, trip if rows is None else pick(trip, rows))
        return Traits(*pick(self._table, kind).unbind(1))
