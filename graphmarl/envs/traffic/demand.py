"""Traffic demand as arrays: departure times, first lanes and routes of all vehicles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from graphmarl.envs.traffic.network import Network
from graphmarl.envs.traffic.routing import RoutePaths, route_paths, shortest_path
from graphmarl.envs.traffic.schema import Flow

KIND_FIELDS = 9

SHORTEST = 0.01
"""Shortest interval between the vehicles of a flow, in seconds."""


@dataclass(frozen=True)
class Flows:
    """Flows as arrays, which are also their saved form.

    Args:
        interval: seconds between vehicles, `(flows,)`.
        start: departure time of the first vehicle, in seconds.
        end: latest departure time; -1 for no end.
        kind: row of `kinds`.
        kinds: parameters of each kind of vehicle, in the order of `VehicleKind`.
        route: index of the route.
        route_start: start of each route in `roads`, with one final entry.
        roads: road indices of all routes, concatenated.
    """

    interval: np.ndarray
    start: np.ndarray
    end: np.ndarray
    kind: np.ndarray
    kinds: np.ndarray
    route: np.ndarray
    route_start: np.ndarray
    roads: np.ndarray

    def state(self) -> dict[str, Tensor]:
        """Arrays as tensors, by name."""
        return {name: torch.from_numpy(value) for name, value in vars(self).items()}

    def equals(self, other: Flows) -> bool:
        """Whether all arrays are equal."""
        return all(np.array_equal(value, vars(other)[name]) for name, value in vars(self).items())

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor]) -> Flows:
        """Rebuild from the result of `state`."""
        return cls(**{name: value.cpu().numpy() for name, value in state.items()})


def whole_route(route: Sequence[str], network: Network) -> list[int]:
    """All roads of a route, with shortest paths between the given ones.

    Raises:
        ValueError: there is no such way; the message begins with `.route`.
    """
    missing = [road for road in route if road not in network.roads]
    if missing:
        raise ValueError(f".route names {missing[0]!r}, which is no road of the network")
    named = [network.roads[road] for road in route]
    whole = named[:1]
    for (before, road), (a, b) in zip(pairwise(named), pairwise(route), strict=True):
        if before != road:
            direct = road in network.next_roads[before]
            way = [road] if direct else shortest_path(network, before, road)
            if not way:
                raise ValueError(f".route: there is no way from {a!r} to {b!r}")
            whole += way
    if len(whole) < 2:
        raise ValueError(f".route is {tuple(route)}; a trip goes over at least 2 roads")
    return whole


def number_flows(flows: Sequence[Flow], network: Network) -> Flows:
    """Convert flows to arrays.

    Unlike CityFlow, which omits such a flow, this raises an error for an impossible route.

    Raises:
        ValueError: a flow is invalid; the message names it and the reason.
    """
    kinds: dict[object, int] = {}
    routes: dict[tuple[str, ...], int] = {}
    whole: list[list[int]] = []
    kind, route = [], []
    for number, flow in enumerate(flows):
        where = f"flows[{number}]"
        single = flow.start_time == flow.end_time
        if not flow.interval > 0 or (flow.interval < SHORTEST and not single):
            raise ValueError(
                f"{where}.interval is {flow.interval}; allowed are at least {SHORTEST} s, or above "
                "0 s for a single vehicle (start_time equal to end_time)"
            )
        if flow.route not in routes:
            routes[flow.route] = len(whole)
            try:
                whole.append(whole_route(flow.route, network))
            except ValueError as error:
                raise ValueError(f"{where}{error}") from None
        route.append(routes[flow.route])
        kind.append(kinds.setdefault(flow.vehicle, len(kinds)))
    table = [astuple(each) for each in kinds]  # type: ignore[call-overload]
    return Flows(
        interval=np.array([flow.interval for flow in flows], dtype=np.float64),
        start=np.array([flow.start_time for flow in flows], dtype=np.int64),
        end=np.array([flow.end_time for flow in flows], dtype=np.int64),
        kind=np.array(kind, dtype=np.int64),
        kinds=np.array(table, dtype=np.float64).reshape(-1, KIND_FIELDS),
        route=np.array(route, dtype=np.int64),
        route_start=np.cumsum([0, *map(len, whole)]),
        roads=np.array([road for each in whole for road in each], dtype=np.int64),
    )


@dataclass(frozen=True)
class Arrivals:
    """Vehicles of a set of flows with departure times before `until`, in order of departure.

    Args:
        until: end of the time range, in seconds (exclusive).
        more: whether vehicles depart later.
        time: departure time of each vehicle.
        kind: row of `Flows.kinds`.
        way: start of the vehicle's path in `RoutePaths.places`.
        lane: first lane.
        priority: random tie-breaker; the higher one goes first.
    """

    until: int
    more: bool
    time: np.ndarray
    kind: np.ndarray
    way: np.ndarray
    lane: np.ndarray
    priority: np.ndarray


def _random_bits(seed: int, number: int) -> np.ndarray:
    """The first outputs of C++'s `std::mt19937`, CityFlow's generator."""
    return np.random.RandomState(seed).randint(0, 2**32, number, dtype=np.uint32)


def _draws(time: np.ndarray, road: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Priority and random choice of the first lane of each vehicle, equal to CityFlow's draws.

    In each second it draws two numbers for every vehicle, in the order of the flows (the second
    one for its threads), and then one for every vehicle, in the order of their first roads.
    """
    bits = _random_bits(seed, 3 * len(time))
    _, first, inverse, count = np.unique(
        time, return_index=True, return_inverse=True, return_counts=True
    )
    begin, here = first[inverse], count[inverse]
    by_road = np.lexsort((road, time))
    rank = np.empty_like(by_road)
    rank[by_road] = np.arange(len(time)) - begin[by_road]
    priority = bits[3 * begin + 2 * (np.arange(len(time)) - begin)].astype(np.int32)
    return priority.astype(np.int64), bits[3 * begin + 2 * here + rank].astype(np.int64)


def arrivals(flows: Flows, ways: RoutePaths, until: int, seed: int) -> Arrivals:
    """Vehicles that depart before `until`; a later `until` only appends vehicles."""
    last = np.where(flows.end < 0, until - 1, np.minimum(flows.end, until - 1)) - flows.start
    single = flows.start == flows.end
    interval = np.where(single, 1.0, flows.interval)
    count = np.where(last >= 0, np.floor(last / interval).astype(np.int64) + 1, 0)
    final = np.where(flows.end < 0, np.inf, flows.end - flows.start)
    more = (final >= 0) & (np.where(final >= 0, np.floor(final / interval), -1) + 1 > count)
    flow = np.repeat(np.arange(len(count)), count)
    number = np.arange(len(flow)) - np.repeat(np.cumsum(count) - count, count)
    time = flows.start[flow] + np.ceil(number * interval[flow]).astype(np.int64)
    order = np.argsort(time, kind="stable")
    flow, time = flow[order], time[order]
    route = flows.route[flow]
    priority, draw = _draws(time, flows.roads[flows.route_start[route]], seed)
    way = ways.first[route] + draw % ways.count[route]
    return Arrivals(
        until, bool(more.any()), time, flows.kind[flow], ways.start[way], ways.lane[way], priority
    )


def plan(flows: Flows, network: Network) -> RoutePaths:
    """Paths of every route, from each possible first lane."""
    return route_paths(network, flows.route_start, flows.roads)
