"""Geometry of lanes, and curves of lane links through an intersection."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import hypot

Point = tuple[float, float]

CURVE_POINTS = 11
LEAST_REACH = 5.0


def unit(a: Point, b: Point) -> Point:
    """Unit vector from a to b."""
    length = hypot(b[0] - a[0], b[1] - a[1])
    return (b[0] - a[0]) / length, (b[1] - a[1]) / length


def along(point: Point, direction: Point, distance: float) -> Point:
    """Point at a distance from another in a direction."""
    return point[0] + direction[0] * distance, point[1] + direction[1] * distance


def length(points: Sequence[Point]) -> float:
    """Length of a polyline, in metres."""
    pairs = pairwise(points)
    return sum(hypot(b[0] - a[0], b[1] - a[1]) for a, b in pairs)


def lane_shift(widths: Sequence[float], lane: int) -> float:
    """Distance to the right from the line of a road to the centre of a lane, in metres."""
    return sum(widths[:lane]) + widths[lane] / 2


def lane_line(points: Sequence[Point], widths: Sequence[float], lane: int) -> list[Point]:
    """Centre line of a lane along its whole road, to the right of the road's line."""
    shift, last = lane_shift(widths, lane), len(points) - 1
    line = []
    for number, point in enumerate(points):
        before = unit(points[max(number - 1, 0)], points[max(number, 1)])
        after = unit(points[min(number, last - 1)], points[min(number + 1, last)])
        x, y = unit((0.0, 0.0), (before[0] + after[0], before[1] + after[1]))
        line.append(along(point, (y, -x), shift))
    return line


def lane_lengths(
    points: Sequence[Point], widths: Sequence[float], before: float, after: float
) -> list[float]:
    """Lengths of the lanes of a road, in metres.

    Args:
        points: line of the road.
        widths: widths of its lanes.
        before: width of the intersection at its start, by which lanes begin after it.
        after: width of the intersection at its end.

    Raises:
        ZeroDivisionError: a part of a lane has no direction.
    """
    line = list(points)
    line[0] = along(line[0], unit(line[0], line[1]), before)
    line[-1] = along(line[-1], unit(line[-1], line[-2]), after)
    return [length(lane_line(line, widths, lane)) for lane in range(len(widths))]


def at(line: Sequence[Point], distance: float) -> tuple[Point, Point]:
    """Point and direction at a distance along a line, clamped to its ends."""
    left = min(max(distance, 0.0), length(line))
    pairs = list(pairwise(line))
    for a, b in pairs:
        step = hypot(b[0] - a[0], b[1] - a[1])
        if left < step:
            return along(a, unit(a, b), left), unit(a, b)
        left -= step
    return line[-1], unit(*pairs[-1])


def curve(place: Callable[[float], Point]) -> tuple[Point, ...]:
    """Sample a curve on [0, 1]."""
    return tuple(place(step / (CURVE_POINTS - 1)) for step in range(CURVE_POINTS))


def hermite(start: Point, out: Point, end: Point, into: Point, reach: float) -> tuple[Point, ...]:
    """Cubic Hermite curve between two points with tangents of length `reach`."""

    def place(t: float) -> Point:
        first, last = 2 * t**3 - 3 * t**2 + 1, 3 * t**2 - 2 * t**3
        leaving, coming = (t**3 - 2 * t**2 + t) * reach, (t**3 - t**2) * reach
        x, y = (
            first * start[k] + leaving * out[k] + last * end[k] + coming * into[k] for k in range(2)
        )
        return x, y

    return curve(place)


def bezier(start: Point, out: Point, end: Point, into: Point, width: float) -> tuple[Point, ...]:
    """CityFlow's default curve of a lane link without points.

    A cubic Bezier curve whose inner control points lie half of the distance away, along the two
    directions. In an intersection of at least 5 m, control points nearer than 5 m are set to 5 m
    away; the second of them then lies beyond the end and not before it, as in CityFlow.
    """
    reach = hypot(end[0] - start[0], end[1] - start[1]) / 2
    near = reach < LEAST_REACH and width >= LEAST_REACH
    first = along(start, out, LEAST_REACH if near else reach)
    second = along(end, into, LEAST_REACH if near else -reach)

    def place(t: float) -> Point:
        weights = (1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3
        x, y = (
            sum(weight * control[k] for weight, control in zip(weights, controls, strict=True))
            for k in range(2)
        )
        return x, y

    controls = (start, first, second, end)
    return curve(place)
