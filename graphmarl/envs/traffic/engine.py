"""Embedded microscopic traffic engine: CityFlow's rules as batched tensor operations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from graphmarl.envs.traffic.conflicts import Conflicts
from graphmarl.envs.traffic.departures import DepartureQueues
from graphmarl.envs.traffic.driving import DrivingState, choose_speeds
from graphmarl.envs.traffic.fleet import NEVER, Fleet, line_up, look_ahead, standing_order
from graphmarl.envs.traffic.protocol import check_phase
from graphmarl.envs.traffic.schema import Flow, Roadnet
from graphmarl.envs.traffic.speeds import brake_distance
from graphmarl.envs.traffic.tables import compile_network
from graphmarl.envs.traffic.vehicle_params import pick, where_true

WAITING_SPEED = 0.1


class EmbeddedEngine:
    """Microscopic traffic simulation by CityFlow's rules, without lane changes, in steps of 1 s.

    In each second flows generate vehicles, the first of each entry queue enters if there is room,
    all vehicles compute their next speed, move, and find their leaders. The vehicles of all copies
    are rows of the same tensors; results do not depend on the number of copies.

    Unlike CityFlow, where the rule divides 0 by 0, a vehicle that stands exactly at the end of its
    lane before a red light stays there; in CityFlow it passes at 100 m/s.

    Paper: Zhang et al., CityFlow: A Multi-Agent Reinforcement Learning Environment for Large Scale
    City Traffic Scenario, 2019; the rules are those of its public engine.

    Args:
        roadnet: road network of all copies.
        flows: default flows of every copy, used unless `reset` gives others.
        copies: copies of the network.
        device: device of the tensors.
        seed: seed of CityFlow's draws, which choose the first lane where a route has several, and
            break ties in right of way. It is the same in every copy and episode.
        dtype: type of positions and speeds; double precision is CityFlow's own.

    Raises:
        ValueError: there are no copies, or a flow is invalid.
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
        self._names = [signal.id for signal in roadnet.signals]
        self._stride = self.network.num_drivables + 1
        self._entries = DepartureQueues(self.network, flows, copies, seed, self.device, dtype)
        self._conflicts = Conflicts(self.network, copies)
        self._tick = 0
        self._fleet = Fleet.empty(self.device, dtype)
        self._finished = torch.zeros(copies, dtype=torch.long, device=self.device)
        self._travelled = torch.zeros_like(self._finished)
        self._begun = torch.zeros_like(self._finished)
        self._line_up()

    @torch.inference_mode()
    def reset(
        self, which: Bool[Tensor, " copies"], flows: Sequence[Sequence[Flow]] | None = None
    ) -> None:
        """Remove all vehicles of these copies and set their clocks to 0."""
        which = which.to(self.device)
        self._entries.reset(where_true(which), flows, self._tick, self._fleet)
        for counter in (self._finished, self._travelled, self._begun):
            counter[which] = 0
        self._fleet = self._fleet.keep(where_true(~which[self._fleet.copy]))
        self._line_up()

    @torch.inference_mode()
    def advance(self, phase: Int[Tensor, "copies signals"], seconds: int = 1) -> None:
        """Set the phases and simulate a number of seconds."""
        if seconds < 1:
            raise ValueError(f"seconds is {seconds}; there must be at least 1")
        phase = phase.to(self.device).long()
        check_phase(phase, self.network.phases, self._names, self.copies)
        green = self.network.green(phase).reshape(-1)
        for _ in range(seconds):
            self._second(green)

    def _second(self, green: Bool[Tensor, " spots"]) -> None:
        self._entries.extend(self._tick, self._fleet)
        self._enter()
        if len(self._fleet):
            entries = self._entries
            driving = DrivingState(
                self.network,
                self._fleet,
                self._lineup,
                entries.kinds,
                entries.places,
                entries.priority,
                green,
            )
            self._move(choose_speeds(driving, self._conflicts))
        self._tick += 1

    def _enter(self) -> None:
        """Insert at most one vehicle per second on each lane, if the gap is sufficient."""
        entries, fleet, lineup = self._entries, self._fleet, self._lineup
        queue = entries.ready(self._tick)
        if not len(queue):
            return
        spot, trip = pick(entries.spot, queue), entries.head(queue)
        last = pick(lineup.last, spot)
        if len(fleet):
            tail = last.clamp(min=0)
            needed = entries.kinds.of(fleet.trip, tail).length + entries.kinds.of(trip).min_gap
            room = where_true((last < 0) | (pick(fleet.distance, tail) > needed))
            queue, spot, trip, last = (pick(x, room) for x in (queue, spot, trip, last))
        if not len(queue):
            return
        entries.take(queue)
        copy = spot // self._stride
        base = copy * self._stride
        new = Fleet.beginning(pick(entries.way, trip), spot - base, copy, trip, self.dtype)
        rows = torch.arange(len(fleet), len(fleet) + len(queue), device=self.device)
        self._fleet = fleet = fleet.join(new)
        self._follow(rows, base, spot, last)

    def _follow(
        self,
        rows: Int[Tensor, " n"],
        base: Int[Tensor, " n"],
        spot: Int[Tensor, " n"],
        last: Int[Tensor, " n"],
    ) -> None:
        """Append vehicles that have just entered to the order of their lanes."""
        fleet, lineup, entries = self._fleet, self._lineup, self._entries
        tail = last.clamp(min=0)
        gap = pick(fleet.distance, tail) - entries.kinds.of(fleet.trip, tail).length
        lineup.leader, lineup.gap = torch.cat([lineup.leader, last]), torch.cat([lineup.gap, gap])
        lineup.base, lineup.spot = torch.cat([lineup.base, base]), torch.cat([lineup.spot, spot])
        lineup.is_last = torch.cat([lineup.is_last, torch.ones_like(rows, dtype=torch.bool)])
        alone = pick(rows, where_true(last < 0))
        lineup.first = torch.cat([lineup.first, alone])
        lineup.last[spot] = rows
        look_ahead(alone, lineup, fleet, entries.kinds, self.network, entries.places)

    def _move(self, chosen: Float[Tensor, " n"]) -> None:
        """Move for a second and update the order."""
        fleet, network = self._fleet, self.network
        brakes = self._entries.kinds.of(fleet.trip).max_deceleration
        step = (fleet.speed + chosen) / 2
        step = torch.where(chosen < 0, brake_distance(fleet.speed, brakes), step)
        fleet.distance, fleet.speed = fleet.distance + step, chosen.clamp(min=0)
        moved = where_true(fleet.distance > pick(network.length, fleet.place))
        if len(moved):
            self._cross(moved)
        if len(moved) or len(fleet) > self._sorted:
            gone = fleet.place == network.num_drivables
            leaves = where_true(gone)
            if len(leaves):
                self._leave(leaves)
            spot = fleet.copy * self._stride + fleet.place
            self._fleet = fleet.keep(standing_order(spot, fleet.distance, moved, gone))
        self._line_up()

    def _cross(self, moved: Int[Tensor, " m"]) -> None:
        """Move vehicles to the next drivable, or over several."""
        fleet, length = self._fleet, self.network.length
        fleet.previous.scatter_(0, moved, pick(fleet.place, moved))
        over = moved
        while len(over):
            distance = pick(fleet.distance, over) - pick(length, pick(fleet.place, over))
            way = pick(fleet.way, over) + 1
            place = pick(self._entries.places, way)
            fleet.distance.scatter_(0, over, distance)
            fleet.way.scatter_(0, over, way)
            fleet.place.scatter_(0, over, place)
            over = pick(over, where_true(distance > pick(length, place)))
        on_link = pick(self.network.is_link, pick(fleet.place, moved))
        fleet.entered.scatter_(0, moved, torch.where(on_link, self._tick, NEVER))

    def _leave(self, gone: Int[Tensor, " m"]) -> None:
        """Count vehicles that have reached the end of their route."""
        copy, trip = pick(self._fleet.copy, gone), pick(self._fleet.trip, gone)
        begun = self._entries.begun(trip)
        self._finished.index_add_(0, copy, torch.ones_like(copy))
        self._travelled.index_add_(0, copy, pick(self.time(), copy) - begun)
        self._begun.index_add_(0, copy, begun)

    def _line_up(self) -> None:
        entries = self._entries
        self._sorted = len(self._fleet)
        self._lineup = line_up(
            self._fleet, entries.kinds, self.network, entries.places, self.copies
        )

    # -- measurements ----------------------------------------------------------------------------

    def _count(self, spot: Int[Tensor, " n"]) -> Int[Tensor, "copies lanes"]:
        count = torch.bincount(spot, minlength=self.copies * self._stride)
        return count.view(self.copies, self._stride)[:, : self.num_lanes]

    def lane_vehicles(self) -> Int[Tensor, "copies lanes"]:
        """Vehicles on each lane; those on an intersection are on none."""
        return self._count(self._lineup.spot)

    def lane_waiting(self) -> Int[Tensor, "copies lanes"]:
        """Vehicles on each lane that are slower than 0.1 m/s."""
        slow = where_true(self._fleet.speed < WAITING_SPEED)
        return self._count(pick(self._lineup.spot, slow))

    def vehicles(self) -> Int[Tensor, " copies"]:
        """Vehicles in the network, without those that wait to enter it."""
        return torch.bincount(self._fleet.copy, minlength=self.copies)

    def finished(self) -> Int[Tensor, " copies"]:
        """Vehicles that have left the network at the end of their route."""
        return self._finished.clone()

    def time(self) -> Int[Tensor, " copies"]:
        """Seconds since each copy was reset."""
        return self._tick - self._entries.born

    def average_travel_time(self) -> Float[Tensor, " copies"]:
        """Mean travel time of all vehicles since their departure, by CityFlow's definition."""
        sent, begun = self._entries.sent(self._tick)
        on_way = sent - self._finished
        total = self._travelled + self.time() * on_way - (begun - self._begun)
        return torch.where(sent > 0, total.double() / sent.clamp(min=1), 0.0)

    # -- saving ----------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Mutable state as tensors and plain values."""
        return {
            "tick": self._tick,
            "fleet": self._fleet.state(),
            "entries": self._entries.state(),
            "finished": self._finished.clone(),
            "travelled": self._travelled.clone(),
            "begun": self._begun.clone(),
        }

    @torch.inference_mode()
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore a state of an engine with the same road network and copies."""
        if len(state["finished"]) != self.copies:
            raise ValueError(
                f"the state has {len(state['finished'])} copies; this engine has {self.copies}"
            )
        self._tick = state["tick"]
        self._entries.load(state["entries"])
        self._fleet = Fleet.from_state(state["fleet"], self.device)
        for name in ("finished", "travelled", "begun"):
            setattr(self, f"_{name}", state[name].clone().to(self.device))
        self._line_up()
