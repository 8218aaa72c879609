"""Vehicle parameters as tensors."""

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
    """Indices at which a mask is true."""
    return mask.nonzero().squeeze(1)


class VehicleParams(NamedTuple):
    """Parameters of some vehicles, each a scalar for all of them or one value per vehicle.

    Args:
        length: length in metres.
        width: width in metres.
        max_acceleration: maximum acceleration in m/s^2.
        max_deceleration: maximum deceleration in m/s^2.
        usual_acceleration: comfortable acceleration in m/s^2.
        usual_deceleration: comfortable deceleration in m/s^2.
        min_gap: gap to the leader at standstill, in metres.
        max_speed: maximum speed in m/s.
        headway_time: time headway to the leader, in seconds.
        sight: look-ahead distance in metres, v^2 / 2d + 2 v dt at the maximum speed.
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


class VehicleTable:
    """Lookup table of vehicle parameters by trip.

    Args:
        numbers: parameters of every kind, in the order of `VehicleKind`.
        of_trip: kind of each trip.
    """

    def __init__(self, numbers: Float[Tensor, "kinds 9"], of_trip: Int[Tensor, " trips"]) -> None:
        fastest, brakes = numbers[:, 7], numbers[:, 5]
        sight = fastest * fastest / brakes / 2 + fastest * 2
        self._table = torch.cat([numbers, sight.unsqueeze(1)], 1)
        self._of_trip = of_trip
        # Scalars make every operation cheaper than one value per vehicle.
        self._uniform = VehicleParams(*self._table[0].unbind(0)) if len(numbers) == 1 else None

    @no_type_check
    def of(self, trip: Tensor, rows: Tensor | None = None) -> VehicleParams:
        """Parameters of the vehicles of these trips, or of some rows among them."""
        if self._uniform is not None:
            return self._uniform
        kind = pick(self._of_trip, trip if rows is None else pick(trip, rows))
        return VehicleParams(*pick(self._table, kind).unbind(1))
