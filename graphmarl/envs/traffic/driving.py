"""How fast everyone drives in the next second: leaders, lights, turns, and right of way."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from graphmarl.envs.traffic.conflicts import Approach, Conflicts
from graphmarl.envs.traffic.fleet import NOBODY, Fleet, Lineup
from graphmarl.envs.traffic.network import Network
from graphmarl.envs.traffic.speeds import (
    YIELD_DISTANCE,
    brake_distance,
    headway_speed,
    no_collision_speed,
    stop_before_speed,
)
from graphmarl.envs.traffic.vehicle_params import Kinds, pick, where_true

ROLLING = 2.0
"""A lane is not full if its last vehicle is at least so fast, in m/s."""


class Moment:
    """All that vehicles see before they choose their speeds.

    Args:
        network: where they drive.
        fleet: the vehicles.
        lineup: their order.
        kinds: what they are like.
        places: of all ways.
        priority: of each trip.
        green: whether one may enter each spot.

    Attributes:
        following: the next place of each vehicle.
        to_link: whether that is a lane link.
        remaining: metres to the end of its place.
    """

    def __init__(
        self,
        network: Network,
        fleet: Fleet,
        lineup: Lineup,
        kinds: Kinds,
        places: Int[Tensor, " places"],
        priority: Int[Tensor, " trips"],
        green: Bool[Tensor, " spots"],
    ) -> None:
        self.network, self.fleet, self.lineup, self.kinds = network, fleet, lineup, kinds
        self.places, self.priority, self.green = places, priority, green
        self.following = pick(places, fleet.way + 1)
        self.to_link = pick(network.is_link, self.following)
        self.remaining = pick(network.length, fleet.place) - fleet.distance


def follow_speed(moment: Moment) -> Float[Tensor, " n"]:
    """What the leader allows; infinite without one."""
    fleet, lineup, kinds = moment.fleet, moment.lineup, moment.kinds
    leader = lineup.leader.clamp(min=0)
    own, ahead = kinds.of(fleet.trip), kinds.of(fleet.trip, leader)
    leader_speed, speed, gap = pick(fleet.speed, leader), fleet.speed, lineup.gap
    hard = no_collision_speed(
        leader_speed, ahead.max_deceleration, speed, own.max_deceleration, gap, 0.0
    )
    usual = no_collision_speed(
        leader_speed, ahead.usual_deceleration, speed, own.usual_deceleration, gap, own.min_gap
    )
    headway = headway_speed(leader_speed, speed, gap, own.headway_time)
    allowed = torch.minimum(torch.minimum(hard, usual), headway)
    return allowed.masked_fill(lineup.leader < 0, torch.inf)


def free_speed(moment: Moment) -> Float[Tensor, " n"]:
    """What the vehicle and the lane allow."""
    own = moment.kinds.of(moment.fleet.trip)
    limit = torch.minimum(pick(moment.network.max_speed, moment.fleet.place), own.max_speed)
    return torch.minimum(limit, moment.fleet.speed + own.max_acceleration)


def stop_speed(moment: Moment, near: Int[Tensor, " m"]) -> Float[Tensor, " m"]:
    """The speed to stop before a red light or a full lane; infinite where nothing is to stop for.

    Those who could not stop before it, even as hard as they can, go through.

    Args:
        moment: what is seen.
        near: rows of vehicles before a lane link, no farther from it than they look.
    """
    fleet, lineup = moment.fleet, moment.lineup
    own, speed = moment.kinds.of(fleet.trip, near), pick(fleet.speed, near)
    left, base = pick(moment.remaining, near), pick(lineup.base, near)
    last = pick(lineup.last, base + pick(moment.places, pick(fleet.way, near) + 2))
    tail = last.clamp(min=0)
    lengths = moment.kinds.of(fleet.trip, tail).length + own.length
    fits = (pick(fleet.distance, tail) > lengths) | (pick(fleet.speed, tail) >= ROLLING)
    goes = pick(moment.green, base + pick(moment.following, near)) & (fits | (last < 0))
    goes = goes | (brake_distance(speed, own.max_deceleration) > left)
    stop = stop_before_speed(left, speed, own.usual_acceleration, own.usual_deceleration)
    return stop.masked_fill(goes, torch.inf)


def next_at_green(moment: Moment) -> Int[Tensor, " m"]:
    """Rows of those who are first on a lane and have green, however far they are."""
    first, lineup = moment.lineup.first, moment.lineup
    spot = pick(lineup.base, first) + pick(moment.following, first)
    return pick(first, where_true(pick(moment.to_link, first) & pick(moment.green, spot)))


def approaching(moment: Moment, passing: Int[Tensor, " m"]) -> Approach:
    """Everyone at a lane link.

    Known at its conflict points are the vehicle that left it last, those on it, and, at green, the
    first one on the lane before it. Those on it ask, and those before it that do not stop there.
    """
    fleet, network, lineup = moment.fleet, moment.network, moment.lineup
    rear = fleet.distance - moment.kinds.of(fleet.trip).length
    on_link = pick(network.is_link, fleet.place)
    came = fleet.previous >= network.num_lanes
    left = where_true(lineup.is_last & came & ~on_link & (rear < 0))
    inside = where_true(on_link)
    nearest = next_at_green(moment)
    asks, known = torch.zeros_like(lineup.is_last), torch.zeros_like(lineup.is_last)
    asks[passing], asks[inside], known[nearest] = True, True, True
    before = torch.cat([nearest, pick(passing, where_true(~pick(known, passing)))])
    row = torch.cat([left, inside, before])
    beyond = pick(fleet.previous, left)
    length = pick(network.length, beyond)
    return Approach(
        row,
        torch.cat([beyond, pick(fleet.place, inside), pick(moment.following, before)]),
        torch.cat(
            [
                length + pick(fleet.distance, left),
                pick(fleet.distance, inside),
                -pick(moment.remaining, before),
            ]
        ),
        torch.cat(
            [
                # Beyond a link one claims only what its rear is really before, on it also the point
                # that its rear is at.
                torch.nextafter(length + pick(rear, left), torch.full_like(length, torch.inf)),
                pick(rear, inside),
                torch.full_like(nearest, -torch.inf, dtype=rear.dtype),
            ]
        ),
        len(left) + len(inside) + len(nearest),
        pick(asks, row),
    )


def choose_speeds(moment: Moment, conflicts: Conflicts) -> Float[Tensor, " n"]:
    """The next speed of everyone, below 0 where it stops within the second; notes the blockers."""
    fleet, kinds = moment.fleet, moment.kinds
    chosen = torch.minimum(free_speed(moment), follow_speed(moment))
    own = kinds.of(fleet.trip)
    near = where_true(moment.to_link & (moment.remaining <= own.sight))
    stop = stop_speed(moment, near)
    turn = pick(moment.network.turn_speed, pick(moment.following, near))
    # One that stops at the light need not slow down for the turn.
    goes = torch.isinf(stop) & (stop > 0)
    limit = torch.where(goes, turn, stop)
    chosen.scatter_(0, near, torch.minimum(pick(chosen, near), limit))
    approach = approaching(moment, pick(near, where_true(goes)))
    waiting = conflicts.waiting(fleet, kinds, moment.priority, approach)
    fleet.blocker = torch.full_like(fleet.blocker, NOBODY)
    if len(waiting.row):
        fleet.blocker.scatter_(0, waiting.row, waiting.blocker)
        yields = kinds.of(fleet.trip, waiting.row)
        limit = stop_before_speed(
            waiting.distance - YIELD_DISTANCE,
            pick(fleet.speed, waiting.row),
            yields.usual_acceleration,
            yields.usual_deceleration,
        )
        chosen.scatter_(0, waiting.row, torch.minimum(pick(chosen, waiting.row), limit))
    return torch.maximum(chosen, fleet.speed - own.max_deceleration)
