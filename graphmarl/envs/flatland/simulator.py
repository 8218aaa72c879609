"""flatland-rl as it is played here."""

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
    """The package flatland.

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
    """In the place of the engine's rewards, which nobody reads."""

    def empty(self) -> float:
        """Nothing."""
        return 0.0

    def step_reward(self, *_: Any, **__: Any) -> float:
        """Nothing."""
        return 0.0

    end_of_episode_reward = cumulate = step_reward


@dataclass
class Malfunctions:
    """The engine's malfunctions without the million random numbers that it draws in advance.

    Args:
        rate: mean number of malfunctions of a train in one step.
        shortest, longest: steps that they last.
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
        """What the engine asks for."""
        return self.rate, self.shortest, self.longest


def depart_at_once(agents: Sequence[Any], *_: Any) -> Any:
    """A timetable without times: all may depart at once, and the engine never cuts an episode."""
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
    """The engine with maps of its sparse generator, or with generators of rails and lines given."""
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
    """Flatland seeds Python's own random numbers, which are not its own, and warns of its maps."""
    state = random.getstate()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        random.setstate(state)
