"""Reader of CityFlow's files: roadnet, flow and config.

Defaults are CityFlow's. Input that CityFlow would refuse, silently misread or crash on raises a
ValueError that names the file, the position in it and the problem. Members that CityFlow does not
read are dropped. A written roadnet has two of them, as those of CityFlow's grid generator:
`direction` (0 to 3 for east, north, west and south) and `roadLinkIndices`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import get_args

from graphmarl.envs.traffic.geometry import Point, at, bezier, lane_line, length
from graphmarl.envs.traffic.json_value import JsonValue
from graphmarl.envs.traffic.schema import (
    CityFlowConfig,
    Flow,
    Intersection,
    Lane,
    LaneLink,
    Phase,
    Road,
    RoadLink,
    Roadnet,
    Turn,
    VehicleKind,
)
from graphmarl.envs.traffic.writing import (
    MEMBERS,
    write_config,
    write_flow,
    write_roadnet,
    write_task,
)


def _point(entry: JsonValue) -> Point:
    return entry["x"].number(), entry["y"].number()


def _points(entry: JsonValue) -> tuple[Point, ...]:
    points = tuple(_point(point) for point in entry)
    if len(points) < 2:
        entry.fail(f"has {len(points)} points; a line has at least 2")
    return points


def _road(entry: JsonValue, intersections: set[str]) -> Road:
    ends = []
    for name in ("startIntersection", "endIntersection"):
        ends.append(entry[name].text())
        if ends[-1] not in intersections:
            entry[name].fail(f"is {ends[-1]!r}, which is no intersection")
    points = _points(entry["points"])
    for number, (a, b) in enumerate(pairwise(points)):
        if a == b:
            entry["points"].fail(f"has the same point twice, as {number} and {number + 1}")
    lanes = tuple(
        Lane(lane["width"].positive(), lane["maxSpeed"].positive()) for lane in entry["lanes"]
    )
    if not lanes:
        entry["lanes"].fail("is empty; a road has at least 1 lane")
    return Road(entry["id"].text(), ends[0], ends[1], points, lanes)


def _curve(link: tuple[int, int], roads: tuple[Road, Road], width: float) -> tuple[Point, ...]:
    """CityFlow's default curve of a lane link without points."""
    before, after = (
        lane_line(road.points, [lane.width for lane in road.lanes], lane)
        for road, lane in zip(roads, link, strict=True)
    )
    start, out = at(before, length(before) - width)
    end, into = at(after, width)
    return bezier(start, out, end, into, width)


def _lane_link(entry: JsonValue, roads: tuple[Road, Road], width: float) -> LaneLink:
    numbers = []
    for name, road in zip(("startLaneIndex", "endLaneIndex"), roads, strict=True):
        numbers.append(entry[name].integer())
        if not 0 <= numbers[-1] < len(road.lanes):
            allowed = f"0 to {len(road.lanes) - 1}"
            entry[name].fail(f"is {numbers[-1]}; the lanes of {road.id} are {allowed}")
    link = numbers[0], numbers[1]
    if entry.has("points") and entry["points"].value != []:
        return LaneLink(*link, _points(entry["points"]))
    return LaneLink(*link, _curve(link, roads, width))


def _road_of(entry: JsonValue, roads: Mapping[str, Road]) -> Road:
    if entry.text() not in roads:
        entry.fail(f"is {entry.value!r}, which is no road")
    return roads[entry.value]


def _road_link(entry: JsonValue, here: str, roads: Mapping[str, Road], width: float) -> RoadLink:
    kind = entry["type"].text()
    if kind not in get_args(Turn):
        entry["type"].fail(f"is {kind!r}; allowed are {', '.join(get_args(Turn))}")
    start, end = _road_of(entry["startRoad"], roads), _road_of(entry["endRoad"], roads)
    if start.end_intersection != here:
        entry["startRoad"].fail(f"is {start.id!r}, which ends at {start.end_intersection!r}")
    if end.start_intersection != here:
        entry["endRoad"].fail(f"is {end.id!r}, which begins at {end.start_intersection!r}")
    links = tuple(_lane_link(link, (start, end), width) for link in entry["laneLinks"])
    return RoadLink(kind, start.id, end.id, links)  # type: ignore[arg-type]


def _phase(entry: JsonValue, links: int) -> Phase:
    numbers = []
    for number in entry["availableRoadLinks"]:
        numbers.append(number.integer())
        if not 0 <= numbers[-1] < links:
            number.fail(f"is {numbers[-1]}; there are {links} road links, from 0")
    return Phase(entry["time"].number(), tuple(numbers))


