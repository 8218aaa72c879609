"""Right of way at the conflict points of crossing lane links."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from graphmarl.envs.traffic.fleet import Fleet
from graphmarl.envs.traffic.network import Network
from graphmarl.envs.traffic.speeds import can_yield, reach_seconds
from graphmarl.envs.traffic.vehicle_params import VehicleTable, pick, where_true

FREE = 2**62


class Approach(NamedTuple):
    """Vehicles at lane links: just beyond, on, or before a link.

    Of two vehicles on one link, the one farther ahead comes first.

    Args:
        row: row of each vehicle in the fleet.
        link: lane link.
        position: position of the front along the link; negative before it.
        rear: position of the rear; the vehicle claims conflict points not yet passed by it.
        claims: number of vehicles, from the first, that claim conflict points.
        requests: whether the vehicle requests to pass its next conflict points.
    """

    row: Int[Tensor, " n"]
    link: Int[Tensor, " n"]
    position: Float[Tensor, " n"]
    rear: Float[Tensor, " claims"]
    claims: int
    requests: Bool[Tensor, " n"]


class Yielding(NamedTuple):
    """Vehicles that yield at a conflict point.

    Args:
        row: row of each yielding vehicle, at most once.
        blocker: row of the vehicle to which it yields.
        distance: distance to the conflict point, in metres.
    """

    row: Int[Tensor, " n"]
    blocker: Int[Tensor, " n"]
    distance: Float[Tensor, " n"]


def in_cycle(blocker: Int[Tensor, " n"], start: Int[Tensor, " m"]) -> Bool[Tensor, " m"]:
    """Whether the chain of blockers from each start runs into a cycle."""
    blocked, end = int((blocker >= 0).sum()), len(blocker)
    jump = torch.cat([blocker, blocker.new_full((1,), end)])
    jump = torch.where(jump < 0, end, jump)
    hops = 1
    while hops <= blocked and bool((pick(jump, start) < end).any()):
        jump, hops = pick(jump, jump), hops * 2
    return pick(jump, start) < end


class Conflicts:
    """Right of way at conflict points, in CityFlow's order of rules.

    At most one vehicle of each lane link claims a conflict point: the first on its link whose rear
    has not passed the point. A requesting vehicle may pass if no vehicle of the other link claims
    the point, or if it cannot stop any more. It yields if the other cannot stop. Otherwise it
    passes if its rank (straight, left, right) is higher or it reaches the point sooner; equal ranks
    and times are decided by the earlier entry to the link, then the distance, then the priority. A
    vehicle that would yield to a cycle of yielding vehicles passes, which resolves the deadlock.

    Args:
        network: road network with its conflict points.
        copies: copies of the network.
    """

    def __init__(self, network: Network, copies: int) -> None:
        self.network = network
        self._points = len(network.cross_at)
        self._claimed = network.cross_other.new_full((copies * self._points,), FREE)

    def waiting(
        self, fleet: Fleet, kinds: VehicleTable, priority: Int[Tensor, " trips"], approach: Approach
    ) -> Yielding:
        """Requesting vehicles that must yield, each at its first blocked conflict point."""
        network = self.network
        count = pick(network.cross_count, approach.link)
        ends = count.cumsum(0)
        total = int(ends[-1]) if len(ends) else 0
        claimed = int(ends[approach.claims - 1]) if approach.claims else 0
        number = torch.repeat_interleave(count, output_size=total)
        shift = pick(network.cross_start, approach.link) - ends + count
        point = torch.arange(total, device=count.device) + pick(shift, number)
        at = pick(network.cross_at, point)
        ahead = at - pick(approach.position, number)
        first_point = pick(fleet.copy, approach.row) * self._points
        spot = point + pick(first_point, number)
        covers = where_true(at[:claimed] >= pick(approach.rear, number[:claimed]))
        kept = where_true((ahead >= 0) & pick(approach.requests, number))
        crossing = pick(network.cross_other, pick(point, kept))
        other = crossing + pick(spot, kept) - pick(point, kept)
        foe = self._first_claims(pick(spot, covers), pick(number, covers), other)
        known = where_true(foe < FREE)
        pairs = pick(number, pick(kept, known)), pick(foe, known)
        behind = pick(network.cross_at, pick(crossing, known)) - pick(approach.position, pairs[1])
        distances = pick(ahead, pick(kept, known)), behind
        return self._settle(fleet, kinds, priority, approach, pairs, distances)

    def _first_claims(
        self, spot: Int[Tensor, " claims"], number: Int[Tensor, " claims"], other: Int[Tensor, " n"]
    ) -> Int[Tensor, " n"]:
        """The first vehicle that claims each opposite conflict point, or FREE."""
        self._claimed.scatter_reduce_(0, spot, number, "amin")
        foe = pick(self._claimed, other)
        self._claimed.index_fill_(0, spot, FREE)
        return foe

    def _settle(
        self,
        fleet: Fleet,
        kinds: VehicleTable,
        priority: Int[Tensor, " trips"],
        approach: Approach,
        pairs: tuple[Int[Tensor, " n"], Int[Tensor, " n"]],
        distances: tuple[Float[Tensor, " n"], Float[Tensor, " n"]],
    ) -> Yielding:
        """Pairs (requesting, claiming) in which the requesting vehicle must yield."""
        both = torch.cat(pairs)
        rows, number = pick(approach.row, both), pairs[0]
        row, other = rows.chunk(2)
        distance, goes = distances[0], torch.zeros_like(number, dtype=torch.bool)
        if len(number):
            link = pick(approach.link, both)
            goes = self._goes(fleet, kinds, priority, rows, torch.cat(distances), link)
        if len(number) and bool((pick(fleet.blocker, other) >= 0).any()):
            goes = goes | in_cycle(fleet.blocker, other)
        stops = where_true(~goes)
        number = pick(number, stops)
        first = torch.ones_like(number, dtype=torch.bool)
        first[1:] = number[1:] != number[:-1]
        stops = pick(stops, where_true(first))
        return Yielding(pick(row, stops), pick(other, stops), pick(distance, stops))

    def _goes(
        self,
        fleet: Fleet,
        kinds: VehicleTable,
        priority: Int[Tensor, " trips"],
        rows: Int[Tensor, " both"],
        distance: Float[Tensor, " both"],
        link: Int[Tensor, " both"],
    ) -> Bool[Tensor, " n"]:
        """Whether vehicles of the first half go before those of the second, cycles aside."""
        trip, speed = pick(fleet.trip, rows), pick(fleet.speed, rows)
        params = kinds.of(trip)
        can = can_yield(distance, speed, params.max_deceleration, params.length)
        turn = pick(self.network.turn_speed, link)
        target = torch.where(torch.isinf(turn), params.max_speed, turn)
        seconds = reach_seconds(distance, target, speed, params.usual_acceleration)
        rank = pick(self.network.rank, link)
        criteria = (seconds, pick(fleet.entered, rows), distance, -pick(priority, trip))
        (own_can, foe_can), (own, foe) = can.chunk(2), rank.chunk(2)
        sooner = torch.where(own == foe, _before(*criteria), _before(seconds))
        # If it can yield although its front has passed the point, its rear has passed it too.
        left = distance.chunk(2)[1] <= 0
        return ~own_can | (foe_can & ((own > foe) | sooner | left))


def _before(*criteria: Tensor) -> Bool[Tensor, " n"]:
    """Whether the first of each pair is smaller in the first criterion in which they differ."""
    first, second = criteria[0].chunk(2)
    if len(criteria) == 1:
        return first < second
    return torch.where(first == second, _before(*criteria[1:]), first < second)
