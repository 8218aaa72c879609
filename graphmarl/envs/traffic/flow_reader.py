"""Reader of CityFlow's flows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from graphmarl.envs.traffic.demand import SHORTEST
from graphmarl.envs.traffic.json_value import JsonValue
from graphmarl.envs.traffic.schema import Flow, Road, Roadnet, VehicleKind
from graphmarl.envs.traffic.tables import compile_network
from graphmarl.envs.traffic.trips import undrivable_trips
from graphmarl.envs.traffic.writing import MEMBERS

SKIP = "the option undrivable=skip"

# What CityFlow takes for a member that a vehicle lacks which is pushed from outside.
PUSHED = {
    "length": 5,
    "width": 2,
    "maxPosAcc": 4.5,
    "maxNegAcc": 4.5,
    "usualPosAcc": 2.5,
    "usualNegAcc": 2.5,
    "minGap": 2,
    "maxSpeed": 16.66667,
    "headwayTime": 1,
}


def _vehicle(entry: JsonValue) -> VehicleKind:
    missing = [member for member in MEMBERS.values() if not entry.has(member)]
    if missing:
        usual = ", ".join(f"{member} {PUSHED[member]}" for member in missing)
        entry.fail(
            f"has no {', '.join(missing)}; CityFlow reads no such file, and its vehicles that are "
            f"pushed from outside have {usual}"
        )
    numbers = {}
    for name, member in MEMBERS.items():
        may_be_zero = name in ("min_gap", "headway_time")
        numbers[name] = (JsonValue.not_negative if may_be_zero else JsonValue.positive)(
            entry[member]
        )
    return VehicleKind(**numbers)


def _start(entry: JsonValue, lenient: bool) -> int:
    """Time of the first departure, at least 0."""
    start = entry.integer()
    if start < 0 and not lenient:
        entry.fail(
            f"is {start}; it must be at least 0, or {SKIP} lets the trip begin at second 0, as "
            "CityFlow does"
        )
    return max(start, 0)


def _flow(entry: JsonValue, roads: Mapping[str, Road], lenient: bool) -> Flow:
    route = []
    for name in entry["route"]:
        if name.text() not in roads:
            name.fail(f"is {name.value!r}, which is no road")
        route.append(name.value)
    if not route:
        entry["route"].fail("is empty; a trip has at least 1 road")
    end = entry["endTime"].integer(low=-1) if entry.has("endTime") else -1
    vehicle, interval = _vehicle(entry["vehicle"]), entry["interval"].positive()
    start = _start(entry["startTime"], lenient) if entry.has("startTime") else 0
    if end != start and interval < SHORTEST:
        entry["interval"].fail(f"is {interval}; it must be at least {SHORTEST} s")
    if -1 < end < start:
        entry["endTime"].fail(f"is {end}, before startTime {start}; no vehicle would depart")
    return Flow(vehicle, tuple(route), interval, start, end)


def _flow_or_none(
    entry: JsonValue, roads: Mapping[str, Road], skipped: list[str] | None
) -> Flow | None:
    """A flow; None if it is left out."""
    try:
        flow = _flow(entry, roads, lenient=skipped is not None)
    except ValueError as error:
        if skipped is None:
            offer = "" if SKIP in str(error) else f"; {SKIP} leaves such trips out"
            raise ValueError(f"{error}{offer}") from None
        skipped.append(str(error).replace(str(entry.file), entry.file.name, 1))
        return None
    if skipped is not None and entry.has("startTime") and entry["startTime"].value < 0:
        skipped.append(
            f"{entry.file.name}: {entry.path}.startTime is below 0; the trip begins at second 0"
        )
    return flow


def _numbered(path: str | Path, roadnet: Roadnet, skipped: list[str] | None) -> dict[int, Flow]:
    """Flows by their number in the file."""
    roads = {road.id: road for road in roadnet.roads}
    found = (_flow_or_none(entry, roads, skipped) for entry in JsonValue.whole(path))
    return {number: flow for number, flow in enumerate(found) if flow is not None}


def read_flow(path: str | Path, roadnet: Roadnet) -> tuple[Flow, ...]:
    """Read the flows of a road network.

    Raises:
        ValueError: the file is malformed; the message names the position and the problem.
    """
    return tuple(_numbered(path, roadnet, None).values())


def read_trips(
    path: str | Path, roadnet: Roadnet, lane_change: bool, skipped: list[str] | None = None
) -> tuple[Flow, ...]:
    """Read the flows of a road network, each of which can be driven.

    Args:
        path: the file.
        roadnet: road network.
        lane_change: whether vehicles change lanes, so that no lane is a dead end of a route.
        skipped: without it, a trip that cannot be driven is refused. A list takes a sentence for
            each trip that is left out, and for each that begins at second 0 instead of before.

    Raises:
        ValueError: the file is malformed, a trip cannot be driven, or none can.
    """
    flows = _numbered(path, roadnet, skipped)
    numbers = list(flows)
    wrong = undrivable_trips(list(flows.values()), compile_network(roadnet), lane_change)
    if wrong and skipped is None:
        first = min(wrong)
        raise ValueError(
            f"{path}: [{numbers[first]}]{wrong[first]}; {SKIP} leaves out the {len(wrong)} of "
            f"{len(flows)} trips that cannot be driven"
        )
    if skipped is not None:
        name = Path(path).name
        skipped += [f"{name}: [{numbers[k]}]{reason}" for k, reason in wrong.items()]
        if len(wrong) == len(flows) and skipped:
            raise ValueError(f"{path}: no trip can be driven: {skipped[0]}")
    return tuple(flow for k, flow in enumerate(flows.values()) if k not in wrong)
