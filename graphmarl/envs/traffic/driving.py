"""Next speeds of all vehicles: car following, lights, turns and right of way."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from graphmarl.envs.traffic.conflicts import Approach, Conflicts
from graphmarl.envs.traffic.fleet import NO_VEHICLE, Fleet, Lineup
from graphmarl.envs.traffic.network import Network
from graphmarl.envs.traffic.speeds import (
    YIELD_DISTANCE,
    brake_distance,
    headway_speed,
    no_collision_speed,
    stop_before_speed,
)
from graphmarl.envs.traffic.vehicle_params import VehicleTable, pick, where_true

ROLLING = 2.0
"""A lane is not full if its last vehicle has at least this speed, in m/s."""


class DrivingState:
    """State from which vehicles compute their next speeds.

    Args:
        network: road network.
        fleet: vehicles.
        lineup: order of the vehicles.
        kinds: vehicle parameters.
        places: drivables of all paths.
        priority: priority of each trip.
        green: whether each drivable of each copy may be entered.

    Attributes:
        following: next drivable of each vehicle.
        to_link: whether the next drivable is a lane link.
        remaining: metres to the end of the current drivable.
    """

    def __init__(
        self,
        network: Network,
        fleet: Fleet,
        lineup: Lineup,
        kinds: VehicleTable,
        places: Int[Tensor, " places"],
        priority: Int[Tensor, " trips"],
        green: Bool[Tensor, " spots"],
    ) -> None:
        self.network, self.fleet, self.lineup, self.kinds = network, fleet, lineup, kinds
        self.places, self.priority, self.green = places, priority, green
        self.following = pick(places, fleet.way + 1)
        self.to_link = pick(network.is_link, self.following)
        self.remaining = pick(network.length, fleet.place) - fleet.distance


def follow_speed(driving: DrivingState) -> Float[Tensor, " n"]:
    """Speed limit by the leader; infinite without one."""
    fleet, lineup, kinds = driving.fleet, driving.lineup, driving.kinds
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


def free_speed(driving: DrivingState) -> Float[Tensor, " n"]:
    """Speed limit by vehicle and lane."""
    own = driving.kinds.of(driving.fleet.trip)
    limit = torch.minimum(pick(driving.network.max_speed, driving.fleet.place), own.max_speed)
    return torch.minimum(limit, driving.fleet.speed + own.max_acceleration)


def stop_speed(driving: DrivingState, near: Int[Tensor, " m"]) -> Float[Tensor, " m"]:
    """Speed limit to stop before a red light or a full lane; infinite without one.

    Vehicles that could not stop even at maximum deceleration pass.

    Args:
        driving: driving state.
        near: rows of vehicles before a lane link within their look-ahead distance.
    """
    fleet, lineup = driving.fleet, driving.lineup
    own, speed = driving.kinds.of(fleet.trip, near), pick(fleet.speed, near)
    left, base = pick(driving.remaining, near), pick(lineup.base, near)
    last = pick(lineup.last, base + pick(driving.places, pick(fleet.way, near) + 2))
    tail = last.clamp(min=0)
    lengths = driving.kinds.of(fleet.trip, tail).length + own.length
    fits = (pick(fleet.distance, tail) > lengths) | (pick(fleet.speed, tail) >= ROLLING)
    goes = pick(driving.green, base + pick(driving.following, near)) & (fits | (last < 0))
    goes = goes | (brake_distance(speed, own.max_deceleration) > left)
    stop = stop_before_speed(left, speed, own.usual_acceleration, own.usual_deceleration)
    return stop.masked_fill(goes, torch.inf)


def next_at_green(driving: DrivingState) -> Int[Tensor, " m"]:
    """Rows of vehicles that are first on a lane and have green, at any distance."""
    first, lineup = driving.lineup.first, driving.lineup
    spot = pick(lineup.base, first) + pick(driving.following, first)
    return pick(first, where_true(pick(driving.to_link, first) & pick(driving.green, spot)))


def approaching(driving: DrivingState, passing: Int[Tensor, " m"]) -> Approach:
    """Vehicles at lane links.

    Conflict points are claimed by the vehicle that left the link last, by those on it, and, at
    green, by the first one on the lane before it. Vehicles on the link request to pass, as do those
    before it that do not stop there.

    Args:
        driving: driving state.
        passing: rows of vehicles before a lane link that do not stop there.
    """
    fleet, network, lineup = driving.fleet, driving.network, driving.lineup
    rear = fleet.distance - driving.kinds.of(fleet.trip).length
    on_link = pick(network.is_link, fleet.place)
    came = fleet.previous >= network.num_lanes
    left = where_true(lineup.is_last & came & ~on_link & (rear < 0))
    inside = where_true(on_link)
    nearest = next_at_green(driving)
    requests, known = torch.zeros_like(lineup.is_last), torch.zeros_like(lineup.is_last)
    requests[passing], requests[inside], known[nearest] = True, True, True
    before = torch.cat([nearest, pick(passing, where_true(~pick(known, passing)))])
    row = torch.cat([left, inside, before])
    beyond = pick(fleet.previous, left)
    length = pick(network.length, beyond)
    return Approach(
        row,
        torch.cat([beyond, pick(fleet.place, inside), pick(driving.following, before)]),
        torch.cat(
            [
                length + pick(fleet.distance, left),
                pick(fleet.distance, inside),
                -pick(driving.remaining, before),
            ]
        ),
        torch.cat(
            [
                # Beyond a link a vehicle claims points strictly ahead of its rear, on it also the
                # point at its rear.
                torch.nextafter(length + pick(rear, left), torch.full_like(length, torch.inf)),
                pick(rear, inside),
                torch.full_like(nearest, -torch.inf, dtype=rear.dtype),
            ]
        ),
        len(left) + len(inside) + len(nearest),
        pick(requests, row),
    )


def choose_speeds(driving: DrivingState, conflicts: Conflicts) -> Float[Tensor, " n"]:
    """Next speeds, negative where a vehicle stops within the second; updates `fleet.blocker`."""
    fleet, kinds = driving.fleet, driving.kinds
    chosen = torch.minimum(free_speed(driving), follow_speed(driving))
    own = kinds.of(fleet.trip)
    near = where_true(driving.to_link & (driving.remaining <= own.sight))
    stop = stop_speed(driving, near)
    turn = pick(driving.network.turn_speed, pick(driving.following, near))
    # A vehicle that stops at the light need not slow down for the turn.
    goes = torch.isinf(stop) & (stop > 0)
    limit = torch.where(goes, turn, stop)
    chosen.scatter_(0, near, torch.minimum(pick(chosen, near), limit))
    approach = approaching(driving, pick(near, where_true(goes)))
    waiting = conflicts.waiting(fleet, kinds, driving.priority, approach)
    fleet.blocker = torch.full_like(fleet.blocker, NO_VEHICLE)
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
