"""Random trips through a grid network."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import isclose, pi

import numpy as np
from numpy.typing import NDArray

from graphmarl.envs.traffic.grid import EAST, NORTH, SOUTH, STEPS, WEST, Grid, road_id
from graphmarl.envs.traffic.schema import Flow, VehicleKind

LEFT, STRAIGHT, RIGHT = 1, 0, 3


@dataclass(frozen=True)
class TurningTrips:
    r"""Random trips through a grid, with Poisson arrivals and random turns.

    At each end vehicles enter as a Poisson process, whose rate at second t of T is the mean rate
    times :math:`1 - p \cos(2 \pi t / T)`. At each intersection a vehicle turns left, goes straight
    or turns right with the given probabilities. After a left turn it does not turn left again
    before a right turn, and vice versa; the other probabilities are renormalised. So trips do not
    go in circles and leave the grid.

    Args:
        rate: mean number of vehicles per hour at each end.
        vehicles: total number of vehicles, instead of `rate`; the Poisson process given its count.
        duration: T, in seconds.
        shares: probabilities of left turns, straight and right turns; they sum to 1.
        peak: p, from 0 (constant rate) to 1 (rate 0 at the start and at the end).
        vehicle: vehicle parameters.

    Raises:
        ValueError: a number is not allowed.
    """

    rate: float | None = 300.0
    vehicles: int | None = None
    duration: int = 3600
    shares: tuple[float, float, float] = (0.1, 0.6, 0.3)
    peak: float = 0.0
    vehicle: VehicleKind = field(default_factory=VehicleKind)

    def __post_init__(self) -> None:
        if (self.rate is None) == (self.vehicles is None):
            given = f"rate is {self.rate} and vehicles is {self.vehicles}"
            raise ValueError(f"{given}; exactly one of them is a number")
        for name, least in (("rate", 0), ("vehicles", 0), ("duration", 1)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise ValueError(f"{name} is {value}; it must be at least {least}")
        if min(self.shares) < 0 or not isclose(sum(self.shares), 1):
            raise ValueError(f"shares is {self.shares}; none is negative, and they sum to 1")
        left, straight, right = self.shares
        if not straight and not (left and right):
            raise ValueError(f"shares is {self.shares}; turns in one direction only go in circles")
        if not 0 <= self.peak <= 1:
            raise ValueError(f"peak is {self.peak}; allowed are 0 to 1")

    def flows(self, grid: Grid, seed: int, until: int | None = None) -> tuple[Flow, ...]:
        """Sample trips, one flow of a single vehicle each, in order of departure.

        Args:
            grid: road network.
            seed: random seed.
            until: omit trips that depart in this second or later.

        Raises:
            ValueError: a turn has a positive probability but no lane.
        """
        for name, share, lanes in zip(
            ("left", "straight", "right"), self.shares, grid.lanes, strict=True
        ):
            if share > 0 and not lanes:
                raise ValueError(f"the share of {name} turns is {share}, and no lane is for them")
        rng = np.random.default_rng(seed)
        ends = entries(grid)
        times, entry = self._arrivals(len(ends), rng)
        count = len(times) if until is None else int(np.searchsorted(times, until))
        # Draws are made trip by trip, so that omitting the last trips changes no other.
        draws = rng.random((count, grid.rows + grid.columns))
        routes = self._routes(grid, ends[entry[:count]], draws)
        return tuple(
            Flow(self.vehicle, route, 1.0, time, time)
            for time, route in zip(times[:count].tolist(), routes, strict=True)
        )

    def _arrivals(
        self, ends: int, rng: np.random.Generator
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Sorted departure times, and the end of each."""
        if self.vehicles is None:
            assert self.rate is not None, "one of both is a number"
            number = int(rng.poisson(self.rate * ends * self.duration / 3600))
        else:
            number = self.vehicles
        share = np.linspace(0, 1, 2049)
        by_then = share - self.peak * np.sin(2 * pi * share) / (2 * pi)
        at = np.sort(np.interp(rng.random(number), by_then, share))
        times = np.minimum((at * self.duration).astype(np.int64), self.duration - 1)
        return times, rng.integers(0, ends, number)

    def _routes(
        self, grid: Grid, here: NDArray[np.int64], draws: NDArray[np.float64]
    ) -> list[tuple[str, ...]]:
        """Roads of trips from their first roads, given as (x, y, direction)."""
        shape = (grid.columns + 2, grid.rows + 2, 4)
        names = [road_id(*place) for place in np.ndindex(shape)]
        steps, last = np.array(STEPS), np.zeros(len(here), np.int64)
        gone, roads = np.zeros(len(here), bool), []
        length = np.zeros(len(here), np.int64)
        for draw in draws.T:
            roads.append(np.ravel_multi_index(tuple(here.T), shape))
            length += ~gone
            place = here[:, :2] + steps[here[:, 2]]
            gone |= ((place < 1) | (place > (grid.columns, grid.rows))).any(1)
            turn = self._turns(last, draw)
            onto = np.column_stack([place, (here[:, 2] + turn) % 4])
            here = np.where(gone[:, None], here, onto)
            last = np.where(turn == STRAIGHT, last, turn)
        trips = np.column_stack([*roads, np.ravel_multi_index(tuple(here.T), shape)])
        length += ~gone
        return [
            tuple(names[road] for road in trip[:count])
            for trip, count in zip(trips.tolist(), length.tolist(), strict=True)
        ]

    def _turns(self, last: NDArray[np.int64], draw: NDArray[np.float64]) -> NDArray[np.int64]:
        """Next turn of each trip, given its last turn."""
        left, straight, right = self.shares
        turn_left = np.where(last == LEFT, 0.0, left)
        turn_right = np.where(last == RIGHT, 0.0, right)
        draw = draw * (turn_left + straight + turn_right)
        onwards = np.where(draw < turn_left + straight, STRAIGHT, RIGHT)
        return np.where(draw < turn_left, LEFT, onwards)


def entries(grid: Grid) -> NDArray[np.int64]:
    """Roads into a grid from its ends, as (x, y, direction)."""
    rows, columns = range(1, grid.rows + 1), range(1, grid.columns + 1)
    found = [(0, y, EAST) for y in rows] + [(grid.columns + 1, y, WEST) for y in rows]
    found += [(x, 0, NORTH) for x in columns] + [(x, grid.rows + 1, SOUTH) for x in columns]
    return np.array(found)
