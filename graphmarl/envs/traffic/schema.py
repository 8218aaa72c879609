"""What CityFlow's files speak of: vehicles, flows, roads, intersections and their signals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from graphmarl.envs.traffic.geometry import Point

Turn = Literal["turn_left", "turn_right", "go_straight"]


@dataclass(frozen=True)
class VehicleKind:
    """What a vehicle is like: metres, seconds; accelerations are all positive."""

    length: float = 5.0
    width: float = 2.0
    max_acceleration: float = 2.0
    max_deceleration: float = 4.5
    usual_acceleration: float = 2.0
    usual_deceleration: float = 4.5
    min_gap: float = 2.5
    max_speed: float = 11.111
    headway_time: float = 1.5


@dataclass(frozen=True)
class Flow:
    """Vehicles that begin their trip one after the other.

    Args:
        vehicle: their kind.
        route: ids of roads.
        interval: seconds from one to the next.
        start_time: second of the first.
        end_time: none begins later; -1 means that there is no end.
    """

    vehicle: VehicleKind
    route: tuple[str, ...]
    interval: float = 1.0
    start_time: int = 0
    end_time: int = -1


@dataclass(frozen=True)
class Lane:
    """Metres, and metres per second."""

    width: float
    max_speed: float


@dataclass(frozen=True)
class Road:
    """One direction of a street, from intersection to intersection; lane 0 is the leftmost."""

    id: str
    start_intersection: str
    end_intersection: str
    points: tuple[Point, ...]
    lanes: tuple[Lane, ...]


@dataclass(frozen=True)
class LaneLink:
    """The way from a lane into one of the next road, by their numbers within their roads."""

    start_lane: int
    end_lane: int
    points: tuple[Point, ...]


@dataclass(frozen=True)
class RoadLink:
    """A movement through an intersection, from one road into another, both by their ids."""

    kind: Turn
    start_road: str
    end_road: str
    lane_links: tuple[LaneLink, ...]


@dataclass(frozen=True)
class Phase:
    """What has green together, as numbers of road links, and seconds in a fixed plan."""

    time: float
    road_links: tuple[int, ...]


@dataclass(frozen=True)
class Intersection:
    """Where roads meet; a virtual one is an end of the network, without signals.

    `width` is how many metres before its point roads end.
    """

    id: str
    point: Point
    width: float
    roads: tuple[str, ...]
    road_links: tuple[RoadLink, ...]
    phases: tuple[Phase, ...]
    virtual: bool


@dataclass(frozen=True)
class Roadnet:
    """A road network, in the order of its file."""

    intersections: tuple[Intersection, ...]
    roads: tuple[Road, ...]

    @property
    def signals(self) -> tuple[Intersection, ...]:
        """The intersections that are not virtual."""
        return tuple(place for place in self.intersections if not place.virtual)


@dataclass(frozen=True)
class Config:
    """The file that names the others; `interval` is the seconds of a step."""

    interval: float = 1.0
    seed: int = 0
    dir: str = "./"
    roadnet_file: str = "roadnet.json"
    flow_file: str = "flow.json"
    rl_traffic_light: bool = True
    lane_change: bool = False