def _intersection(entry: JsonValue, roads: Mapping[str, Road]) -> Intersection:
    here, virtual = entry["id"].text(), entry["virtual"].flag()
    names = tuple(_road_of(name, roads).id for name in entry["roads"])
    # CityFlow reads nothing else of virtual intersections, whose width is 0.
    width = 0.0 if virtual else entry["width"].not_negative()
    links: tuple[RoadLink, ...] = ()
    if not virtual:
        links = tuple(_road_link(link, here, roads, width) for link in entry["roadLinks"])
    phases: tuple[Phase, ...] = ()
    if not virtual:
        light = entry["trafficLight"]["lightphases"]
        phases = tuple(_phase(phase, len(links)) for phase in light)
        if not phases:
            light.fail("is empty; an intersection that is not virtual has at least 1 phase")
    return Intersection(here, _point(entry["point"]), width, names, links, phases, virtual)


def _unique(entries: Iterable[JsonValue]) -> set[str]:
    ids: set[str] = set()
    for entry in entries:
        if entry["id"].text() in ids:
            entry["id"].fail(f"is {entry['id'].value!r}, which is there already")
        ids.add(entry["id"].value)
    return ids


def read_roadnet(path: str | Path) -> Roadnet:
    """Read a road network.

    Raises:
        ValueError: the file is malformed; the message names the position and the problem.
    """
    whole = JsonValue.whole(path)
    intersections, _ = _unique(whole["intersections"]), _unique(whole["roads"])
    roads = tuple(_road(entry, intersections) for entry in whole["roads"])
    by_id = {road.id: road for road in roads}
    return Roadnet(tuple(_intersection(entry, by_id) for entry in whole["intersections"]), roads)


def _vehicle(entry: JsonValue) -> VehicleKind:
    numbers = {}
    for name, member in MEMBERS.items():
        may_be_zero = name in ("min_gap", "headway_time")
        numbers[name] = (JsonValue.not_negative if may_be_zero else JsonValue.positive)(
            entry[member]
        )
    return VehicleKind(**numbers)


def read_flow(path: str | Path, roadnet: Roadnet) -> tuple[Flow, ...]:
    """Read the flows of a road network.

    Raises:
        ValueError: the file is malformed; the message names the position and the problem.
    """
    roads = {road.id: road for road in roadnet.roads}
    flows = []
    for entry in JsonValue.whole(path):
        route = tuple(_road_of(name, roads).id for name in entry["route"])
        if not route:
            entry["route"].fail("is empty; a trip has at least 1 road")
        start = entry["startTime"].integer(low=0) if entry.has("startTime") else 0
        end = entry["endTime"].integer(low=-1) if entry.has("endTime") else -1
        vehicle, interval = _vehicle(entry["vehicle"]), entry["interval"].positive()
        flows.append(Flow(vehicle, route, interval, start, end))
    return tuple(flows)


def read_config(path: str | Path) -> CityFlowConfig:
    """Read a config, which names the other files.

    Raises:
        ValueError: the file is malformed; the message names the position and the problem.
    """
    entry = JsonValue.whole(path)
    return CityFlowConfig(
        interval=entry["interval"].positive(),
        seed=entry["seed"].integer(),
        dir=entry["dir"].text(),
        roadnet_file=entry["roadnetFile"].text(),
        flow_file=entry["flowFile"].text(),
        rl_traffic_light=entry["rlTrafficLight"].flag(),
        lane_change=entry["laneChange"].flag() if entry.has("laneChange") else False,
    )


def read_task(path: str | Path) -> tuple[CityFlowConfig, Roadnet, tuple[Flow, ...]]:
    """Read a config and the files that it names.

    Unlike in CityFlow, a relative `dir` is relative to the config's folder.

    Raises:
        ValueError: a file is malformed; the message names file, position and problem.
    """
    config = read_config(path)
    folder = Path(path).parent / config.dir
    roadnet = read_roadnet(folder / config.roadnet_file)
    return config, roadnet, read_flow(folder / config.flow_file, roadnet)


__all__ = [
    "CityFlowConfig",
    "Flow",
    "Intersection",
    "Lane",
    "LaneLink",
    "Phase",
    "Road",
    "RoadLink",
    "Roadnet",
    "Turn",
    "VehicleKind",
    "read_config",
    "read_flow",
    "read_roadnet",
    "read_task",
    "write_config",
    "write_flow",
    "write_roadnet",
    "write_task",
]
