"""Who has to wait for whom where lane links cross."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from graphmarl.envs.traffic.fleet import NOBODY, Fleet, Kinds, pick, where_true
from graphmarl.envs.traffic.network import Network
from graphmarl.envs.traffic.speeds import TURN_SPEED, can_yield, reach_seconds

FREE = 2**62


class Claims(NamedTuple):
    """Vehicles that are on a lane link, have just left it, or are the next to enter it at green.

    Sorted so that of two vehicles on one link the one farther ahead comes first.

    Args:
        row: of the vehicle.
        link: lane link.
        position: of its front along the link: negative before it, more than its length beyond.
        rear: of its rear end.
    """

    row: Int[Tensor, " n"]
    link: Int[Tensor, " n"]
    position: Float[Tensor, " n"]
    rear: Float[Tensor, " n"]


class Pairs(NamedTuple):
    """Vehicles, each with every conflict point of its lane link.

    Args:
        vehicle: number among the vehicles.
        crossing: number of the conflict point, as a part of that link.
    """

    vehicle: Int[Tensor, " pairs"]
    crossing: Int[Tensor, " pairs"]


class Waiting(NamedTuple):
    """Vehicles that yield.

    Args:
        index: of each of them among those who asked, each at most once.
        blocker: row of the vehicle to which it yields.
        distance: to the conflict point, in metres.
    """

    index: Int[Tensor, " n"]
    blocker: Int[Tensor, " n"]
    distance: Float[Tensor, " n"]


def pair_up(network: Network, link: Int[Tensor, " n"]) -> Pairs:
    """Every conflict point of each link, in the order along it."""
    count = pick(network.cross_count, link)
    end = count.cumsum(0)
    total = int(end[-1]) if len(end) else 0
    vehicle = torch.repeat_interleave(count, output_size=total)
    shift = pick(network.cross_start, link) - end + count
    return Pairs(vehicle, torch.arange(total, device=link.device) + pick(shift, vehicle))


def endless(blocker: Int[Tensor, " n"], start: Int[Tensor, " m"]) -> Bool[Tensor, " m"]:
    """Whether the chain of blockers from each start never ends: it leads into a circle."""
    blocked = int((blocker >= 0).sum())
    nobody = len(blocker)
    jump = torch.cat([blocker, blocker.new_full((1,), nobody)])
    jump = torch.where(jump < 0, nobody, jump)
    hops = 1
    while hops <= blocked and bool((pick(jump, start) < nobody).any()):
        jump = pick(jump, jump)
        hops *= 2
    return pick(jump, start) < nobody


class Conflicts:
    """Right of way at conflict points, in CityFlow's order of rules.

    At each conflict point at most one vehicle of either lane link is known: the first on its link
    whose rear end has not passed the point. One that asks may pass if nobody of the other link is known there, or if
    it cannot stop any more. It waits if the other cannot stop. Else the higher rank goes first
    (straight, left, right); a lower or equal rank may still go before one that takes more seconds to
    the point, and at equal ranks the earlier on its link, then the nearer, then the priority decides.
    One that has to wait for a circle of waiting vehicles goes, or nobody would.

    Args:
        network: with its conflict points.
        copies: of the network.
    """

    def __init__(self, network: Network, copies: int) -> None:
        self.network = network
        self._points = len(network.cross_at)
        self._claimed = network.cross_other.new_full((copies * self._points,), FREE)

    def waiting(
        self,
        fleet: Fleet,
        kinds: Kinds,
        priority: Int[Tensor, " trips"],
        claims: Claims,
        asks: Claims,
    ) -> Waiting:
        """Which of those who ask have to wait, each at the first such point before it."""
        near = pair_up(self.network, asks.link)
        ahead = pick(self.network.cross_at, near.crossing) - pick(asks.position, near.vehicle)
        foe, crossing = self._foes(fleet, claims, asks, near)
        kept = where_true((foe < FREE) & (ahead >= 0))
        foe, crossing, ahead = pick(foe, kept), pick(crossing, kept), pick(ahead, kept)
        index = pick(near.vehicle, kept)
        row, other = pick(asks.row, index), pick(claims.row, foe)
        behind = pick(self.network.cross_at, crossing) - pick(claims.position, foe)
        links = pick(asks.link, index), pick(claims.link, foe)
        goes = self._goes(fleet, kinds, priority, (row, other), (ahead, behind), links)
        stops = where_true(~goes)
        index, other, ahead = pick(index, stops), pick(other, stops), pick(ahead, stops)
        if len(index) and bool((pick(fleet.blocker, other) >= 0).any()):
            held = where_true(~endless(fleet.blocker, other))
            index, other, ahead = pick(index, held), pick(other, held), pick(ahead, held)
        first = torch.ones_like(index, dtype=torch.bool)
        first[1:] = index[1:] != index[:-1]
        first = where_true(first)
        return Waiting(pick(index, first), pick(other, first), pick(ahead, first))

    def _foes(
        self, fleet: Fleet, claims: Claims, asks: Claims, near: Pairs
    ) -> tuple[Int[Tensor, " pairs"], Int[Tensor, " pairs"]]:
        """The claim on the other link at each point, or FREE; and the point as part of that link."""
        claim, point = pair_up(self.network, claims.link)
        covers = pick(claims.rear, claim) <= pick(self.network.cross_at, point)
        covers = where_true(covers)
        claim, point = pick(claim, covers), pick(point, covers)
        point = point + pick(fleet.copy, pick(claims.row, claim)) * self._points
        self._claimed.scatter_reduce_(0, point, claim, "amin")
        crossing = pick(self.network.cross_other, near.crossing)
        copy = pick(pick(fleet.copy, asks.row), near.vehicle)
        foe = pick(self._claimed, crossing + copy * self._points)
        self._claimed.index_fill_(0, point, FREE)
        return foe, crossing

    def _goes(
        self,
        fleet: Fleet,
        kinds: Kinds,
        priority: Int[Tensor, " trips"],
        rows: tuple[Int[Tensor, " n"], Int[Tensor, " n"]],
        distances: tuple[Float[Tensor, " n"], Float[Tensor, " n"]],
        links: tuple[Int[Tensor, " n"], Int[Tensor, " n"]],
    ) -> Bool[Tensor, " n"]:
        """Whether the first of each pair may go, circles aside."""
        can, seconds, since, rank, late = [], [], [], [], []
        for row, distance, link in zip(rows, distances, links, strict=True):
            trip, speed = pick(fleet.trip, row), pick(fleet.speed, row)
            length, brakes = kinds.length(trip), kinds.max_deceleration(trip)
            can.append(can_yield(distance, speed, brakes, length))
            fastest = kinds.max_speed(trip).to(speed)
            target = torch.where(pick(self.network.turn, link), TURN_SPEED, fastest)
            seconds.append(reach_seconds(distance, target, speed, kinds.usual_acceleration(trip)))
            since.append(pick(fleet.entered, row))
            rank.append(pick(self.network.rank, link))
            late.append(-pick(priority, trip))
        sooner = _before(
            (seconds[0], seconds[1]), (since[0], since[1]), distances, (late[0], late[1])
        )
        equal = torch.where(rank[0] == rank[1], sooner, seconds[0] < seconds[1])
        # One whose rear has passed can "yield"; one that stands on the point cannot.
        free = torch.where(distances[1] > 0, equal, True)
        return ~can[0] | (can[1] & ((rank[0] > rank[1]) | free))


def _before(*criteria: tuple[Tensor, Tensor]) -> Bool[Tensor, " n"]:
    """Whether the first of each pair is smaller in the first criterion in which they differ."""
    before = torch.zeros_like(criteria[0][0], dtype=torch.bool)
    for first, second in reversed(criteria):
        before = torch.where(first == second, before, first < second)
    return before


__all__ = ["NOBODY", "Claims", "Conflicts", "Pairs", "Waiting", "endless", "pair_up"]
