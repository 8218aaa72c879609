"""What vehicles are like, for rows of them at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import no_type_check

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


@dataclass(frozen=True)
class Traits:
    """The traits of some vehicles: metres, seconds, m/s and m/s^2.

    Each is one number for all of them where there is one kind only, else one for each.

    Args:
        table: the numbers of every kind, one tensor for each trait.
        kind: of each of these vehicles; None if there is one kind only.
    """

    table: tuple[Tensor, ...]
    kind: Int[Tensor, " n"] | None

    def _number(self, row: int) -> Tensor:
        return self.table[row] if self.kind is None else pick(self.table[row], self.kind)

    @property
    def length(self) -> Tensor:
        """Metres."""
        return self._number(0)

    @property
    def max_acceleration(self) -> Tensor:
        """The hardest, in m/s^2."""
        return self._number(2)

    @property
    def max_deceleration(self) -> Tensor:
        """The hardest, in m/s^2."""
        return self._number(3)

    @property
    def usual_acceleration(self) -> Tensor:
        """A comfortable one, in m/s^2."""
        return self._number(4)

    @property
    def usual_deceleration(self) -> Tensor:
        """A comfortable one, in m/s^2."""
        return self._number(5)

    @property
    def min_gap(self) -> Tensor:
        """Metres to the leader where both stand."""
        return self._number(6)

    @property
    def max_speed(self) -> Tensor:
        """Metres per second."""
        return self._number(7)

    @property
    def headway_time(self) -> Tensor:
        """Seconds behind the leader."""
        return self._number(8)

    @property
    def sight(self) -> Tensor:
        """How far ahead it looks, in metres: v^2 / 2d + 2 v dt at its highest speed."""
        return self._number(9)


class Kinds:
    """What the vehicles of all trips are like.

    Args:
        numbers: of every kind, in the order of `VehicleKind`.
        of_trip: the kind of each trip.
    """

    def __init__(self, numbers: Float[Tensor, "kinds 9"], of_trip: Int[Tensor, " trips"]) -> None:
        fastest, brakes = numbers[:, 7], numbers[:, 5]
        sight = fastest * fastest / brakes / 2 + fastest * 2
        table = torch.cat([numbers, sight.unsqueeze(1)], 1)
        self._uniform = len(table) == 1
        # A zero-dimensional tensor costs less in every operation than one number for each vehicle.
        self._table = (table[0] if self._uniform else table.t().contiguous()).unbind(0)
        self._of_trip = of_trip

    def of(self, trip: Int[Tensor, " trips"], rows: Int[Tensor, " n"] | None = None) -> Traits:
        """The traits of those with these trips, or of some rows among them."""
        if self._uniform:
            return Traits(self._table, None)
        return Traits(self._table, pick(self._of_trip, trip if rows is None else pick(trip, rows)))
