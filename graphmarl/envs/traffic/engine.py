"""The embedded microscopic engine: CityFlow's rules as operations on the vehicles of all copies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from graphmarl.envs.traffic.conflicts import Claims, Conflicts
from graphmarl.envs.traffic.entries import Entries
from graphmarl.envs.traffic.files import Flow, Roadnet
from graphmarl.envs.traffic.fleet import NEVER, NOBODY, Fleet, pick, standing_order, where_true
from graphmarl.envs.traffic.network import compile_network
from graphmarl.envs.traffic.speeds import (
    TURN_SPEED,
    YIELD_DISTANCE,
    brake_distance,
    headway_speed,
    no_collision_speed,
    stop_before_speed,
)

WAITING_SPEED = 0.1


class Engine:
    """Microscopic traffic by CityFlow's rules, without lane changes, in steps of 1 s.

    In each second flows send vehicles, the first of each entry queue enters if there is room, all
    choose their next speed from what they see, all move, and everyone looks for its leader.
    All copies are one set of vehicles; no copy can tell how many others there are.

    Paper: Zhang et al., CityFlow: A Multi-Agent Reinforcement Learning Environment for Large Scale
    City Traffic Scenario, 2019; the rules are those of its public engine.

    Args:
        roadnet: the same for all copies.
        flows: who drives, in every copy, unless `reset` says otherwise.
        copies: of the network.
        device: where all is computed.
        seed: of CityFlow's draws, which choose the first lane where a route may begin on several,
            and who goes first where all else is equal. It is the same in every copy and episode.
        dtype: of positions and speeds; double precision is CityFlow's own.

    Raises:
        ValueError: a flow that cannot be played.
    """

    def __init__(
        self,
        roadnet: Roadnet,
        flows: Sequence[Flow],
        copies: int = 1,
        device: torch.device | str = "cpu",
        seed: int = 0,
        dtype: torch.dtype = torch.float64,
    ) -> None:
        if copies < 1:
            raise ValueError(f"copies is {copies}; there must be at least 1")
        self.copies, self.device, self.dtype = copies, torch.device(device), dtype
        self.network = compile_network(roadnet).to(self.device, dtype)
        self.num_lanes, self.num_signals = self.network.num_lanes, len(self.network.phases)
        self._names = [place.id for place in roadnet.signals]
        self._stride = self.network.num_drivables + 1
        self._entries = Entries(self.network, flows, copies, seed, self.device, dtype)
        self._conflicts = Conflicts(self.network, copies)
        self._tick = 0
        self._fleet = Fleet.empty(self.device, dtype)
        self._finished = torch.zeros(copies, dtype=torch.long, device=self.device)
        self._travelled = torch.zeros_like(self._finished)
        self._begun = torch.zeros_like(self._finished)
        self._line_up()

    def reset(
        self, which: Bool[Tensor, " copies"], flows: Sequence[Sequence[Flow]] | None = None
    ) -> None:
        """Empty these copies and set their clocks to 0."""
        which = which.to(self.device)
        self._entries.reset(where_true(which), flows, self._tick, self._fleet)
        for counter in (self._finished, self._travelled, self._begun):
            counter[which] = 0
        self._fleet = self._fleet.reorder(where_true(~which[self._fleet.copy]))
        self._line_up()

    def advance(self, phase: Int[Tensor, "copies signals"], seconds: int = 1) -> None:
        """Set these phases and play so many seconds."""
        phase = self._check(phase, seconds)
        green = self.network.green(phase).reshape(-1)
        for _ in range(seconds):
            self._second(green)

    def _check(self, phase: Int[Tensor, "copies signals"], seconds: int) -> Tensor:
        phase = phase.to(self.device).long()
        if seconds < 1:
            raise ValueError(f"seconds is {seconds}; there must be at least 1")
        if phase.shape != (self.copies, self.num_signals):
            raise ValueError(
                f"phase has the shape {tuple(phase.shape)}; it must be (copies, signals) = "
                f"({self.copies}, {self.num_signals})"
            )
        wrong = (phase < 0) | (phase >= self.network.phases)
        if wrong.any():
            copy, signal = wrong.nonzero()[0].tolist()
            raise ValueError(
                f"phase of signal {self._names[signal]!r} in copy {copy} is "
                f"{int(phase[copy, signal])}; it has {int(self.network.phases[signal])} phases, from 0"
            )
        return phase

    def _second(self, green: Bool[Tensor, " places"]) -> None:
        self._entries.extend(self._tick, self._fleet)
        self._enter()
        if len(self._fleet):
            self._move(self._choose_speeds(green))
        self._tick += 1

    # -- entering --------------------------------------------------------------------------------

    def _enter(self) -> None:
        """At most one vehicle a second begins on each lane, where the last one leaves its gap."""
        entries, fleet = self._entries, self._fleet
        ready = entries.ready(self._tick)
        if not len(ready):
            return
        place, trip = entries.place[ready], entries.head(ready)
        last = self._last[place]
        behind = last.clamp(min=0)
        if len(fleet):
            kinds = entries.kinds
            length = kinds.length(fleet.trip[behind])
            room = fleet.distance[behind] > length + kinds.min_gap(trip)
            room = (last < 0) | room
        else:
            room = torch.ones_like(ready, dtype=torch.bool)
        ready, place, trip, last = ready[room], place[room], trip[room], last[room]
        if not len(ready):
            return
        entries.take(ready)
        number = len(ready)
        none = torch.full((number,), NOBODY, device=self.device)
        zero = torch.zeros(number, dtype=self.dtype, device=self.device)
        copy = place // self._stride
        own = place - copy * self._stride
        new = Fleet(
            entries.way[trip],
            own,
            none,
            copy,
            trip,
            none + 1 + NEVER,
            none,
            last,
            zero,
            zero,
            zero,
        )
        rows = len(fleet) + torch.arange(number, device=self.device)
        self._fleet = fleet = fleet.join(new)
        behind_one = last >= 0
        ahead = last[behind_one]
        fleet.gap[rows[behind_one]] = fleet.distance[ahead] - entries.kinds.length(fleet.trip[ahead])
        self._look_ahead(rows[~behind_one])
        self._first = torch.cat([self._first, rows[~behind_one]])
        self._last[place] = rows

    # -- choosing speeds -------------------------------------------------------------------------

    def _choose_speeds(self, green: Bool[Tensor, " places"]) -> Float[Tensor, " n"]:
        """The next speed of every vehicle; below 0 where it stops within the second."""
        fleet, kinds, network = self._fleet, self._entries.kinds, self.network
        speed, trip = fleet.speed, fleet.trip
        fastest = torch.minimum(pick(network.max_speed, fleet.place), kinds.max_speed(trip))
        chosen = torch.minimum(fastest, speed + kinds.max_acceleration(trip))
        chosen = torch.minimum(chosen, self._follow_speed())
        following = pick(self._entries.places, fleet.way + 1)
        remaining = pick(network.length, fleet.place) - fleet.distance
        near = where_true((following >= self.num_lanes) & (remaining <= kinds.sight(trip)))
        stops, turns = self._lights(near, following, remaining, green)
        chosen = self._limit(chosen, near, torch.minimum(stops, turns))
        passing = pick(near, where_true(torch.isinf(stops)))
        chosen = self._give_way(chosen, passing, following, remaining, green)
        return torch.maximum(chosen, speed - kinds.max_deceleration(trip))

    @staticmethod
    def _limit(
        chosen: Float[Tensor, " n"], rows: Int[Tensor, " m"], limit: Float[Tensor, " m"]
    ) -> Float[Tensor, " n"]:
        chosen[rows] = torch.minimum(pick(chosen, rows), limit)
        return chosen

    def _follow_speed(self) -> Float[Tensor, " n"]:
        """What the leader allows; infinite without one."""
        fleet, kinds = self._fleet, self._entries.kinds
        led = fleet.leader >= 0
        leader = fleet.leader.clamp(min=0)
        ahead, other = pick(fleet.speed, leader), pick(fleet.trip, leader)
        speed, gap, trip = fleet.speed, fleet.gap, fleet.trip
        hard = no_collision_speed(
            ahead, kinds.max_deceleration(other), speed, kinds.max_deceleration(trip), gap, 0.0
        )
        usual = no_collision_speed(
            ahead,
            kinds.usual_deceleration(other),
            speed,
            kinds.usual_deceleration(trip),
            gap,
            kinds.min_gap(trip),
        )
        headway = headway_speed(ahead, speed, gap, kinds.headway_time(trip))
        return torch.where(led, torch.minimum(torch.minimum(hard, usual), headway), torch.inf)

    def _lights(
        self,
        near: Int[Tensor, " m"],
        following: Int[Tensor, " n"],
        remaining: Float[Tensor, " n"],
        green: Bool[Tensor, " places"],
    ) -> tuple[Float[Tensor, " m"], Float[Tensor, " m"]]:
        """The speed to stop before a red light or a full lane (infinite: goes on), and to turn."""
        fleet, kinds, network = self._fleet, self._entries.kinds, self.network
        trip, speed, link = pick(fleet.trip, near), pick(fleet.speed, near), pick(following, near)
        left = pick(remaining, near)
        base = pick(fleet.copy, near) * self._stride
        last = pick(self._last, base + pick(self._entries.places, pick(fleet.way, near) + 2))
        tail = last.clamp(min=0)
        lengths = kinds.length(pick(fleet.trip, tail)) + kinds.length(trip)
        room = (last < 0) | (pick(fleet.distance, tail) > lengths) | (pick(fleet.speed, tail) >= 2)
        closed = ~(pick(green, base + link) & room)
        stops = closed & ~(brake_distance(speed, kinds.max_deceleration(trip)) > left)
        before = stop_before_speed(
            left, speed, kinds.usual_acceleration(trip), kinds.usual_deceleration(trip)
        )
        turn = torch.where(pick(network.turn, link) & ~stops, TURN_SPEED, torch.inf)
        return torch.where(stops, before, torch.inf), turn.to(self.dtype)

    def _give_way(
        self,
        chosen: Float[Tensor, " n"],
        passing: Int[Tensor, " m"],
        following: Int[Tensor, " n"],
        remaining: Float[Tensor, " n"],
        green: Bool[Tensor, " places"],
    ) -> Float[Tensor, " n"]:
        """Slower where a vehicle has to wait at a conflict point."""
        fleet, kinds = self._fleet, self._entries.kinds
        inside = where_true(fleet.place >= self.num_lanes)
        asks = Claims(
            torch.cat([passing, inside]),
            torch.cat([pick(following, passing), pick(fleet.place, inside)]),
            torch.cat([-pick(remaining, passing), pick(fleet.distance, inside)]),
            remaining[:0],
        )
        claims = self._claims(inside, following, remaining, green)
        waiting = self._conflicts.waiting(fleet, kinds, self._entries.priority, claims, asks)
        row = pick(asks.row, waiting.index)
        trip = pick(fleet.trip, row)
        limit = stop_before_speed(
            waiting.distance - YIELD_DISTANCE,
            pick(fleet.speed, row),
            kinds.usual_acceleration(trip),
            kinds.usual_deceleration(trip),
        )
        fleet.blocker = torch.full_like(fleet.blocker, NOBODY)
        fleet.blocker[row] = waiting.blocker
        return self._limit(chosen, row, limit)

    def _claims(
        self,
        inside: Int[Tensor, " m"],
        following: Int[Tensor, " n"],
        remaining: Float[Tensor, " n"],
        green: Bool[Tensor, " places"],
    ) -> Claims:
        """Who is on a lane link, has left it last with its rear still there, or comes next at green."""
        fleet, network = self._fleet, self.network
        length = self._entries.kinds.length(fleet.trip)
        rear = fleet.distance - length
        place = fleet.copy * self._stride + fleet.place
        rows = torch.arange(len(fleet), device=self.device)
        left = (pick(self._last, place) == rows) & (fleet.previous >= self.num_lanes) & (rear < 0)
        left = where_true(left & (fleet.place < self.num_lanes))
        link = pick(fleet.previous, left)
        before = pick(network.length, link)
        # Its rear claims points strictly beyond it; those inside claim the point at the rear too.
        beyond = torch.nextafter(before + pick(rear, left), before + torch.inf)
        nearest = self._first
        coming = pick(following, nearest)
        comes = (coming >= self.num_lanes) & pick(
            green, pick(fleet.copy, nearest) * self._stride + coming.clamp(min=0)
        )
        nearest = pick(nearest, where_true(comes))
        ahead = -pick(remaining, nearest)
        return Claims(
            torch.cat([left, inside, nearest]),
            torch.cat([link, pick(fleet.place, inside), pick(following, nearest)]),
            torch.cat([before + pick(fleet.distance, left), pick(fleet.distance, inside), ahead]),
            torch.cat([beyond, pick(rear, inside), torch.full_like(ahead, -torch.inf)]),
        )

    # -- moving ----------------------------------------------------------------------------------

    def _move(self, chosen: Float[Tensor, " n"]) -> None:
        fleet, kinds = self._fleet, self._entries.kinds
        stopping = brake_distance(fleet.speed, kinds.max_deceleration(fleet.trip))
        step = torch.where(chosen < 0, stopping, (fleet.speed + chosen) / 2)
        fleet.distance = fleet.distance + step
        fleet.speed = chosen.clamp(min=0)
        moved = where_true(fleet.distance > pick(self.network.length, fleet.place))
        if len(moved):
            self._cross(moved)
        gone = fleet.place < 0
        stays = ~gone if len(moved) and bool(gone.any()) else None
        if len(moved) or len(fleet) > self._sorted:
            place = fleet.copy * self._stride + fleet.place
            order = standing_order(place, fleet.distance, moved, stays)
            if stays is not None:
                self._leave(where_true(gone))
            self._fleet = fleet.reorder(order)
        self._line_up()

    def _cross(self, moved: Int[Tensor, " m"]) -> None:
        """To the next drivable, or several."""
        fleet = self._fleet
        fleet.previous[moved] = pick(fleet.place, moved)
        over = moved
        while len(over):
            length = pick(self.network.length, pick(fleet.place, over))
            distance = pick(fleet.distance, over) - length
            way = pick(fleet.way, over) + 1
            place = pick(self._entries.places, way)
            fleet.distance[over], fleet.way[over], fleet.place[over] = distance, way, place
            over = over[(place >= 0) & (distance > self.network.length[place])]
        on_link = pick(fleet.place, moved) >= self.num_lanes
        fleet.entered[moved] = torch.where(on_link, self._tick, NEVER)

    def _leave(self, gone: Int[Tensor, " m"]) -> None:
        copy = pick(self._fleet.copy, gone)
        travelled = self._entries.age(pick(self._fleet.trip, gone), copy, self._tick)
        self._finished.index_add_(0, copy, torch.ones_like(copy))
        self._travelled.index_add_(0, copy, travelled)
        self._begun.index_add_(0, copy, self._tick - self._entries.born[copy] - travelled)

    def _line_up(self) -> None:
        """Find who is first and last on every drivable, every leader and every gap."""
        fleet = self._fleet
        self._sorted = number = len(fleet)
        place = fleet.copy * self._stride + fleet.place
        rows = torch.arange(number, device=self.device)
        begins = torch.ones(number + 1, dtype=torch.bool, device=self.device)
        begins[1:number] = place[1:] != place[:-1]
        self._first = where_true(begins[:number])
        last = where_true(begins[1:])
        self._last = torch.full((self.copies * self._stride,), NOBODY, device=self.device)
        self._last[pick(place, last)] = last
        fleet.leader = rows - 1
        rear = fleet.distance - self._entries.kinds.length(fleet.trip)
        fleet.gap = torch.zeros_like(rear)
        fleet.gap[1:] = rear[:-1] - fleet.distance[1:]
        self._look_ahead(self._first)

    def _look_ahead(self, rows: Int[Tensor, " m"]) -> None:
        """The leaders of those who are first on their drivable: the last ones on the next."""
        fleet, kinds, network = self._fleet, self._entries.kinds, self.network
        fleet.leader[rows] = NOBODY
        if not len(rows):
            return
        way, base = pick(fleet.way, rows), pick(fleet.copy, rows) * self._stride
        trip = pick(fleet.trip, rows)
        far = pick(network.length, pick(fleet.place, rows)) - pick(fleet.distance, rows)
        sight = kinds.sight(trip).expand(len(rows))
        while len(rows):
            way = way + 1
            place = pick(self._entries.places, way)
            seen = where_true(place >= 0)
            rows, way, base, far = (pick(x, seen) for x in (rows, way, base, far))
            sight, place = pick(sight, seen), pick(place, seen)
            ahead = pick(network.ahead, place) + base.unsqueeze(1)
            other = pick(self._last, ahead.reshape(-1))
            there = other.clamp(min=0)
            rear = pick(fleet.distance, there) - kinds.length(pick(fleet.trip, there))
            rear = torch.where(other < 0, torch.inf, rear).view_as(ahead)
            rear, which = rear.min(1)
            found = where_true(torch.isfinite(rear))
            leader = other.view_as(ahead).gather(1, which.unsqueeze(1)).squeeze(1)
            fleet.leader[pick(rows, found)] = pick(leader, found)
            fleet.gap[pick(rows, found)] = pick(far + rear, found)
            far = far + pick(network.length, place)
            on = where_true(torch.isinf(rear) & ~(far > sight))
            rows, way, base, far, sight = (pick(x, on) for x in (rows, way, base, far, sight))

    # -- what can be seen ------------------------------------------------------------------------

    def _count(self, rows: Int[Tensor, " n"]) -> Int[Tensor, "copies lanes"]:
        place = self._fleet.copy[rows] * self._stride + self._fleet.place[rows]
        count = torch.bincount(place, minlength=self.copies * self._stride)
        return count.view(self.copies, self._stride)[:, : self.num_lanes]

    def lane_vehicles(self) -> Int[Tensor, "copies lanes"]:
        """Vehicles on each lane; those on an intersection are on none."""
        return self._count(torch.arange(len(self._fleet), device=self.device))

    def lane_waiting(self) -> Int[Tensor, "copies lanes"]:
        """Vehicles on each lane that are slower than 0.1 m/s."""
        return self._count(where_true(self._fleet.speed < WAITING_SPEED))

    def vehicles(self) -> Int[Tensor, " copies"]:
        """Vehicles in the network; those that still wait to enter it are not."""
        return torch.bincount(self._fleet.copy, minlength=self.copies)

    def finished(self) -> Int[Tensor, " copies"]:
        """Vehicles that have left the network at the end of their route."""
        return self._finished.clone()

    def time(self) -> Int[Tensor, " copies"]:
        """Seconds since each copy was reset."""
        return self._tick - self._entries.born

    def average_travel_time(self) -> Float[Tensor, " copies"]:
        """Mean seconds since its flow sent it, over all vehicles, as CityFlow defines it."""
        sent, begun = self._entries.sent(self._tick)
        on_way = sent - self._finished
        total = self._travelled + self.time() * on_way - (begun - self._begun)
        return torch.where(sent > 0, total.double() / sent.clamp(min=1), 0.0)

    # -- saving ----------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """All that changes, as tensors and plain values."""
        return {
            "tick": self._tick,
            "fleet": self._fleet.state(),
            "entries": self._entries.state(),
            "finished": self._finished.clone(),
            "travelled": self._travelled.clone(),
            "begun": self._begun.clone(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on exactly where the other one was saved; it had the same road network and copies."""
        if len(state["finished"]) != self.copies:
            raise ValueError(
                f"what was saved has {len(state['finished'])} copies; this engine has {self.copies}"
            )
        self._tick = state["tick"]
        self._entries.load(state["entries"])
        self._fleet = Fleet.from_state(state["fleet"], self.device)
        for name in ("finished", "travelled", "begun"):
            setattr(self, f"_{name}", state[name].clone().to(self.device))
        self._line_up()
