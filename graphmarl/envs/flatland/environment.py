"""Flatland: trains of a network of rails as agents."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from graphmarl.checks import check_choice
from graphmarl.envs.flatland.engine import INFO, STATE_SIZE, RailEngine
from graphmarl.envs.flatland.simulator import load_flatland, make_rail_env
from graphmarl.envs.flatland.tree import OBS_SIZE, ROOT
from graphmarl.envs.vector import Vector
from graphmarl.envs.workers import Engine
from graphmarl.step import Spec


class Task(NamedTuple):
    """One of the tasks of the MAMBA paper (Table 2).

    Args:
        height, width: cells.
        num_agents: trains.
        cities: the most that a map has.
        malfunction_rate: mean number of malfunctions of a train in one step.
    """

    height: int
    width: int
    num_agents: int
    cities: int
    malfunction_rate: float


TASKS = {
    "flatland-5": Task(35, 35, 5, 3, 1 / 100),
    "flatland-10": Task(35, 35, 10, 4, 1 / 150),
    "flatland-15": Task(40, 45, 15, 5, 1 / 200),
}


class Flatland(Vector):
    """Trains that must reach their targets and must not block each other (Mohanty et al. 2020).

    `Flatland-RL: Multi-Agent Reinforcement Learning on Trains <https://arxiv.org/abs/2012.05893>`_,
    as the MAMBA paper plays it (Egorov and Shpilman 2022): a new map in every episode, all trains
    of the same speed, free to depart at once, gone when they arrive, and broken down now and then
    for 20 to 50 steps.

    Actions: 0 takes the left of the ways there are, 1 the right, 2 stops. They count where
    something is to be decided: before departure, on and before switches, crossings and targets;
    everywhere else a train goes on. Observations are 9 numbers of the train and 14 of each of 14
    segments of rail ahead of it, a binary tree of depth 3 (`layout`: `own`, `tree`). An agent is
    paid 10 when it arrives, 0.01 for each cell that it comes nearer, and -5 when it is deadlocked:
    when all its ways are held by trains that can never move again. It is not alive after either.
    The episode terminates when no train is left.

    `links` are the trains that are met first on a segment: they are heard by the one that looks.
    `position` is the cell, upwards and to the right. The state has the cell, target, direction and
    condition of every train. Metrics: shares of trains that have `arrived`, are `deadlocked`, and
    either (`done_share`).

    Unlike the paper, whose engine is flatland 2.2, this is flatland 4.3: a train that has the way
    free moves in the step after that in which it departs. Unlike the released code, the distance to
    an unusable switch is seen (there it is always 0), as is whether the train is on a switch.

    Args:
        task: `flatland-5`, `flatland-10` or `flatland-15`: sizes, unless they are given.
        num_envs: copies.
        workers: processes that share the copies; 0 steps them in this process.
        width, height: cells.
        num_agents: trains.
        cities: the most that a map has.
        malfunction_rate: mean number of malfunctions of a train in one step.
        rails_between: most rails between two cities.
        rail_pairs: most pairs of parallel rails in a city.
        horizon: steps of an episode; by default int(8 (width + height + num_agents / 3)).

    Raises:
        ImportError: flatland-rl is not installed.
        ValueError: a size that no map can have; flatland finds only at the first reset that its
            cities do not fit.

    Shapes:
        obs (B, N, 205), state (B, 13 N), position (B, N, 2).
    """

    def __init__(
        self,
        task: str = "flatland-5",
        num_envs: int = 4,
        workers: int = 0,
        *,
        width: int | None = None,
        height: int | None = None,
        num_agents: int | None = None,
        cities: int | None = None,
        malfunction_rate: float | None = None,
        rails_between: int = 2,
        rail_pairs: int = 2,
        horizon: int | None = None,
    ) -> None:
        check_choice("task", task, TASKS)
        given = Task(height, width, num_agents, cities, malfunction_rate)  # type: ignore[arg-type]
        sizes: dict[str, Any] = {
            name: own if value is None else value
            for name, own, value in zip(Task._fields, TASKS[task], given, strict=True)
        }
        sizes |= {"rails_between": rails_between, "rail_pairs": rail_pairs}
        _check(**sizes)
        load_flatland()
        self._make = partial(make_rail_env, **sizes)
        agents = int(sizes["num_agents"])
        if horizon is None:
            horizon = int(8 * (sizes["width"] + sizes["height"] + agents / 3))
        spec = Spec(
            num_agents=agents,
            obs_shape=(OBS_SIZE,),
            num_actions=3,
            horizon=horizon,
            layout={"own": slice(0, ROOT), "tree": slice(ROOT, OBS_SIZE)},
            kinds=("train",),
            state_size=STATE_SIZE * agents,
        )
        super().__init__(spec, num_envs, workers, INFO, has_links=True)

    def engine_maker(self) -> Callable[[], Engine]:
        """One copy of the engine."""
        return partial(RailEngine, self._make)


def _check(malfunction_rate: float, **sizes: int) -> None:
    """Refuse sizes that no map can have."""
    least = {"cities": 2}
    for name, value in sizes.items():
        if value < least.get(name, 1):
            raise ValueError(f"{name} is {value}; allowed are {least.get(name, 1)} and more")
    if not 0 <= malfunction_rate < 1:
        raise ValueError(f"malfunction_rate is {malfunction_rate}; allowed are 0 to below 1")
