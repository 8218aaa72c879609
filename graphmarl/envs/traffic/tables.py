"""Compilation of road networks to tensors."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt

import numpy as np
import torch
from torch import Tensor

from graphmarl.envs.traffic.crossings import Crossings, find_crossings
from graphmarl.envs.traffic.geometry import lane_lengths
from graphmarl.envs.traffic.network import Network, route_key
from graphmarl.envs.traffic.schema import Intersection, LaneLink, RoadLink, Roadnet
from graphmarl.envs.traffic.speeds import TURN_SPEED

RANK = {"turn_right": 1, "turn_left": 2, "go_straight": 3}
"""Rank of turns at a conflict point; the higher one goes first."""

NO_LIMIT = 10_000.0
"""Speed limit of lane links, in m/s: effectively none."""

_SAME_PLACE = 6
"""Decimals to which links relative to their intersection must agree to share crossings."""


@dataclass(frozen=True)
class _Link:
    """A lane link with its signal, road link, and start and end lanes."""

    signal: int
    movement: int
    kind: RoadLink
    link: LaneLink
    start: int
    end: int


def _lane_lengths(roadnet: Roadnet) -> list[float]:
    """Lengths of all lanes, which end before and begin after an intersection by its width."""
    gap = {place.id: 0.0 if place.virtual else place.width for place in roadnet.intersections}
    found = []
    for road in roadnet.roads:
        widths = [lane.width for lane in road.lanes]
        ends = gap[road.start_intersection], gap[road.end_intersection]
        found += lane_lengths(road.points, widths, *ends)
    return found


def _link_length(link: LaneLink) -> float:
    # Not by `hypot`, whose rounding differs from CityFlow's.
    steps = ((b[0] - a[0], b[1] - a[1]) for a, b in pairwise(link.points))
    return sum(sqrt(x * x + y * y) for x, y in steps)


def _links(signals: Sequence[Intersection], first_lane: dict[str, int]) -> list[_Link]:
    return [
        _Link(
            signal,
            movement,
            kind,
            link,
            first_lane[kind.start_road] + link.start_lane,
            first_lane[kind.end_road] + link.end_lane,
        )
        for signal, place in enumerate(signals)
        for movement, kind in enumerate(place.road_links)
        for link in kind.lane_links
    ]


def _all_crossings(signals: Sequence[Intersection]) -> Crossings:
    """Crossings of all intersections, by indices of lane links in the whole network."""
    known: dict[bytes, Crossings] = {}
    found, before = [], 0
    for place in signals:
        lines = [link.points for kind in place.road_links for link in kind.lane_links]
        if not lines:
            continue
        relative = [np.array(line) - place.point for line in lines]
        shape = np.array([len(line) for line in lines]).tobytes()
        seen = shape + (np.concatenate(relative).round(_SAME_PLACE) + 0.0).tobytes()
        if seen not in known:
            known[seen] = find_crossings(lines)
        first, second, *distances = known[seen]
        found.append(Crossings(first + before, second + before, *distances))
        before += len(lines)
    if not found:
        return find_crossings([])
    return Crossings(*(np.concatenate(column) for column in zip(*found, strict=True)))


def _crossing_tables(found: Crossings, lanes: int, links: int) -> dict[str, Tensor]:
    """Both sides of every crossing, sorted by link and position along it."""
    link = np.concatenate([found.first, found.second])
    along_it = np.concatenate([found.along_first, found.along_second])
    order = np.lexsort((along_it, link))
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    other = np.roll(place, -len(found.first))[order]
    count = np.bincount(link.astype(int) + lanes, minlength=lanes + links + 1)
    return {
        "cross_start": torch.from_numpy(np.cumsum(count) - count),
        "cross_count": torch.from_numpy(count),
        "cross_at": torch.from_numpy(along_it[order]),
        "cross_other": torch.from_numpy(other),
    }


def _routes(links: list[_Link], lane_road: list[int], lane_index: list[int]) -> dict[int, int]:
    """Lane link from a lane to the next road, given the road after it, by code.

    Among the links whose end lane leads to that road, the one whose end lane has the index nearest
    to that of the lane; ties take the first in the order of the file.
    """
    leaving = defaultdict(list)
    for number, link in enumerate(links):
        leaving[link.start].append((number, link))
    leads = {lane: {lane_road[link.end] for _, link in out} for lane, out in leaving.items()}
    roads, best = max(lane_road, default=-1) + 1, {}
    for lane, out in leaving.items():
        for number, link in out:
            far = abs(lane_index[link.end] - lane_index[lane])
            for after in (-1, *leads.get(link.end, ())):
                key = route_key(lane, lane_road[link.end], after, roads)
                if key not in best or far < best[key][0]:
                    best[key] = far, number + len(lane_road)
    return {key: link for key, (_, link) in best.items()}


def _next_roads(
    links: list[_Link], lane_road: list[int], roads: int
) -> tuple[tuple[int, ...], ...]:
    found: list[dict[int, None]] = [{} for _ in range(roads)]
    for link in links:
        found[lane_road[link.start]][lane_road[link.end]] = None
    return tuple(map(tuple, found))


def _ahead(links: list[_Link], lanes: int) -> Tensor:
    leaving = defaultdict(list)
    for number, link in enumerate(links):
        leaving[link.start].append(lanes + number)
    exit_ = lanes + len(links)
    widest = max(map(len, leaving.values()), default=1)
    table = np.full((exit_ + 1, widest), exit_)
    table[:lanes, 0] = np.arange(lanes)
    for number, link in enumerate(links):
        out = leaving[link.start]
        table[lanes + number, : len(out)] = out
    return torch.from_numpy(table)


def _lights(signals: Sequence[Intersection], links: list[_Link]) -> dict[str, Tensor]:
    lights = []
    for place in signals:
        table = np.zeros((len(place.phases), len(place.road_links)), dtype=bool)
        for number, phase in enumerate(place.phases):
            table[number, list(phase.road_links)] = True
        lights.append(table.reshape(-1))
    begins = np.cumsum([0, *map(len, lights)]).tolist()
    return {
        "phases": torch.tensor([len(place.phases) for place in signals], dtype=torch.long),
        "link_signal": torch.tensor([link.signal for link in links], dtype=torch.long),
        "link_light": torch.tensor(
            [begins[link.signal] + link.movement for link in links], dtype=torch.long
        ),
        "link_stride": torch.tensor(
            [len(signals[link.signal].road_links) for link in links], dtype=torch.long
        ),
        "light": torch.from_numpy(np.concatenate([np.zeros(0, bool), *lights])),
    }


def compile_network(roadnet: Roadnet) -> Network:
    """Compile a road network to tensors on the CPU in double precision."""
    signals = roadnet.signals
    counts = [len(road.lanes) for road in roadnet.roads]
    first = np.cumsum(counts) - counts
    links = _links(signals, {road.id: int(n) for road, n in zip(roadnet.roads, first, strict=True)})
    road = [number for number, count in enumerate(counts) for _ in range(count)]
    routes = _routes(links, road, [lane for count in counts for lane in range(count)])
    keys = np.array(sorted(routes), dtype=np.int64)
    lengths = _lane_lengths(roadnet)
    limits = [lane.max_speed for each in roadnet.roads for lane in each.lanes]
    exit_ = [0] * len(road)
    turns = [torch.inf if x.kind.kind == "go_straight" else TURN_SPEED for x in links]
    return Network(
        num_lanes=len(road),
        num_drivables=len(road) + len(links),
        roads={each.id: number for number, each in enumerate(roadnet.roads)},
        first_lane=np.append(first, len(road)),
        lane_road=np.array(road, dtype=np.int64),
        next_roads=_next_roads(links, road, len(counts)),
        route_keys=keys,
        route_links=np.array([routes[int(key)] for key in keys], dtype=np.int64),
        link_end=np.array([link.end for link in links], dtype=np.int64),
        length=torch.tensor(
            [*lengths, *(_link_length(link.link) for link in links), torch.inf],
            dtype=torch.float64,
        ),
        max_speed=torch.tensor([*limits, *[NO_LIMIT] * (len(links) + 1)], dtype=torch.float64),
        is_link=torch.tensor([*exit_, *[1] * len(links), 0]) > 0,
        turn_speed=torch.tensor([*[torch.inf] * len(road), *turns, torch.inf], dtype=torch.float64),
        rank=torch.tensor([*exit_, *(RANK[link.kind.kind] for link in links), 0]),
        ahead=_ahead(links, len(road)),
        **_crossing_tables(_all_crossings(signals), len(road), len(links)),
        **_lights(signals, links),
    )
