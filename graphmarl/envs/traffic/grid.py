"""Grid road networks, equal to those of CityFlow's grid generator."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from graphmarl.envs.traffic.geometry import Point, at, hermite, lane_line, length
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

STEPS = ((1, 0), (0, 1), (-1, 0), (0, -1))
EAST, NORTH, WEST, SOUTH = range(4)
# Green besides right turns: (turns, directions of travel) of phases 1 to 8.
GREENS = (
    ({"go_straight"}, {EAST, WEST}),
    ({"go_straight"}, {NORTH, SOUTH}),
    ({"turn_left"}, {EAST, WEST}),
    ({"turn_left"}, {NORTH, SOUTH}),
    ({"go_straight", "turn_left"}, {EAST}),
    ({"go_straight", "turn_left"}, {WEST}),
    ({"go_straight", "turn_left"}, {NORTH}),
    ({"go_straight", "turn_left"}, {SOUTH}),
)
MILLIMETRES = 3


@dataclass(frozen=True)
class Grid:
    """Grid of intersections, each with four incoming and four outgoing roads.

    Intersection (x, y) is in column x and row y, counted from 1 to the east and to the north; those
    of row or column 0 and of the last plus 1 are virtual, the ends of the network. Road (x, y, d)
    leaves (x, y) to the east, north, west or south. Names, order, lengths and phases are those of
    CityFlow's grid generator: phase 0 is green for right turns only, phases 1 to 8 for right turns
    and one of the eight pairs of movements that do not cross. Intersection (1, 1) is at (0, 0).

    Args:
        rows: number of rows.
        columns: number of columns.
        east_west: distance between columns, and to the ends, in metres.
        north_south: distance between rows, and to the ends, in metres.
        lanes: number of lanes for left turns, straight traffic and right turns, of every road.
        lane_width: lane width in metres.
        max_speed: speed limit in m/s.
        width: distance before the centre of an intersection at which roads end, in metres.

    Raises:
        ValueError: a number is not allowed.
    """

    rows: int = 4
    columns: int = 4
    east_west: float = 300.0
    north_south: float = 300.0
    lanes: tuple[int, int, int] = (1, 1, 1)
    lane_width: float = 4.0
    max_speed: float = 11.111
    width: float = 30.0

    def __post_init__(self) -> None:
        for name in ("rows", "columns"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; there must be at least 1")
        for name in ("lane_width", "max_speed", "width"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be above 0")
        for name in ("east_west", "north_south"):
            if getattr(self, name) <= 2 * self.width:
                least = f"twice the width of an intersection, {2 * self.width}"
                raise ValueError(f"{name} is {getattr(self, name)}; it must be above {least}")
        if min(self.lanes) < 0 or not sum(self.lanes):
            raise ValueError(f"lanes is {self.lanes}; none is negative, and there is at least 1")

    def inside(self, x: int, y: int) -> bool:
        """Whether (x, y) is an intersection and not an end of the network."""
        return 1 <= x <= self.columns and 1 <= y <= self.rows

    def roadnet(self) -> Roadnet:
        """Build the road network."""
        places = [(x, y) for y in range(self.rows + 2) for x in range(self.columns + 2)]
        places = [
            (x, y) for x, y in places if 1 <= x <= self.columns or 1 <= y <= self.rows
        ]  # without corners
        roads = tuple(
            self._road(x, y, way) for x, y in places for way in range(4) if self._is_road(x, y, way)
        )
        return Roadnet(tuple(self._intersection(x, y) for x, y in places), roads)

    def _point(self, x: int, y: int) -> Point:
        return (x - 1) * self.east_west, (y - 1) * self.north_south

    def _is_road(self, x: int, y: int, way: int) -> bool:
        ends = ((x, y), (x + STEPS[way][0], y + STEPS[way][1]))
        on_map = all(0 <= a <= self.columns + 1 and 0 <= b <= self.rows + 1 for a, b in ends)
        return on_map and any(self.inside(*end) for end in ends)

    def _road(self, x: int, y: int, way: int) -> Road:
        end = x + STEPS[way][0], y + STEPS[way][1]
        points = self._point(x, y), self._point(*end)
        lanes = (Lane(self.lane_width, self.max_speed),) * sum(self.lanes)
        return Road(road_id(x, y, way), place_id(x, y), place_id(*end), points, lanes)

    def _intersection(self, x: int, y: int) -> Intersection:
        coming = [(x - STEPS[way][0], y - STEPS[way][1], way) for way in range(4)]
        leaving = [(x, y, way) for way in range(4)]
        roads = tuple(road_id(*road) for road in coming + leaving if self._is_road(*road))
        point = self._point(x, y)
        if not self.inside(x, y):
            return Intersection(place_id(x, y), point, 0.0, roads, (), (), True)
        links = tuple(
            RoadLink(turn, road_id(*before), road_id(*after), self._lane_links(point, way, onto))
            for way, before in enumerate(coming)
            for onto, after in enumerate(leaving)
            if (turn := turn_of(way, onto)) is not None and self._turning(turn)
        )
        return Intersection(place_id(x, y), point, self.width, roads, links, phases(links), False)

    def _turning(self, turn: Turn) -> range:
        left, straight, right = self.lanes
        return {
            "turn_left": range(left),
            "go_straight": range(left, left + straight),
            "turn_right": range(left + straight, left + straight + right),
        }[turn]

    def _lane_links(self, point: Point, way: int, onto: int) -> tuple[LaneLink, ...]:
        x, y = point
        return tuple(
            LaneLink(
                link.start_lane,
                link.end_lane,
                tuple(
                    (round(x + a, MILLIMETRES), round(y + b, MILLIMETRES)) for a, b in link.points
                ),
            )
            for link in _links_at_origin(self, way, onto)
        )


@cache
def _links_at_origin(grid: Grid, way: int, onto: int) -> tuple[LaneLink, ...]:
    """Lane links of one movement at an intersection at (0, 0)."""
    turn = turn_of(way, onto)
    assert turn is not None, "there are no U-turns"
    far = 2 * grid.width
    (x, y), (a, b) = STEPS[way], STEPS[onto]
    roads = [(-x * far, -y * far), (0.0, 0.0)], [(0.0, 0.0), (a * far, b * far)]
    widths = [grid.lane_width] * sum(grid.lanes)
    found = []
    for start in grid._turning(turn):
        before = lane_line(roads[0], widths, start)
        for end in range(len(widths)):
            after = lane_line(roads[1], widths, end)
            leave, enter = at(before, length(before) - grid.width), at(after, grid.width)
            found.append(LaneLink(start, end, hermite(*leave, *enter, grid.width)))
    return tuple(found)


def place_id(x: int, y: int) -> str:
    """Id of an intersection."""
    return f"intersection_{x}_{y}"


def road_id(x: int, y: int, way: int) -> str:
    """Id of the road that leaves an intersection in a direction."""
    return f"road_{x}_{y}_{way}"


def turn_of(way: int, onto: int) -> Turn | None:
    """Turn from one direction to another; None for U-turns, which do not exist."""
    turns: tuple[Turn | None, ...] = ("go_straight", "turn_left", None, "turn_right")
    return turns[(onto - way) % 4]


def phases(links: tuple[RoadLink, ...]) -> tuple[Phase, ...]:
    """The nine phases of an intersection of four roads."""
    way = [int(link.start_road.rsplit("_", 1)[1]) for link in links]
    rights = {number for number, link in enumerate(links) if link.kind == "turn_right"}
    found = [Phase(5.0, tuple(sorted(rights)))]
    for turns, ways in GREENS:
        green = {k for k, link in enumerate(links) if link.kind in turns and way[k] in ways}
        found.append(Phase(30.0, tuple(sorted(green | rights))))
    return tuple(found)
