"""Hand-made rails, and flatland on them."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from graphmarl.envs.flatland.engine import INFO, STATE_SIZE, RailEngine
from graphmarl.envs.flatland.simulator import make_rail_env
from graphmarl.envs.flatland.tree import OBS_SIZE
from graphmarl.envs.workers import EngineStep

NORTH, EAST, SOUTH, WEST = range(4)


def heading(one, other):
    return [(-1, 0), (0, 1), (1, 0), (0, -1)].index((other[0] - one[0], other[1] - one[1]))


def lay(shape, *tracks, turns=()):
    """Transitions of tracks, which are lists of cells; trains turn at the cells `turns`."""
    grid = np.zeros(shape, np.uint16)

    def join(cell, come, go):
        grid[cell] |= np.uint16(1 << (15 - 4 * come - go))

    for track in tracks:
        for a, b, c in zip(track, track[1:], track[2:], strict=False):
            join(b, heading(a, b), heading(b, c))
            join(b, heading(c, b), heading(b, a))
        for end, last in ((track[0], track[1]), (track[-1], track[-2])):
            if end in turns:
                join(end, heading(last, end), heading(end, last))
    return grid


# A line of columns 0 to 9 in row 1, with a siding in row 0 from (1, 3) to (1, 7).
LINE = [(1, c) for c in range(10)]
SIDING = [(1, 2), (1, 3), (0, 3), (0, 4), (0, 5), (0, 6), (0, 7), (1, 7), (1, 8)]
ENDS = ((1, 0), (1, 9))


def line():
    return lay((3, 10), LINE, turns=ENDS)


def siding():
    return lay((3, 10), LINE, SIDING, turns=ENDS)


@dataclass
class Journeys:
    """Trains with given starts (cell, direction) and targets."""

    starts: list
    targets: list

    def __call__(self, rail, num_agents, hints, num_resets, np_random):
        from flatland.envs.rail_trainrun_data_structures import Waypoint
        from flatland.envs.timetable_utils import Line

        ways = {
            i: [[Waypoint(*start)], [Waypoint(target, None)]]  # type: ignore[call-arg]
            for i, (start, target) in enumerate(zip(self.starts, self.targets, strict=True))
        }
        return Line(ways, [1.0] * len(ways))


def engine_on(grid, starts, targets, malfunction_rate=0.0):
    """Flatland on a hand-made rail."""
    from flatland.envs.rail_generators import rail_from_grid_transition_map
    from flatland.envs.rail_grid_transition_map import RailGridTransitionMap

    height, width = grid.shape
    rail: Any = RailGridTransitionMap(width, height)
    rail.grid = grid
    return RailEngine(
        lambda: make_rail_env(
            width,
            height,
            len(starts),
            2,
            2,
            2,
            malfunction_rate,
            rail=rail_from_grid_transition_map(rail),
            line=Journeys(starts, targets),
        )
    )


def engine_of(env) -> RailEngine:
    """The only engine of an environment that has begun."""
    return env._pool.engines[0]


def empty_step(count) -> Any:
    return EngineStep(
        obs=np.zeros((count, OBS_SIZE), np.float32),
        alive=np.zeros(count, bool),
        reward=np.zeros(count, np.float32),
        position=np.zeros((count, 2), np.float32),
        state=np.zeros(STATE_SIZE * count, np.float32),
        links=np.zeros((count, count), bool),
        info={name: np.zeros((), np.float32) for name in INFO},
    )
