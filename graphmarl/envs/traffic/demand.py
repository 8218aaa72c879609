"""Flows as tensors: who comes when, on which lane, and the whole way that each will take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from graphmarl.envs.traffic.files import Flow
from graphmarl.envs.traffic.network import Network
from graphmarl.envs.traffic.routing import Ways, lay_out, shortest_path

KIND_FIELDS = 9


@dataclass(frozen=True)
class Flows:
    """Flows as numbers: what is saved of them.

    Args:
        interval: seconds from one vehicle to the next, `(flows,)`.
        start: second of the first.
        end: the last second at which one may come; -1 if there is no end.
        kind: row of `kinds`.
        kinds: the numbers of each kind of vehicle, in the order of `VehicleKind`.
        route: number of the route.
        route_start: where each route begins in `roads`; one entry more at the end.
        roads: numbers of roads, route after route.
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
        """As tensors."""
        return {name: torch.from_numpy(value) for name, value in vars(self).items()}

    def equals(self, other: Flows) -> bool:
        """Whether they send the same."""
        return all(np.array_equal(value, vars(other)[name]) for name, value in vars(self).items())

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor]) -> Flows:
        """What `state` gave."""
        return cls(**{name: value.cpu().numpy() for name, value in state.items()})


def _whole_route(flow: Flow, network: Network, where: str) -> list[int]:
    """Every road of a route, with the shortest way between those that are named."""
    missing = [road for road in flow.route if road not in network.roads]
    if missing:
        raise ValueError(f"{where}.route names {missing[0]!r}, which is no road of the network")
    named = [network.roads[road] for road in flow.route]
    whole = named[:1]
    for before, road in pairwise(named):
        if before != road:
            direct = road in network.next_roads[before]
            way = [road] if direct else shortest_path(network, before, road)
            if not way:
                a, b = flow.route[named.index(before)], flow.route[named.index(road)]
                raise ValueError(f"{where}.route: there is no way from {a!r} to {b!r}")
            whole += way
    if len(whole) < 2:
        raise ValueError(f"{where}.route is {flow.route}; a trip goes over at least 2 roads")
    return whole


def number_flows(flows: Sequence[Flow], network: Network) -> Flows:
    """Flows as numbers.

    Unlike in CityFlow, which leaves such a flow out, a route that cannot be driven is refused.

    Raises:
        ValueError: says which flow cannot be played, and why.
    """
    kinds: dict[object, int] = {}
    routes: dict[tuple[str, ...], int] = {}
    whole: list[list[int]] = []
    kind, route = [], []
    for number, flow in enumerate(flows):
        where = f"flows[{number}]"
        single = flow.start_time == flow.end_time
        if not flow.interval > 0 or (flow.interval < 1 and not single):
            raise ValueError(
                f"{where}.interval is {flow.interval}; allowed are at least 1 s, or above 0 s for "
                "a single vehicle (start_time equal to end_time)"
            )
        if flow.route not in routes:
            routes[flow.route] = len(whole)
            whole.append(_whole_route(flow, network, where))
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
    """The vehicles of one copy's flows that begin before `until`, in the order in which they come.

    Args:
        until: the first second that is not among them.
        more: whether some come later.
        time: second at which the flow sends each.
        kind: row of `Flows.kinds`.
        way: where each one's way begins in `Ways.places`.
        lane: its first lane.
        priority: random; the higher one goes first where all else is equal.
    """

    until: int
    more: bool
    time: np.ndarray
    kind: np.ndarray
    way: np.ndarray
    lane: np.ndarray
    priority: np.ndarray


def _random_bits(seed: int, number: int) -> np.ndarray:
    """The first outputs of C++'s `std::mt19937`, from which CityFlow draws."""
    return np.random.RandomState(seed).randint(0, 2**32, number, dtype=np.uint32)


def _draws(time: np.ndarray, road: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Priority and choice of the first lane of each vehicle, as CityFlow draws them.

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


def arrivals(flows: Flows, ways: Ways, until: int, seed: int) -> Arrivals:
    """Everyone who comes before `until`; a later one adds to the end, and changes nothing."""
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


def plan(flows: Flows, network: Network) -> Ways:
    """The way of every route, from each lane on which it may begin."""
    return lay_out(network, flows.route_start, flows.roads)
