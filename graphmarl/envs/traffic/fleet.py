"""Vehicles of all copies, sorted by drivable and position."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import no_type_check

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from graphmarl.envs.traffic.network import Network
from graphmarl.envs.traffic.vehicle_params import VehicleTable, pick, where_true

NO_VEHICLE = -1
NEVER = 2**31 - 1


@dataclass
class Fleet:
    """Vehicles in the network, one row each, sorted by copy and drivable in order of arrival.

    The leader of a vehicle is the row before it, except for the first vehicle of a drivable.

    Args:
        way: index of the current drivable in the concatenated paths.
        place: current drivable.
        previous: previous drivable; NOBODY at the start.
        copy: copy of the network.
        trip: index among the trips of all copies.
        entered: tick at which the vehicle entered this lane link; NEVER on lanes.
        blocker: row of the vehicle to which it yielded in the last second, or NOBODY.
        distance: distance of the front from the start of the drivable, in metres.
        speed: speed in m/s.
    """

    way: Int[Tensor, " n"]
    place: Int[Tensor, " n"]
    previous: Int[Tensor, " n"]
    copy: Int[Tensor, " n"]
    trip: Int[Tensor, " n"]
    entered: Int[Tensor, " n"]
    blocker: Int[Tensor, " n"]
    distance: Float[Tensor, " n"]
    speed: Float[Tensor, " n"]

    @no_type_check
    def __len__(self) -> int:
        return self.way.shape[0]

    @classmethod
    def empty(cls, device: torch.device, dtype: torch.dtype) -> Fleet:
        """A fleet without vehicles."""
        whole = torch.zeros(0, dtype=torch.long, device=device)
        real = torch.zeros(0, dtype=dtype, device=device)
        return cls(*[whole] * 7, *[real] * 2)

    @classmethod
    def beginning(
        cls,
        way: Int[Tensor, " n"],
        place: Int[Tensor, " n"],
        copy: Int[Tensor, " n"],
        trip: Int[Tensor, " n"],
        dtype: torch.dtype,
    ) -> Fleet:
        """Vehicles at rest at the start of their first lane."""
        none, still = torch.full_like(way, NO_VEHICLE), torch.zeros_like(way, dtype=dtype)
        not_entered = torch.full_like(way, NEVER)
        return cls(way, place, none, copy, trip, not_entered, none, still, still)

    def state(self) -> dict[str, Tensor]:
        """Columns as tensors, by name."""
        return {field.name: getattr(self, field.name).clone() for field in fields(self)}

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor], device: torch.device) -> Fleet:
        """Rebuild from the result of `state`."""
        return cls(**{name: value.clone().to(device) for name, value in state.items()})

    def join(self, other: Fleet) -> Fleet:
        """Append the rows of another fleet."""
        names = [field.name for field in fields(self)]
        return Fleet(*(torch.cat([getattr(self, name), getattr(other, name)]) for name in names))

    def keep(self, order: Int[Tensor, " m"]) -> Fleet:
        """Select rows in the given order; removed vehicles are cleared from `blocker`."""
        rank = torch.full((len(self) + 1,), NO_VEHICLE, device=order.device)
        rank[order] = torch.arange(len(order), device=order.device)
        blocker = pick(self.blocker, order)
        # The last entry of `rank` maps NOBODY to NOBODY.
        blocker = pick(rank, torch.where(blocker < 0, len(self), blocker))
        return Fleet(
            pick(self.way, order),
            pick(self.place, order),
            pick(self.previous, order),
            pick(self.copy, order),
            pick(self.trip, order),
            pick(self.entered, order),
            blocker,
            pick(self.distance, order),
            pick(self.speed, order),
        )


def standing_order(
    spot: Int[Tensor, " n"],
    distance: Float[Tensor, " n"],
    moved: Int[Tensor, " m"],
    gone: Bool[Tensor, " n"],
) -> Int[Tensor, " k"]:
    """Rows of the remaining vehicles, sorted by spot and, on a spot, by order of arrival.

    Args:
        spot: drivable of each row, offset by copy.
        distance: distance along the drivable, in metres.
        moved: rows that entered another drivable in this second; they follow the earlier ones,
            sorted by decreasing distance.
        gone: rows that have left the network.
    """
    key = (spot << 33) + torch.arange(len(spot), device=spot.device)
    # Non-negative single-precision numbers have the order of their bits.
    bits = pick(distance, moved).float().view(torch.int32)
    key.scatter_(0, moved, (pick(spot, moved) << 33) + (2**33 - 1 - bits.long()))
    key.masked_fill_(gone, 2**63 - 1)
    return key.argsort()[: len(spot) - int(gone.sum())]


@dataclass
class Lineup:
    """Order and leaders of the vehicles.

    Args:
        base: first spot of each vehicle's copy; a spot is a drivable offset by copy.
        spot: spot of each vehicle.
        first: rows of the first vehicles on their drivables.
        is_last: whether each vehicle is the last on its drivable.
        last: row of the last vehicle on each spot, or NOBODY.
        leader: row of each vehicle's leader, or NOBODY.
        gap: distance to the leader, in metres; undefined without one.
    """

    base: Int[Tensor, " n"]
    spot: Int[Tensor, " n"]
    first: Int[Tensor, " m"]
    is_last: Bool[Tensor, " n"]
    last: Int[Tensor, " spots"]
    leader: Int[Tensor, " n"]
    gap: Float[Tensor, " n"]


def line_up(
    fleet: Fleet,
    kinds: VehicleTable,
    network: Network,
    places: Int[Tensor, " places"],
    copies: int,
) -> Lineup:
    """Find the first and last vehicles of every drivable, and all leaders and gaps.

    Args:
        fleet: sorted vehicles.
        kinds: vehicle parameters.
        network: road network.
        places: drivables of all paths.
        copies: copies of the network.
    """
    stride, number, device = network.num_drivables + 1, len(fleet), fleet.way.device
    base = fleet.copy * stride
    spot = base + fleet.place
    begins = torch.ones(number + 1, dtype=torch.bool, device=device)
    if number > 1:
        torch.ne(spot[1:], spot[:-1], out=begins[1:number])
    is_last = begins[1:]
    last = torch.full((copies * stride,), NO_VEHICLE, device=device)
    rows = where_true(is_last)
    last[pick(spot, rows)] = rows
    leader = torch.arange(-1, number - 1, device=device)
    gap = torch.zeros_like(fleet.distance)
    if number > 1:
        rear = fleet.distance - kinds.of(fleet.trip).length
        torch.sub(rear[:-1], fleet.distance[1:], out=gap[1:])
    lineup = Lineup(base, spot, where_true(begins[:number]), is_last, last, leader, gap)
    look_ahead(lineup.first, lineup, fleet, kinds, network, places)
    return lineup


def look_ahead(
    rows: Int[Tensor, " m"],
    lineup: Lineup,
    fleet: Fleet,
    kinds: VehicleTable,
    network: Network,
    places: Int[Tensor, " places"],
) -> None:
    """Find the leaders of first vehicles: the last vehicle on a following drivable.

    Before a lane link, it is the nearest of the last vehicles on all links that leave the same
    lane. The search is limited by the look-ahead distance, but includes the next drivable.

    Args:
        rows: first vehicles on their drivables.
        lineup: order of the vehicles; `leader` and `gap` are updated.
        fleet: vehicles.
        kinds: vehicle parameters.
        network: road network.
        places: drivables of all paths.
    """
    lineup.leader[rows] = NO_VEHICLE
    way, base = pick(fleet.way, rows), pick(lineup.base, rows)
    sight = kinds.of(fleet.trip, rows).sight
    sight = sight.expand(len(rows)) if sight.dim() == 0 else sight
    far = pick(network.length, pick(fleet.place, rows)) - pick(fleet.distance, rows)
    while len(rows):
        way = way + 1
        place = pick(places, way)
        ahead = pick(network.ahead, place) + base.unsqueeze(1)
        other = pick(lineup.last, ahead.view(-1))
        there = other.clamp(min=0)
        front = (pick(fleet.distance, there).view_as(ahead) + far.unsqueeze(1)).view(-1)
        gap = front - kinds.of(fleet.trip, there).length
        gap, which = gap.masked_fill_(other < 0, torch.inf).view_as(ahead).min(1)
        leader = other.view_as(ahead).gather(1, which.unsqueeze(1)).squeeze(1)
        lineup.leader.scatter_(0, rows, leader)
        lineup.gap.scatter_(0, rows, gap)
        far = far + pick(network.length, place)
        # Beyond the end of a path the length is infinite.
        on = where_true((leader < 0) & (far <= sight))
        rows, way, base, far, sight = (pick(x, on) for x in (rows, way, base, far, sight))
