"""The vehicles in the network, of all copies, in the order in which they stand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import torch
from jaxtyping import Float, Int
from torch import Tensor

NOBODY = -1
NEVER = 2**31 - 1


def pick(values: Tensor, index: Int[Tensor, " n"]) -> Tensor:
    """`values[index]`, several times faster on a CPU; indices must not be negative."""
    return values.index_select(0, index)


def where_true(mask: Tensor) -> Int[Tensor, " n"]:
    """The indices at which a mask is true."""
    return mask.nonzero().squeeze(1)


@dataclass
class Fleet:
    """One row for each vehicle in the network, sorted by copy and drivable, the first one first.

    Who is first on a drivable is who came first. The row before is the leader, except for the
    first vehicle of a drivable.

    Args:
        way: where it is among the places of all ways.
        place: the drivable where it is.
        previous: the drivable from which it came; NOBODY at the start.
        copy: the copy to which it belongs.
        trip: its number among the trips of all copies.
        entered: the tick at which it came to this lane link; NEVER on lanes.
        blocker: row of the vehicle to which it yielded in the last second, or NOBODY.
        leader: row of its leader, or NOBODY.
        distance: of its front from the start of the drivable, in metres.
        speed: in m/s.
        gap: to the leader, in metres; means nothing without one.
    """

    way: Int[Tensor, " n"]
    place: Int[Tensor, " n"]
    previous: Int[Tensor, " n"]
    copy: Int[Tensor, " n"]
    trip: Int[Tensor, " n"]
    entered: Int[Tensor, " n"]
    blocker: Int[Tensor, " n"]
    leader: Int[Tensor, " n"]
    distance: Float[Tensor, " n"]
    speed: Float[Tensor, " n"]
    gap: Float[Tensor, " n"]

    def __len__(self) -> int:
        return len(self.way)

    @classmethod
    def empty(cls, device: torch.device, dtype: torch.dtype) -> Fleet:
        """Nobody."""
        whole = torch.zeros(0, dtype=torch.long, device=device)
        real = torch.zeros(0, dtype=dtype, device=device)
        return cls(*[whole] * 8, *[real] * 3)

    def state(self) -> dict[str, Tensor]:
        """As tensors."""
        return {field.name: getattr(self, field.name).clone() for field in fields(self)}

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor], device: torch.device) -> Fleet:
        """What `state` gave."""
        return cls(**{name: value.clone().to(device) for name, value in state.items()})

    def join(self, other: Fleet) -> Fleet:
        """With others in the last rows."""
        pairs = [
            (getattr(self, field.name), getattr(other, field.name)) for field in fields(self)
        ]
        return Fleet(*(torch.cat(pair) for pair in pairs))

    def reorder(self, order: Int[Tensor, " m"]) -> Fleet:
        """Only these rows, in this order; who is gone blocks and leads nobody."""
        rank = torch.full((len(self) + 1,), NOBODY, device=order.device)
        rank[order] = torch.arange(len(order), device=order.device)
        chosen = {field.name: pick(getattr(self, field.name), order) for field in fields(self)}
        for name in ("blocker", "leader"):
            # NOBODY is -1: it reads the last entry of rank, which is NOBODY too.
            chosen[name] = pick(rank, chosen[name] % len(rank))
        return Fleet(**chosen)


def standing_order(
    place: Int[Tensor, " n"],
    distance: Float[Tensor, " n"],
    moved: Int[Tensor, " m"],
    stays: Tensor,
) -> Int[Tensor, " k"]:
    """The rows that stay, by place; within it first those who were there, in their order.

    Args:
        place: of each row, with its copy.
        distance: in metres.
        moved: rows that came to another place in this second; they follow the others, the one that
            got farthest first.
        stays: which rows there are still; all if None.
    """
    rank = torch.arange(len(place), device=place.device)
    # Positive single-precision numbers are ordered like their bits.
    bits = pick(distance, moved).float().view(torch.int32).long()
    rank[moved] = 2**33 - 1 - bits
    key = (place << 33) + rank
    if stays is None:
        return key.argsort()
    kept = where_true(stays)
    return pick(kept, pick(key, kept).argsort())


@dataclass(frozen=True)
class Kinds:
    """What vehicles are like.

    Args:
        table: the numbers of every kind, in the order of `VehicleKind`, `(9, kinds)`.
        of_trip: kind of each trip.
    """

    table: Float[Tensor, "numbers kinds"]
    of_trip: Int[Tensor, " trips"]

    def _number(self, row: int, trip: Int[Tensor, " n"]) -> Tensor:
        if self.table.shape[1] == 1:
            return self.table[row, 0]
        return pick(self.table[row], pick(self.of_trip, trip))

    def length(self, trip: Int[Tensor, " n"]) -> Tensor:
        """Metres."""
        return self._number(0, trip)

    def max_acceleration(self, trip: Int[Tensor, " n"]) -> Tensor:
        """Metres per second squared."""
        return self._number(2, trip)

    def max_deceleration(self, trip: Int[Tensor, " n"]) -> Tensor:
        """Metres per second squared."""
        return self._number(3, trip)

    def usual_acceleration(self, trip: Int[Tensor, " n"]) -> Tensor:
        """Metres per second squared."""
        return self._number(4, trip)

    def usual_deceleration(self, trip: Int[Tensor, " n"]) -> Tensor:
        """Metres per second squared."""
        return self._number(5, trip)

    def min_gap(self, trip: Int[Tensor, " n"]) -> Tensor:
        """Metres."""
        return self._number(6, trip)

    def max_speed(self, trip: Int[Tensor, " n"]) -> Tensor:
        """Metres per second."""
        return self._number(7, trip)

    def headway_time(self, trip: Int[Tensor, " n"]) -> Tensor:
        """Seconds."""
        return self._number(8, trip)

    def sight(self, trip: Int[Tensor, " n"]) -> Tensor:
        """How far ahead a vehicle looks, in metres: v^2 / 2d + 2 v dt at its highest speed."""
        fastest = self.max_speed(trip)
        return fastest * fastest / self.usual_deceleration(trip) / 2 + fastest * 2
