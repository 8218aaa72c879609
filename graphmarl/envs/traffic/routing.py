"""Routing: from routes over roads to paths over drivables."""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heappop, heappush

import numpy as np

from graphmarl.envs.traffic.network import Network


@dataclass(frozen=True)
class RoutePaths:
    """Paths of every route from each of its possible first lanes.

    Args:
        first: index of the first path of each route.
        count: number of possible first lanes of each route.
        lane: first lane of each path.
        start: start of each path in `places`.
        places: drivables of all paths, concatenated: lane, link, lane, ..., lane, exit.
    """

    first: np.ndarray
    count: np.ndarray
    lane: np.ndarray
    start: np.ndarray
    places: np.ndarray


def shortest_path(network: Network, start: int, end: int) -> list[int]:
    """Roads after `start` on the shortest path to `end`, by mean lane length; empty if none."""
    if end in network.next_roads[start]:
        return [end]
    length = network.length[: network.num_lanes].cpu().double().numpy()
    distance, came, done = {start: 0.0}, {}, set()
    queue = [(0.0, start)]
    while queue:
        far, road = heappop(queue)
        if road == end:
            break
        if road in done:
            continue
        done.add(road)
        for after in network.next_roads[road]:
            lanes = slice(network.first_lane[after], network.first_lane[after + 1])
            total = far + float(length[lanes].mean())
            if total < distance.get(after, np.inf):
                distance[after], came[after] = total, road
                heappush(queue, (total, after))
    if end not in came:
        return []
    path = [end]
    while came[path[-1]] != start:
        path.append(came[path[-1]])
    return path[::-1]


def _look_up(network: Network, lane: np.ndarray, road: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Lane link of each (lane, next road, road after it); -1 where there is none."""
    key = network.key(lane, road, after)
    if not len(network.route_keys):
        return np.full(len(key), -1)
    place = np.searchsorted(network.route_keys, key).clip(max=len(network.route_keys) - 1)
    return np.where(network.route_keys[place] == key, network.route_links[place], -1)


def _first_lanes(network: Network, first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, ...]:
    """Route and first lane of every path: lanes of the first road with a link to the second."""
    lanes = network.first_lane[first + 1] - network.first_lane[first]
    route = np.repeat(np.arange(len(first)), lanes)
    lane = np.arange(len(route)) - np.repeat(np.cumsum(lanes) - lanes, lanes)
    lane += network.first_lane[first][route]
    leads = _look_up(network, lane, second[route], np.full(len(lane), -1)) >= 0
    return route[leads], lane[leads]


def route_paths(network: Network, route_start: np.ndarray, roads: np.ndarray) -> RoutePaths:
    """Convert routes to paths over drivables, with CityFlow's choice of lane links.

    Args:
        network: road network.
        route_start: start of each route in `roads`, with one final entry.
        roads: road indices of all routes, concatenated.

    Raises:
        ValueError: a route leads into a lane from which it cannot continue.
    """
    paths, stuck = _follow(network, route_start, roads)
    if stuck:
        raise ValueError(next(iter(stuck.values())))
    return paths


def dead_ends(network: Network, route_start: np.ndarray, roads: np.ndarray) -> dict[int, str]:
    """Routes that lead into a lane from which they cannot continue, with the reason.

    Args:
        network: road network.
        route_start: start of each route in `roads`, with one final entry.
        roads: road indices of all routes, concatenated.
    """
    return _follow(network, route_start, roads)[1]


def _follow(
    network: Network, route_start: np.ndarray, roads: np.ndarray
) -> tuple[RoutePaths, dict[int, str]]:
    """Paths of all routes, and the reason of each route that cannot be followed to its end."""
    size = np.diff(route_start)
    beyond = np.concatenate([roads, [-1, -1]])
    route, lane = _first_lanes(network, roads[route_start[:-1]], beyond[route_start[:-1] + 1])
    count = np.bincount(route, minlength=len(size))
    steps = size[route]
    start = np.cumsum(2 * steps) - 2 * steps
    places = np.full(2 * int(steps.sum()) + 2, network.num_drivables)
    places[start] = here = lane.copy()
    stuck: dict[int, str] = {}
    for step in range(1, int(size.max(initial=1))):
        on = np.flatnonzero(steps > step)
        at = route_start[route[on]] + step
        after = np.where(steps[on] > step + 1, beyond[at + 1], -1)
        link = _look_up(network, here[on], roads[at], after)
        for path in np.flatnonzero(link < 0).tolist():
            reason = _dead_end(network, int(here[on[path]]), int(roads[at[path]]))
            stuck.setdefault(int(route[on[path]]), reason)
        on, link = on[link >= 0], link[link >= 0]
        here[on] = network.link_end[link - network.num_lanes]
        places[start[on] + 2 * step - 1], places[start[on] + 2 * step] = link, here[on]
    return RoutePaths(np.cumsum(count) - count, count, lane, start, places), stuck


def _dead_end(network: Network, lane: int, road: int) -> str:
    names = list(network.roads)
    own = int(network.lane_road[lane])
    return (
        f"a route goes from {names[own]!r} to {names[road]!r}, but reaches lane "
        f"{lane - network.first_lane[own]} of it, which does not lead there (or only into lanes "
        "that do not lead on); vehicles do not change lanes"
    )
