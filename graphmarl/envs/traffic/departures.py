"""Departure queues at the entries of the network, for all copies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from graphmarl.envs.traffic.demand import KIND_FIELDS, Arrivals, Flows, arrivals, number_flows, plan
from graphmarl.envs.traffic.fleet import Fleet
from graphmarl.envs.traffic.network import Network
from graphmarl.envs.traffic.schema import Flow
from graphmarl.envs.traffic.vehicle_params import VehicleTable, pick, where_true

FIRST_SECONDS = 3600
NEVER = 2**62


class DepartureQueues:
    """First-in-first-out departure queues on each first lane, for all copies.

    Departures are computed in advance, for an hour at first, and for twice as long whenever that is
    used up. Copies with the same flows share the tables.

    Args:
        network: road network.
        flows: default flows of every copy, used unless `reset` gives others.
        copies: copies of the network.
        seed: seed of CityFlow's draws.
        device: device of the tensors.
        dtype: floating-point type.

    Attributes:
        born: tick at which each copy was reset.
        kinds: vehicle parameters by trip.
        priority: priority of each trip.
        way: start of each trip's path in `places`.
        places: drivables of all paths, concatenated, each ended by the index beyond all drivables.
        spot: lane of each queue, offset by copy.
    """

    def __init__(
        self,
        network: Network,
        flows: Sequence[Flow],
        copies: int,
        seed: int,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        self._network, self._seed, self._device, self._dtype = network, seed, device, dtype
        self._usual = number_flows(flows, network)
        self._demands, self._untils = [self._usual], [FIRST_SECONDS]
        self._demand = torch.zeros(copies, dtype=torch.long, device=device)
        self.born = torch.zeros_like(self._demand)
        self._stride = network.num_drivables + 1
        self._entered = torch.zeros(copies * self._stride, dtype=torch.long, device=device)
        self._compile()

    # -- tables of departures --------------------------------------------------------------------

    def _tensor(self, values: np.ndarray) -> Tensor:
        real = values.dtype.kind == "f"
        return torch.from_numpy(values).to(self._device, self._dtype if real else torch.long)

    def _compile(self) -> None:
        """Concatenate the trips of all demands and build the queues of each copy."""
        ways = [plan(flows, self._network) for flows in self._demands]
        trips = [
            arrivals(flows, way, until, self._seed)
            for flows, way, until in zip(self._demands, ways, self._untils, strict=True)
        ]
        self._more = [each.more for each in trips]
        begins = np.cumsum([0, *(len(way.places) for way in ways)])
        self._way_begins = self._tensor(begins[:-1])
        self._trip_begins = self._tensor(np.cumsum([0, *(len(each.time) for each in trips)])[:-1])
        self.places = self._tensor(np.concatenate([way.places for way in ways]))
        starts = [each.way + begin for each, begin in zip(trips, begins, strict=False)]
        self.way = self._tensor(np.concatenate(starts))
        self.priority = self._tensor(np.concatenate([each.priority for each in trips]))
        time = np.concatenate([each.time for each in trips])
        self._time = self._tensor(time)
        self._time_before = self._tensor(np.concatenate([[0], np.cumsum(time)]))
        number = np.repeat(np.arange(len(trips)), [len(each.time) for each in trips])
        self._when = self._tensor(number * (NEVER // 2**20) + time)
        self._name_kinds(trips)
        self._queue_up(trips)

    def _name_kinds(self, trips: list[Arrivals]) -> None:
        tables = [flows.kinds for flows in self._demands]
        table, number = np.unique(np.concatenate(tables), axis=0, return_inverse=True)
        begins = np.cumsum([0, *map(len, tables)])
        rows = [each.kind + begin for each, begin in zip(trips, begins, strict=False)]
        of_trip = number.reshape(-1)[np.concatenate(rows)] if len(table) else np.zeros(0, int)
        self.kinds = VehicleTable(
            self._tensor(table.reshape(-1, KIND_FIELDS)),
            self._tensor(of_trip),
        )

    def _queue_up(self, trips: list[Arrivals]) -> None:
        """Build one queue for each first lane of each copy; NEVER marks its end."""
        lanes, starts, trip, time, size, first = [], [], [], [], 0, 0
        for each in trips:
            order = np.argsort(each.lane, kind="stable")
            lane, begin = np.unique(each.lane[order], return_index=True)
            ends = np.append(begin[1:], len(order))
            lanes.append(self._tensor(lane))
            starts.append(self._tensor(begin + np.arange(len(lane)) + size))
            trip.append(np.insert(order + first, ends, -1))
            time.append(np.insert(each.time[order], ends, NEVER))
            size, first = size + len(trip[-1]), first + len(order)
        self._queue_trip = self._tensor(np.concatenate(trip))
        self._queue_time = self._tensor(np.concatenate(time))
        sizes = torch.tensor([len(lane) for lane in lanes], device=self._device)
        count = sizes[self._demand]
        self._copy = torch.repeat_interleave(count)
        offset = torch.arange(len(self._copy), device=self._device)
        offset -= (count.cumsum(0) - count)[self._copy]
        queue = (sizes.cumsum(0) - sizes)[self._demand][self._copy] + offset
        self.spot = torch.cat(lanes)[queue] + self._copy * self._stride
        self._begin = torch.cat(starts)[queue]
        self._update_next()

    def _update_next(self) -> None:
        """Update the next departure time of each queue."""
        time = self._queue_time[self._begin + self._entered[self.spot]]
        self._next = time + torch.where(time < NEVER, self.born[self._copy], 0)
        used = [
            int(self.born[copy]) + self._untils[demand]
            for copy, demand in enumerate(self._demand.tolist())
            if self._more[demand]
        ]
        self._known_until = min(used, default=NEVER)

    # -- departures ------------------------------------------------------------------------------

    def extend(self, tick: int, fleet: Fleet) -> None:
        """Extend the tables in time where they are used up."""
        if tick < self._known_until:
            return
        age = tick - self.born
        for number, more in enumerate(self._more):
            mine = age[self._demand == number]
            if more and len(mine) and int(mine.max()) >= self._untils[number]:
                self._untils[number] *= 2
        self._replace(self._demand, fleet)

    def ready(self, tick: int) -> Int[Tensor, " n"]:
        """Queues with a waiting vehicle."""
        return where_true(self._next <= tick)

    def head(self, queue: Int[Tensor, " n"]) -> Int[Tensor, " n"]:
        """Trip at the head of each queue."""
        return self._queue_trip[self._begin[queue] + self._entered[self.spot[queue]]]

    def take(self, queue: Int[Tensor, " n"]) -> None:
        """Remove the head of each queue, which has entered the network."""
        place = self.spot[queue]
        entered = self._entered[place] + 1
        self._entered[place] = entered
        time = self._queue_time[self._begin[queue] + entered]
        self._next[queue] = torch.where(time < NEVER, time + self.born[self._copy[queue]], NEVER)

    def begun(self, trip: Int[Tensor, " n"]) -> Int[Tensor, " n"]:
        """Departure time of each trip, in seconds after the reset."""
        return pick(self._time, trip)

    def sent(self, tick: int) -> tuple[Int[Tensor, " copies"], Int[Tensor, " copies"]]:
        """Number of vehicles generated in each copy, and the sum of their departure times."""
        first = self._trip_begins[self._demand]
        now = self._demand * (NEVER // 2**20) + (tick - self.born)
        end = torch.searchsorted(self._when, now)
        return end - first, self._time_before[end] - self._time_before[first]

    # -- reset and state -------------------------------------------------------------------------

    def reset(
        self,
        copies: Int[Tensor, " n"],
        flows: Sequence[Sequence[Flow]] | None,
        tick: int,
        fleet: Fleet,
    ) -> None:
        """Reset these copies; trips and paths of `fleet` are renumbered."""
        if flows is not None and len(flows) != len(copies):
            raise ValueError(f"flows is for {len(flows)} copies, but {len(copies)} are reset")
        numbered: dict[int, Flows] = {}
        for each in flows or ():
            if id(each) not in numbered:
                numbered[id(each)] = number_flows(each, self._network)
        fresh = [self._usual] * len(copies) if flows is None else [numbered[id(x)] for x in flows]
        chosen = [self._demands[number] for number in self._demand.tolist()]
        same = all(chosen[copy] is new for copy, new in zip(copies.tolist(), fresh, strict=True))
        self.born[copies] = tick
        self._entered.view(-1, self._stride)[copies] = 0
        if same:
            self._update_next()
            return
        for copy, new in zip(copies.tolist(), fresh, strict=True):
            chosen[copy] = new
        self._change(chosen, fleet)

    def _change(self, chosen: list[Flows], fleet: Fleet) -> None:
        known = {id(x): until for x, until in zip(self._demands, self._untils, strict=True)}
        number: dict[int, int] = {}
        demands: list[Flows] = []
        for each in chosen:
            if id(each) not in number:
                number[id(each)] = len(demands)
                demands.append(each)
        self._demands = demands
        self._untils = [known.get(id(each), FIRST_SECONDS) for each in demands]
        self._replace(
            torch.tensor([number[id(each)] for each in chosen], device=self._device), fleet
        )

    def _replace(self, demand: Int[Tensor, " copies"], fleet: Fleet) -> None:
        """Rebuild the tables and renumber the trips and paths of vehicles in the network."""
        trip = fleet.trip - self._trip_begins[self._demand][fleet.copy]
        way = fleet.way - self._way_begins[self._demand][fleet.copy]
        self._demand = demand
        self._compile()
        fleet.trip = trip + self._trip_begins[demand][fleet.copy]
        fleet.way = way + self._way_begins[demand][fleet.copy]

    def state(self) -> dict[str, Any]:
        """State as tensors and plain values."""
        return {
            "flows": [flows.state() for flows in self._demands],
            "until": list(self._untils),
            "demand": self._demand.clone(),
            "born": self.born.clone(),
            "entered": self._entered.clone(),
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Restore the result of `state`."""
        loaded = [Flows.from_state(each) for each in state["flows"]]
        self._demands = [self._usual if each.equals(self._usual) else each for each in loaded]
        self._untils = list(state["until"])
        self._demand, self.born, self._entered = (
            state[name].clone().to(self._device) for name in ("demand", "born", "entered")
        )
        self._compile()
