"""Construction of flatland-rl's environment."""

from __future__ import annotations

import random
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

NEVER = 10**9


def load_flatland() -> ModuleType:
    """Import the package flatland.

    Raises:
        ImportError: it is not installed.
    """
    try:
        import flatland.envs.rail_env
    except ImportError as error:
        raise ImportError(
            "Flatland needs flatland-rl: pip install 'graphmarl[flatland]'"
        ) from error
    return flatland


class NoRewards:
    """Replacement of flatland's rewards, which are not used."""

    def empty(self) -> float:
        """Zero reward."""
        return 0.0

    def step_reward(self, *_: Any, **__: Any) -> float:
        """Zero reward."""
        return 0.0

    end_of_episode_reward = cumulate = step_reward


@dataclass
class Malfunctions:
    """Malfunction generator equal to flatland's, without its million random numbers in advance.

    Args:
        rate: mean number of malfunctions per train and step.
        shortest, longest: range of their duration in steps.
    """

    rate: float
    shortest: int = 20
    longest: int = 50

    def generate(self, np_random: np.random.RandomState) -> Any:
        """A malfunction or none, for one train in one step."""
        from flatland.envs.malfunction_generators import Malfunction

        if np_random.random_sample() >= -np.expm1(-self.rate):
            return None
        return Malfunction(np_random.randint(self.shortest, self.longest + 1) + 1)

    def get_process_data(self) -> tuple[float, int, int]:
        """Rate and range of durations, as flatland expects."""
        return self.rate, self.shortest, self.longest


def depart_at_once(agents: Sequence[Any], *_: Any) -> Any:
    """Timetable without times: all trains may depart at once, and flatland never truncates."""
    from flatland.envs.timetable_utils import Timetable

    departures: Any = [[0, None]] * len(agents)
    arrivals: Any = [[None, NEVER]] * len(agents)
    return Timetable(departures, arrivals, NEVER)


def make_rail_env(
    width: int,
    height: int,
    num_agents: int,
    cities: int,
    rails_between: int,
    rail_pairs: int,
    malfunction_rate: float,
    rail: Any = None,
    line: Any = None,
) -> Any:
    """Build flatland's `RailEnv` with its sparse generators, or with given ones."""
    load_flatland()
    from flatland.core.env_observation_builder import DummyObservationBuilder
    from flatland.envs.line_generators import sparse_line_generator
    from flatland.envs.rail_env import RailEnv
    from flatland.envs.rail_generators import sparse_rail_generator

    return RailEnv(
        width=width,
        height=height,
        rail_generator=rail
        or sparse_rail_generator(
            max_num_cities=cities,
            max_rails_between_cities=rails_between,
            max_rail_pairs_in_city=rail_pairs,
        ),
        line_generator=line or sparse_line_generator(),
        timetable_generator=depart_at_once,
        number_of_agents=num_agents,
        obs_builder_object=DummyObservationBuilder(),
        malfunction_generator=Malfunctions(malfunction_rate),  # type: ignore[arg-type]
        rewards=NoRewards(),  # type: ignore[arg-type]
        random_seed=0,
    )


@contextmanager
def kept_random() -> Iterator[None]:
    """Restore Python's random state, which flatland reseeds, and silence its map warnings."""
    state = random.getstate()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        random.setstate(state)
