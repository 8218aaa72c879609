"""Flatland: multi-agent train scheduling on a rail network."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from graphmarl.checks import check_choice
from graphmarl.envs.flatland.engine import INFO, STATE_SIZE, RailEngine
from graphmarl.envs.flatland.rails import NODES
from graphmarl.envs.flatland.simulator import load_flatland, make_rail_env
from graphmarl.envs.flatland.tree import OBS_SIZE, ROOT
from graphmarl.envs.vector import Vector
from graphmarl.envs.workers import SingleEngine
from graphmarl.ranges import Agents, Copies, NonNegativeInt, PositiveInt, Size, UnitInterval
from graphmarl.step import Spec

LAYOUT = {"own": slice(0, ROOT), "tree": slice(ROOT, OBS_SIZE)}
MET = {"met": slice(OBS_SIZE, OBS_SIZE + NODES)}


class FlatlandTask(NamedTuple):
    """Task sizes of the MAMBA paper (Table 2).

    Args:
        height, width: map size in cells.
        num_agents: trains.
        cities: maximum number of cities on a map.
        malfunction_rate: mean number of malfunctions per train and step.
    """

    height: int
    width: int
    num_agents: int
    cities: int
    malfunction_rate: float


TASKS = {
    "flatland-5": FlatlandTask(35, 35, 5, 3, 1 / 100),
    "flatland-10": FlatlandTask(35, 35, 10, 4, 1 / 150),
    "flatland-15": FlatlandTask(40, 45, 15, 5, 1 / 200),
}


class Flatland(Vector):
    """Flatland: trains reach their targets without blocking each other (Mohanty et al. 2020).

    `Flatland-RL: Multi-Agent Reinforcement Learning on Trains <https://arxiv.org/abs/2012.05893>`_,
    in the setting of the MAMBA paper (Egorov and Shpilman 2022): a new map in every episode, trains
    of equal speed that may depart at once, leave the map on arrival, and malfunction at random for
    20 to 50 steps.

    Actions: 0 takes the left branch, 1 the right branch, 2 stops. They take effect at decision
    points only: before departure, and on or before switches, crossings and targets; elsewhere a
    train moves forward. Observations are 9 features of the train and 14 of each of 14 rail segments
    ahead of it, a binary tree of depth 3 (`layout`: `own`, `tree`). An agent is rewarded 10 on
    arrival, 0.01 per cell closer to its target, and -5 when it is deadlocked: all its branches are
    held by trains that can never move again. It is not alive after either event. The episode
    terminates when no agent is alive.

    `links` lead from the first train on a segment to the train that observes the segment.
    `position` is the cell, (right, up). The state has the cell, target, direction and condition of
    every train. Metrics: shares of trains that have `arrived`, are `deadlocked`, and either
    (`done_share`).

    Unlike the paper, which uses flatland 2.2, this is flatland 4.3: a train on a free track moves
    in the step after its departure. Unlike the released code, the distance to an unusable switch is
    observed (there it is always 0), as is whether the train is on a switch.

    Args:
        task: `flatland-5`, `flatland-10` or `flatland-15`: default sizes.
        num_envs: copies, B.
        workers: worker processes; 0 steps all copies in this process.
        width, height: map size in cells; the task's by default.
        num_agents: trains, N; the task's by default.
        cities: maximum number of cities on a map; the task's by default.
        malfunction_rate: mean number of malfunctions per train and step; the task's by default.
        rails_between: maximum number of rails between two cities.
        rail_pairs: maximum number of pairs of parallel rails in a city.
        horizon: steps of an episode; by default int(8 (width + height + num_agents / 3)).
        met: append to each observation, as `met`, the handle of the first train on each of the 14
            segments, -1 where there is none. The handle of a train itself is its number 2.

    Raises:
        ImportError: flatland-rl is not installed.
        ValueError: a size is too small; flatland detects only at the first reset that cities do not
            fit on the map.

    Shapes:
        obs (B, N, 205), or 219 with `met`, state (B, 13 N), position (B, N, 2).
    """

    def __init__(
        self,
        task: str = "flatland-5",
        num_envs: Copies = 4,
        workers: NonNegativeInt = 0,
        *,
        width: Size | None = None,
        height: Size | None = None,
        num_agents: Agents | None = None,
        cities: Size | None = None,
        malfunction_rate: UnitInterval | None = None,
        rails_between: Size = 2,
        rail_pairs: Size = 2,
        horizon: PositiveInt | None = None,
        met: bool = False,
    ) -> None:
        check_choice("task", task, TASKS)
        given = FlatlandTask(height, width, num_agents, cities, malfunction_rate)  # type: ignore[arg-type]
        sizes: dict[str, Any] = {
            name: own if value is None else value
            for name, own, value in zip(FlatlandTask._fields, TASKS[task], given, strict=True)
        }
        sizes |= {"rails_between": rails_between, "rail_pairs": rail_pairs}
        _check(**sizes)
        load_flatland()
        self._make = partial(make_rail_env, **sizes)
        agents = int(sizes["num_agents"])
        if horizon is None:
            horizon = int(8 * (sizes["width"] + sizes["height"] + agents / 3))
        self.met, layout = met, LAYOUT | MET if met else LAYOUT
        spec = Spec(
            num_agents=agents,
            obs_shape=(OBS_SIZE + met * NODES,),
            num_actions=3,
            horizon=horizon,
            layout=layout,
            kinds=("train",),
            state_size=STATE_SIZE * agents,
        )
        super().__init__(spec, num_envs, workers, INFO, has_links=True)

    def engine_maker(self) -> Callable[[], SingleEngine]:
        """One copy of the engine."""
        return partial(RailEngine, self._make, self.met)


def _check(malfunction_rate: float, **sizes: int) -> None:
    """Check that sizes are large enough for a map."""
    least = {"cities": 2}
    for name, value in sizes.items():
        if value < least.get(name, 1):
            raise ValueError(f"{name} is {value}; allowed are {least.get(name, 1)} and more")
    if not 0 <= malfunction_rate < 1:
        raise ValueError(f"malfunction_rate is {malfunction_rate}; allowed are 0 to below 1")
