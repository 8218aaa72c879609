"""Reader of CityFlow's road networks."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import get_args

from graphmarl.envs.traffic.geometry import (
    Point,
    at,
    bezier,
    lane_lengths,
    lane_line,
    length,
)
from graphmarl.envs.traffic.json_value import JsonValue
from graphmarl.envs.traffic.schema import (
    Intersection,
    Lane,
    LaneLink,
    Phase,
    Road,
    RoadLink,
    Roadnet,
    Turn,
)

NO_LINE = (
    "give no line: two points of a lane coincide, the road turns back on itself, or it is as long "
    "as the intersections at its ends are wide"
)


def _point(entry: JsonValue) -> Point:
    return entry["x"].number(), entry["y"].number()


def _points(entry: JsonValue) -> tuple[Point, ...]:
    points = tuple(_point(point) for point in entry)
    if len(points) < 2:
        entry.fail(f"has {len(points)} points; a line has at least 2")
    return points


def _road(entry: JsonValue, intersections: Mapping[str, JsonValue]) -> Road:
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
            entry[name].fail(f"is {numbers[-1]}; the lanes of {road.id!r} are {allowed}")
    link = numbers[0], numbers[1]
    if entry.has("points") and entry["points"].value != []:
        return LaneLink(*link, _points(entry["points"]))
    try:
        return LaneLink(*link, _curve(link, roads, width))
    except ZeroDivisionError:
        entry.fail(
            f"has no points, and the points of {roads[0].id!r} and {roads[1].id!r} {NO_LINE}"
        )


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


def _by_id(entries: JsonValue, skipped: list[str] | None) -> dict[str, JsonValue]:
    """Entries by their ids; the last one counts where `skipped` takes a note of the others."""
    found: dict[str, JsonValue] = {}
    for entry in entries:
        name = entry["id"].text()
        if name in found:
            if skipped is None:
                entry["id"].fail(
                    f"is {name!r}, which is there already; the option undrivable=skip takes the "
                    "last one, as CityFlow does"
                )
            former = found.pop(name)
            same = f"{former.path} has the id {name!r} of {entry.path}"
            skipped.append(f"{former.file.name}: {same}, which counts")
        found[name] = entry
    return found


def _check_line(entry: JsonValue, road: Road, places: Mapping[str, Intersection]) -> None:
    """Check that the lanes of a road have a direction everywhere.

    Raises:
        ValueError: they have none.
    """
    ends = [places[name].width for name in (road.start_intersection, road.end_intersection)]
    try:
        lane_lengths(road.points, [lane.width for lane in road.lanes], *ends)
    except ZeroDivisionError:
        entry["points"].fail(NO_LINE)


def read_roadnet(path: str | Path, skipped: list[str] | None = None) -> Roadnet:
    """Read a road network.

    Args:
        path: the file.
        skipped: without it, two entries with the same id are refused. A list takes a sentence for
            each of them that is left out; the last one counts, as in CityFlow.

    Raises:
        ValueError: the file is malformed; the message names the position and the problem.
    """
    whole = JsonValue.whole(path)
    intersections = _by_id(whole["intersections"], skipped)
    entries = _by_id(whole["roads"], skipped)
    roads = {name: _road(entry, intersections) for name, entry in entries.items()}
    places = {name: _intersection(entry, roads) for name, entry in intersections.items()}
    for name, entry in entries.items():
        _check_line(entry, roads[name], places)
    return Roadnet(tuple(places.values()), tuple(roads.values()))
