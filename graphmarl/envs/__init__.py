"""Environments, by name in `ENVS`; a class is imported when it is first used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from graphmarl.resolver import Registry, construct, joined, lazy_attributes, lookup, split_name

if TYPE_CHECKING:
    from graphmarl.envs.batched import Batched
    from graphmarl.envs.check import check_env
    from graphmarl.envs.didactic import GridAgreement, Hallway, IndependentSearch, Relay, Sensor
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
    from graphmarl.step import Environment, Spec, Step

ENVS: Registry[type[Environment]] = Registry(
    __name__,
    {
        "gather": "magent:Gather",
        "jungle": "magent:Jungle",
        "battle": "magent:Battle",
        "sensor": "didactic:Sensor",
        "hallway": "didactic:Hallway",
        "independent_search": "didactic:IndependentSearch",
        "grid_agreement": "didactic:GridAgreement",
        "relay": "didactic:Relay",
        "navigation": "particle:Navigation",
        "heterogeneous_navigation": "particle:HeterogeneousNavigation",
        "push": "particle:Push",
        "prey_predator": "particle:PreyPredator",
        "traffic": "traffic:Traffic",
        "skirmish": "skirmish:Skirmish",
        "smac": "smac:SMAC",
        "flatland": "flatland:Flatland",
        "pettingzoo": "pettingzoo:FromPettingZoo",
    },
)

__getattr__, __dir__ = lazy_attributes(
    __name__,
    {
        **ENVS.modules,
        "Batched": "graphmarl.envs.batched",
        "check_env": "graphmarl.envs.check",
        "ToPettingZoo": "graphmarl.envs.to_pettingzoo",
        "Vector": "graphmarl.envs.vector",
        "EngineStep": "graphmarl.envs.workers",
        "SingleEngine": "graphmarl.envs.workers",
        "Environment": "graphmarl.step",
        "Spec": "graphmarl.step",
        "Step": "graphmarl.step",
    },
)


def make_env(env: str | Mapping[str, Any] | Environment, **options: Any) -> Environment:
    """Build an environment by name; an environment object is returned unchanged.

    Args:
        env: name in `ENVS`, `module:Class` of a custom one, with options as in `train`, or an
            environment object.
        options: arguments of its constructor.

    Raises:
        ValueError: an unknown name or option, or options given with an environment object.
    """
    from graphmarl.step import Environment  # here, as it imports PyTorch

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
    from graphmarl.step import Environment  # here, as it imports PyTorch

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
    "Relay",
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
