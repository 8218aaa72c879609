"""Environments, by name in `ENVS`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphmarl.envs.batched import Batched
from graphmarl.envs.check import check_env
from graphmarl.envs.didactic import GridAgreement, Hallway, IndependentSearch, Sensor
from graphmarl.envs.flatland import Flatland
from graphmarl.envs.magent import Battle, Gather, Jungle
from graphmarl.envs.particle import HeterogeneousNavigation, Navigation, PreyPredator, Push
from graphmarl.envs.pettingzoo import FromPettingZoo
from graphmarl.envs.skirmish import Skirmish
from graphmarl.envs.smac import SMAC
from graphmarl.envs.to_pettingzoo import ToPettingZoo
from graphmarl.envs.traffic import Traffic
from graphmarl.envs.vector import Vector
from graphmarl.envs.workers import EngineStep, SingleEngine
from graphmarl.resolver import construct, joined, lookup, split_name
from graphmarl.step import Environment, Spec, Step

ENVS: dict[str, type[Environment]] = {
    "gather": Gather,
    "jungle": Jungle,
    "battle": Battle,
    "sensor": Sensor,
    "hallway": Hallway,
    "independent_search": IndependentSearch,
    "grid_agreement": GridAgreement,
    "navigation": Navigation,
    "heterogeneous_navigation": HeterogeneousNavigation,
    "push": Push,
    "prey_predator": PreyPredator,
    "traffic": Traffic,
    "skirmish": Skirmish,
    "smac": SMAC,
    "flatland": Flatland,
    "pettingzoo": FromPettingZoo,
}


def make_env(env: str | Mapping[str, Any] | Environment, **options: Any) -> Environment:
    """Build an environment by name; an environment object is returned unchanged.

    Args:
        env: name in `ENVS`, `module:Class` of a custom one, with options as in `train`, or an
            environment object.
        options: arguments of its constructor.

    Raises:
        ValueError: an unknown name or option, or options given with an environment object.
    """
    if isinstance(env, Environment):
        if options:
            raise ValueError(f"{type(env).__name__} is already built; got {', '.join(options)}")
        return env
    name, inner = split_name(env, "environment")
    return construct("environment", name, find_env(name), joined(inner, options))


def find_env(name: str) -> type[Environment]:
    """The class of an environment.

    Args:
        name: a name in `ENVS`, or `module:Class` for one of your own.

    Raises:
        ValueError: an unknown name, or a class that is no environment.
    """
    advice = "; a PettingZoo environment is played by `pettingzoo` with the option make=MODULE:NAME"
    return lookup("environment", name, ENVS, Environment, advice)


__all__ = [
    "Batched",
    "Battle",
    "ENVS",
    "EngineStep",
    "Environment",
    "Flatland",
    "FromPettingZoo",
    "Gather",
    "GridAgreement",
    "Hallway",
    "HeterogeneousNavigation",
    "IndependentSearch",
    "Jungle",
    "Navigation",
    "PreyPredator",
    "Push",
    "SMAC",
    "Sensor",
    "SingleEngine",
    "Skirmish",
    "Spec",
    "Step",
    "ToPettingZoo",
    "Traffic",
    "Vector",
    "check_env",
    "find_env",
    "make_env",
]
