"""Environments: everything that can be played, by name."""

from __future__ import annotations

import inspect
from difflib import get_close_matches
from typing import Any

from graphmarl.envs.check import check_env as check_env
from graphmarl.envs.magent import Battle as Battle
from graphmarl.envs.magent import Gather as Gather
from graphmarl.envs.magent import Jungle as Jungle
from graphmarl.envs.pettingzoo import FromPettingZoo as FromPettingZoo
from graphmarl.envs.to_pettingzoo import ToPettingZoo as ToPettingZoo
from graphmarl.envs.vector import Vector as Vector
from graphmarl.envs.workers import Engine as Engine
from graphmarl.envs.workers import Frame as Frame
from graphmarl.step import Environment

ENVS: dict[str, type[Environment]] = {
    "gather": Gather,
    "jungle": Jungle,
    "battle": Battle,
    "pettingzoo": FromPettingZoo,
}


def make_env(env: str | Environment, **options: Any) -> Environment:
    """An environment by name; one that is already built is returned as it is.

    Args:
        env: a name in `ENVS`, or an environment.
        options: arguments of its constructor.

    Raises:
        ValueError: an unknown name or option, or options for what is already built.
    """
    if isinstance(env, Environment):
        if options:
            raise ValueError(f"{type(env).__name__} is already built; got {', '.join(options)}")
        return env
    if env not in ENVS:
        close = get_close_matches(env, ENVS, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise ValueError(f"no environment {env!r}; there are {', '.join(ENVS)}{hint}")
    known = list(inspect.signature(ENVS[env]).parameters)
    for option in options:
        if option not in known:
            close = get_close_matches(option, known, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise ValueError(f"{env} has no option {option!r}; it has {', '.join(known)}{hint}")
    return ENVS[env](**options)
