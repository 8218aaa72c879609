"""Tree observations: features of a train and of the rail segments ahead of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from graphmarl.envs.flatland.rails import FAR, NODES, Rails

ROOT, FEATURES = 9, 14
OBS_SIZE = ROOT + NODES * FEATURES
FIRST_LEVEL = 2
PARENT = (np.arange(FIRST_LEVEL, NODES) - FIRST_LEVEL) // 2
# Nodes below the first level and their parents, level by level.
LEVELS = [(slice(2, 6), PARENT[:4]), (slice(6, 14), PARENT[4:])]


@dataclass
class Trains:
    """State of all trains.

    Args:
        place: place of each train; its first before departure, its last after removal.
        present: whether it is on the rails.
        waiting: whether it has not departed yet.
        broken: whether it is malfunctioning.
        arrived: whether it has reached its target and been removed.
        deadlocked: whether it can never move again.
        handle: random identifier in [0, 1), drawn for the episode.
        target: cell of its target.
    """

    place: NDArray[np.integer]
    present: NDArray[np.bool_]
    waiting: NDArray[np.bool_]
    broken: NDArray[np.bool_]
    arrived: NDArray[np.bool_]
    deadlocked: NDArray[np.bool_]
    handle: NDArray[np.floating]
    target: NDArray[np.integer]

    @property
    def alive(self) -> NDArray[np.bool_]:
        """Neither arrived nor deadlocked."""
        return ~(self.arrived | self.deadlocked)


def signed(value: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Map true to 1 and false to -1."""
    return value * np.float32(2) - 1


def scaled(distance: NDArray[np.floating]) -> NDArray[np.floating]:
    """Scale a distance D to D / 100 - 10; 0 where it is infinite."""
    return np.where(np.isinf(distance), 0, distance / 100 - 10)


def observe(
    rails: Rails, trains: Trains
) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.float32]]:
    """Observations, and links from the first train on a segment to the observer of the segment.

    Segments behind one with a deadlocked train are not observed, and a train does not observe
    itself.

    Args:
        rails: rail network.
        trains: state of all trains.

    Returns:
        obs (train, 205): 9 features of the train and 14 of each of 14 nodes; links (train, train)
        as [sender, receiver]; and the handle of the first train on each node (train, 14), -1 where
        there is none.
    """
    start = rails.tree[trains.place]
    count = len(start)
    number = np.arange(count)
    cell = np.where(trains.present, rails.cell[trains.place], rails.cell[-1])
    node = start[:, :, None]
    seen = rails.ahead[node, cell]
    seen[number, :, number] = FAR
    same = rails.passed[node, cell] == rails.heading[trains.place]
    there = seen < FAR
    blocked = (there & trains.deadlocked).any(2)
    real = start < rails.size
    for nodes, parent in LEVELS:
        real[:, nodes] &= real[:, parent] & ~blocked[:, parent]
    there &= real[..., None]
    seen[~there] = FAR
    features = np.empty((count, NODES, FEATURES), np.float32)
    _measure(features, rails, trains, start, seen)
    met = np.where(there & ~trains.deadlocked, seen, FAR)
    first = met.argmin(2)
    anyone = (met < FAR).any(2)
    _count(features, there, same, blocked)
    features[:, :, 11] = signed(~anyone | np.take_along_axis(same, first[..., None], 2)[..., 0])
    features[~real] = 0
    links = np.zeros((count, count), bool)
    looks, at = anyone.nonzero()
    links[first[looks, at], looks] = True
    root = _root(rails, trains, start)
    handles = np.where(anyone, trains.handle[first], -1).astype(np.float32)
    return np.concatenate([root, features.reshape(count, -1)], 1), links, handles


def _root(rails: Rails, trains: Trains, start: NDArray[np.integer]) -> NDArray[np.float32]:
    """The 9 features of a train itself."""
    place, count = trains.place, len(start)
    only = rails.choices[place] == 1
    next_place = start[:, 0]
    near = only & ((rails.length[next_place] == 1) | (rails.unusable[next_place] == 1))
    root = np.empty((count, ROOT), np.float32)
    root[:, 0], root[:, 1] = rails.row[place] / 100, rails.column[place] / 100
    root[:, 2] = trains.handle
    root[:, 3], root[:, 4] = signed(trains.deadlocked), signed(~trains.broken)
    root[:, 5] = scaled(rails.distance[np.arange(count), place])
    root[:, 6] = signed(trains.present & rails.switch[place])
    root[:, 7], root[:, 8] = signed(near), signed(trains.waiting & ~trains.broken)
    return root


def _measure(
    features: NDArray[np.float32],
    rails: Rails,
    trains: Trains,
    start: NDArray[np.integer],
    seen: NDArray[np.integer],
) -> None:
    """Write the features of distances: whether a node is before the target, and five distances."""
    number, end, length = np.arange(len(start)), rails.end[start], rails.length[start]
    at = rails.cell[end] == trains.target[:, None]
    beyond = np.zeros_like(at)
    for nodes, parent in LEVELS:
        beyond[:, nodes] = beyond[:, parent] | at[:, parent]
    distance = rails.distance[number[:, None], end]
    before = np.empty_like(distance)
    before[:, :FIRST_LEVEL] = rails.distance[number, trains.place][:, None]
    before[:, FIRST_LEVEL:] = distance[:, PARENT]
    before = scaled(before)
    nearest = seen.min(2)
    features[:, :, 0] = signed(~beyond)
    features[:, :, 1] = np.where(nearest < FAR, nearest / 100 - 10, 0)
    features[:, :, 2] = length / 100 - 10
    features[:, :, 3] = scaled(rails.unusable[start])
    features[:, :, 4] = np.where(beyond, 0, scaled(distance) - before)
    features[:, :, 5] = np.where(beyond, 0, scaled(distance + length) - before)


def _count(
    features: NDArray[np.float32],
    there: NDArray[np.bool_],
    same: NDArray[np.bool_],
    blocked: NDArray[np.bool_],
) -> None:
    """Write the features of trains on a segment: counts per direction, and index comparisons."""
    number = np.arange(there.shape[2])
    along, against = there & same, there & ~same
    for column, which in ((6, along), (8, against)):
        many = which.sum(2)
        features[:, :, column], features[:, :, column + 1] = signed(many >= 1), signed(many >= 2)
    highest_along = np.where(along, number, -1).max(2)
    highest_against = np.where(against, number, -1).max(2)
    features[:, :, 10] = signed(highest_against > number[:, None])
    features[:, :, 12] = signed(highest_along >= highest_against)
    features[:, :, 13] = signed(blocked)
