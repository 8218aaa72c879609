"""Writer of CityFlow's files, one entry per line, reproducible to the byte."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from math import atan2, pi
from pathlib import Path
from typing import Any

from graphmarl.envs.traffic.geometry import Point
from graphmarl.envs.traffic.schema import (
    CityFlowConfig,
    Flow,
    Intersection,
    Road,
    RoadLink,
    Roadnet,
    VehicleKind,
)

# CityFlow's names of the vehicle parameters.
MEMBERS = {
    "length": "length",
    "width": "width",
    "max_acceleration": "maxPosAcc",
    "max_deceleration": "maxNegAcc",
    "usual_acceleration": "usualPosAcc",
    "usual_deceleration": "usualNegAcc",
    "min_gap": "minGap",
    "max_speed": "maxSpeed",
    "headway_time": "headwayTime",
}


def _point(point: Point) -> dict[str, float]:
    return {"x": point[0], "y": point[1]}


def _road(road: Road) -> dict[str, Any]:
    return {
        "id": road.id,
        "points": [_point(point) for point in road.points],
        "lanes": [{"width": lane.width, "maxSpeed": lane.max_speed} for lane in road.lanes],
        "startIntersection": road.start_intersection,
        "endIntersection": road.end_intersection,
    }


def _quarter(road: Road) -> int:
    """Direction of a road at its end: 0 to 3 for east, north, west and south."""
    (x, y), (end_x, end_y) = road.points[-2:]
    return round(atan2(end_y - y, end_x - x) / (pi / 2)) % 4


def _road_link(link: RoadLink, direction: int) -> dict[str, Any]:
    return {
        "type": link.kind,
        "startRoad": link.start_road,
        "endRoad": link.end_road,
        "direction": direction,
        "laneLinks": [
            {
                "startLaneIndex": lane.start_lane,
                "endLaneIndex": lane.end_lane,
                "points": [_point(point) for point in lane.points],
            }
            for lane in link.lane_links
        ],
    }


def _intersection(intersection: Intersection, directions: dict[str, int]) -> dict[str, Any]:
    phases = [
        {"time": phase.time, "availableRoadLinks": list(phase.road_links)}
        for phase in intersection.phases
    ]
    return {
        "id": intersection.id,
        "point": _point(intersection.point),
        "width": intersection.width,
        "roads": list(intersection.roads),
        "roadLinks": [
            _road_link(link, directions[link.start_road]) for link in intersection.road_links
        ],
        "trafficLight": {
            "roadLinkIndices": list(range(len(intersection.road_links))),
            "lightphases": phases,
        },
        "virtual": intersection.virtual,
    }


def _lines(entries: Iterable[Any]) -> str:
    return "[\n" + ",\n".join(json.dumps(entry, separators=(",", ":")) for entry in entries) + "\n]"


def write_roadnet(roadnet: Roadnet, path: str | Path) -> None:
    """Write a road network."""
    directions = {road.id: _quarter(road) for road in roadnet.roads}
    intersections = _lines(
        _intersection(intersection, directions) for intersection in roadnet.intersections
    )
    roads = _lines(_road(road) for road in roadnet.roads)
    text = f'{{"intersections": {intersections},\n"roads": {roads}}}\n'
    Path(path).write_text(text, encoding="utf-8")


def _vehicle(kind: VehicleKind) -> dict[str, float]:
    return {member: getattr(kind, name) for name, member in MEMBERS.items()}


def write_flow(flows: Sequence[Flow], path: str | Path) -> None:
    """Write the flows of a network."""
    entries = (
        {
            "vehicle": _vehicle(flow.vehicle),
            "route": list(flow.route),
            "interval": flow.interval,
            "startTime": flow.start_time,
            "endTime": flow.end_time,
        }
        for flow in flows
    )
    Path(path).write_text(_lines(entries) + "\n", encoding="utf-8")


def write_config(config: CityFlowConfig, path: str | Path) -> None:
    """Write a config; CityFlow's replay stays off."""
    members = {
        "interval": config.interval,
        "seed": config.seed,
        "dir": config.dir,
        "roadnetFile": config.roadnet_file,
        "flowFile": config.flow_file,
        "rlTrafficLight": config.rl_traffic_light,
        "saveReplay": False,
        "laneChange": config.lane_change,
    }
    Path(path).write_text(json.dumps(members, indent=2) + "\n", encoding="utf-8")


def write_task(
    folder: str | Path, config: CityFlowConfig, roadnet: Roadnet, flows: Sequence[Flow]
) -> Path:
    """Write the three files to a folder, the config as `config.json`; returns its path."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_roadnet(roadnet, folder / config.roadnet_file)
    write_flow(flows, folder / config.flow_file)
    write_config(config, folder / "config.json")
    return folder / "config.json"
