"""Crossing points of the lane links of an intersection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from graphmarl.envs.traffic.geometry import Point

TOLERANCE = 1e-8


class Crossings(NamedTuple):
    """Pairs of lane links, first < second, and the crossing's position along each, in metres."""

    first: np.ndarray
    second: np.ndarray
    along_first: np.ndarray
    along_second: np.ndarray


def _length(step: np.ndarray) -> np.ndarray:
    return np.sqrt(step[..., 0] * step[..., 0] + step[..., 1] * step[..., 1])


def _segments(lines: Sequence[Sequence[Point]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Start, step and distance at the start of every segment of every line, padded with nan."""
    longest = max(len(line) for line in lines)
    points = np.full((len(lines), longest, 2), np.nan)
    for number, line in enumerate(lines):
        points[number, : len(line)] = line
    step = points[:, 1:] - points[:, :-1]
    before = np.zeros(step.shape[:2])
    before[:, 1:] = np.cumsum(_length(step), axis=1)[:, :-1]
    return points[:, :-1], step, before


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def _within(start: np.ndarray, step: np.ndarray, point: np.ndarray) -> np.ndarray:
    offset = point - start
    return (np.abs(_cross(step, offset)) < TOLERANCE) & (
        (offset * (offset - step)).sum(-1) < TOLERANCE
    )


def find_crossings(lines: Sequence[Sequence[Point]]) -> Crossings:
    """Every pair of lines that share a point, with the first such point along the first line.

    Lines that begin or end at one point share it, unless their segments there are parallel.
    Of several points the one on the earliest segment of the first line counts, as in CityFlow.
    """
    first, second = np.triu_indices(len(lines), 1)
    if not len(first):
        empty = np.zeros(0)
        return Crossings(first, second, empty, empty)
    start, step, before = _segments(lines)
    a, u = start[first][:, :, None], step[first][:, :, None]
    b, v = start[second][:, None], step[second][:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        turn = _cross(u, v)
        point = a + u * (_cross(b - a, v) / turn)[..., None]
        shared = (np.abs(turn) >= TOLERANCE) & _within(a, u, point) & _within(b, v, point)
    flat = shared.reshape(len(first), -1)
    pair = np.flatnonzero(flat.any(1))
    on_first, on_second = np.unravel_index(flat[pair].argmax(1), shared.shape[1:])
    there = point[pair, on_first, on_second]
    distance = []
    for line, segment in ((first[pair], on_first), (second[pair], on_second)):
        distance.append(before[line, segment] + _length(there - start[line, segment]))
    return Crossings(first[pair], second[pair], distance[0], distance[1])
