"""Data model of CityFlow's files: vehicles, flows, roads, intersections and signals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from graphmarl.envs.traffic.geometry import Point

Turn = Literal["turn_left", "turn_right", "go_straight"]


@dataclass(frozen=True)
class VehicleKind:
    """Vehicle parameters; decelerations are positive.

    Args:
        length: length in metres.
        width: width in metres.
        max_acceleration: maximum acceleration in m/s^2.
        max_deceleration: maximum deceleration in m/s^2.
        usual_acceleration: comfortable acceleration in m/s^2.
        usual_deceleration: comfortable deceleration in m/s^2.
        min_gap: gap to the leader at standstill, in metres.
        max_speed: maximum speed in m/s.
        headway_time: time headway to the leader, in seconds.
    """

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
    """Vehicles that depart on one route at regular intervals.

    Args:
        vehicle: vehicle parameters.
        route: ids of roads.
        interval: seconds between departures.
        start_time: time of the first departure, in seconds.
        end_time: latest time of a departure, in seconds; -1 for no end.
    """

    vehicle: VehicleKind
    route: tuple[str, ...]
    interval: float = 1.0
    start_time: int = 0
    end_time: int = -1


@dataclass(frozen=True)
class Lane:
    """Lane width in metres and speed limit in m/s."""

    width: float
    max_speed: float


@dataclass(frozen=True)
class Road:
    """One direction of a street between two intersections; lane 0 is the leftmost."""

    id: str
    start_intersection: str
    end_intersection: str
    points: tuple[Point, ...]
    lanes: tuple[Lane, ...]


@dataclass(frozen=True)
class LaneLink:
    """Connection from a lane to a lane of the next road, by their indices within the roads."""

    start_lane: int
    end_lane: int
    points: tuple[Point, ...]


@dataclass(frozen=True)
class RoadLink:
    """Movement through an intersection from one road to another, by their ids."""

    kind: Turn
    start_road: str
    end_road: str
    lane_links: tuple[LaneLink, ...]


@dataclass(frozen=True)
class Phase:
    """Road links that are green together, and the duration in a fixed plan, in seconds."""

    time: float
    road_links: tuple[int, ...]


@dataclass(frozen=True)
class Intersection:
    """Intersection of roads; a virtual one is an end of the network, without signals.

    Args:
        id: unique id.
        point: coordinates in metres.
        width: distance before the point at which roads end, in metres.
        roads: ids of the incoming and outgoing roads.
        road_links: movements through the intersection.
        phases: phases of the signal.
        virtual: whether it is an end of the network.
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
        """Intersections that are not virtual."""
        return tuple(
            intersection for intersection in self.intersections if not intersection.virtual
        )


@dataclass(frozen=True)
class CityFlowConfig:
    """Config file, which names the other files.

    Args:
        interval: time step in seconds.
        seed: seed of CityFlow's draws.
        dir: folder of the other files.
        roadnet_file: name of the roadnet file.
        flow_file: name of the flow file.
        rl_traffic_light: whether phases are set from outside instead of by a fixed plan.
        lane_change: whether vehicles change lanes.
    """

    interval: float = 1.0
    seed: int = 0
    dir: str = "./"
    roadnet_file: str = "roadnet.json"
    flow_file: str = "flow.json"
    rl_traffic_light: bool = True
    lane_change: bool = False
