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


def _point(place: JsonValue) -> Point:
    return place["x"].number(), place["y"].number()


def _points(place: JsonValue) -> tuple[Point, ...]:
    points = tuple(_point(point) for point in place)
    if len(points) < 2:
        place.fail(f"has {len(points)} points; a line has at least 2")
    return points


def _road(place: JsonValue, intersections: set[str]) -> Road:
    ends = []
    for name in ("startIntersection", "endIntersection"):
        ends.append(place[name].text())
        if ends[-1] not in intersections:
            place[name].fail(f"is {ends[-1]!r}, which is no intersection")
    points = _points(place["points"])
    for number, (a, b) in enumerate(pairwise(points)):
        if a == b:
            place["points"].fail(f"has the same point twice, as {number} and {number + 1}")
    lanes = tuple(
        Lane(lane["width"].positive(), lane["maxSpeed"].positive()) for lane in place["lanes"]
    )
    if not lanes:
        place["lanes"].fail("is empty; a road has at least 1 lane")
    return Road(place["id"].text(), ends[0], ends[1], points, lanes)


def _curve(link: tuple[int, int], roads: tuple[Road, Road], width: float) -> tuple[Point, ...]:
    """CityFlow's default curve of a lane link without points."""
    before, after = (
        lane_line(road.points, [lane.width for lane in road.lanes], lane)
        for road, lane in zip(roads, link, strict=True)
    )
    start, out = at(before, length(before) - width)
    end, into = at(after, width)
    return bezier(start, out, end, into, width)


def _lane_link(place: JsonValue, roads: tuple[Road, Road], width: float) -> LaneLink:
    numbers = []
    for name, road in zip(("startLaneIndex", "endLaneIndex"), roads, strict=True):
        numbers.append(place[name].integer())
        if not 0 <= numbers[-1] < len(road.lanes):
            allowed = f"0 to {len(road.lanes) - 1}"
            place[name].fail(f"is {numbers[-1]}; the lanes of {road.id} are {allowed}")
    link = numbers[0], numbers[1]
    if place.has("points") and place["points"].value != []:
        return LaneLink(*link, _points(place["points"]))
    return LaneLink(*link, _curve(link, roads, width))


def _road_of(place: JsonValue, roads: Mapping[str, Road]) -> Road:
    if place.text() not in roads:
        place.fail(f"is {place.value!r}, which is no road")
    return roads[place.value]


def _road_link(place: JsonValue, here: str, roads: Mapping[str, Road], width: float) -> RoadLink:
    kind = place["type"].text()
    if kind not in get_args(Turn):
        place["type"].fail(f"is {kind!r}; allowed are {', '.join(get_args(Turn))}")
    start, end = _road_of(place["startRoad"], roads), _road_of(place["endRoad"], roads)
    if start.end_intersection != here:
        place["startRoad"].fail(f"is {start.id!r}, which ends at {start.end_intersection!r}")
    if end.start_intersection != here:
        place["endRoad"].fail(f"is {end.id!r}, which begins at {end.start_intersection!r}")
    links = tuple(_lane_link(link, (start, end), width) for link in place["laneLinks"])
    return RoadLink(kind, start.id, end.id, links)  # type: ignore[arg-type]


def _phase(place: JsonValue, links: int) -> Phase:
    numbers = []
    for number in place["availableRoadLinks"]:
        numbers.append(number.integer())
        if not 0 <= numbers[-1] < links:
            number.fail(f"is {numbers[-1]}; there are {links} road links, from 0")
    return Phase(place["time"].number(), tuple(numbers))


def _intersection(place: JsonValue, roads: Mapping[str, Road]) -> Intersection:
    here, virtual = place["id"].text(), place["virtual"].flag()
    names = tuple(_road_of(name, roads).id for name in place["roads"])
    # CityFlow reads nothing else of virtual intersections, whose width is 0.
    width = 0.0 if virtual else place["width"].not_negative()
    links: tuple[RoadLink, ...] = ()
    if not virtual:
        links = tuple(_road_link(link, here, roads, width) for link in place["roadLinks"])
    phases: tuple[Phase, ...] = ()
    if not virtual:
        light = place["trafficLight"]["lightphases"]
        phases = tuple(_phase(phase, len(links)) for phase in light)
        if not phases:
            light.fail("is empty; an intersection that is not virtual has at least 1 phase")
    return Intersection(here, _point(place["point"]), width, names, links, phases, virtual)


def _unique(places: Iterable[JsonValue]) -> set[str]:
    ids: set[str] = set()
    for place in places:
        if place["id"].text() in ids:
            place["id"].fail(f"is {place['id'].value!r}, which is there already")
        ids.add(place["id"].value)
    return ids


def read_roadnet(path: str | Path) -> Roadnet:
    """Read a road network.

    Raises:
        ValueError: the file is malformed; the message names the position and the problem.
    """
    whole = JsonValue.whole(path)
    intersections, _ = _unique(whole["intersections"]), _unique(whole["roads"])
    roads = tuple(_road(place, intersections) for place in whole["roads"])
    by_id = {road.id: road for road in roads}
    return Roadnet(tuple(_intersection(place, by_id) for place in whole["intersections"]), roads)


def _vehicle(place: JsonValue) -> VehicleKind:
    numbers = {}
    for name, member in MEMBERS.items():
        may_be_zero = name in ("min_gap", "headway_time")
        numbers[name] = (JsonValue.not_negative if may_be_zero else JsonValue.positive)(
            place[member]
        )
    return VehicleKind(**numbers)


def read_flow(path: str | Path, roadnet: Roadnet) -> tuple[Flow, ...]:
    """Read the flows of a road network.

    Raises:
        ValueError: the file is malformed; the message names the position and the problem.
    """
    roads = {road.id: road for road in roadnet.roads}
    flows = []
    for place in JsonValue.whole(path):
        route = tuple(_road_of(name, roads).id for name in place["route"])
        if not route:
            place["route"].fail("is empty; a trip has at least 1 road")
        start = place["startTime"].integer(low=0) if place.has("startTime") else 0
        end = place["endTime"].integer(low=-1) if place.has("endTime") else -1
        vehicle, interval = _vehicle(place["vehicle"]), place["interval"].positive()
        flows.append(Flow(vehicle, route, interval, start, end))
    return tuple(flows)


def read_config(path: str | Path) -> CityFlowConfig:
    """Read a config, which names the other files.

    Raises:
        ValueError: the file is malformed; the message names the position and the problem.
    """
    place = JsonValue.whole(path)
    return CityFlowConfig(
        interval=place["interval"].positive(),
        seed=place["seed"].integer(),
        dir=place["dir"].text(),
        roadnet_file=place["roadnetFile"].text(),
        flow_file=place["flowFile"].text(),
        rl_traffic_light=place["rlTrafficLight"].flag(),
        lane_change=place["laneChange"].flag() if place.has("laneChange") else False,
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
