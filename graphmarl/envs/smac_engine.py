"""Single-copy engine around a SMAC game."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from graphmarl.envs.workers import EngineStep
from graphmarl.step import Scene, Spec

INFO = ("win", "battle_won", "dead_allies", "dead_enemies", "crashed", "team_return")
NOOP = 0


def load_game(make: str) -> Callable[..., Any]:
    """Import the class named `module:Class`.

    Raises:
        ImportError: the class is missing; the message names what to install.
        ValueError: the name is not of this form.
    """
    module, colon, name = make.partition(":")
    if not colon:
        raise ValueError(f"make is {make!r}; write it as 'module:Class'")
    try:
        return getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ImportError(
            f"no {make} ({error}). SMAC is installed from its own repository, by "
            "pip install git+https://github.com/oxwhirl/smac (or smacv2), and not from the package "
            "index, whose smac is SMAC3, something else; it plays StarCraft II with SMAC's maps, "
            "in the folder that the environment variable SC2PATH names"
        ) from error


def start(make: str, map_name: str, options: Mapping[str, Any], seed: int) -> Any:
    """Build one game; StarCraft II itself starts with the first episode."""
    return load_game(make)(map_name=map_name, seed=seed, continuing_episode=True, **options)


def unwrapped(game: Any, name: str) -> Any:
    """The game, unwrapped until it has the attribute."""
    while not hasattr(game, name) and hasattr(game, "env"):
        game = game.env
    return game


def units(game: Any, side: str = "agents") -> Mapping[int, Any]:
    """Units of a side by number; empty where the game does not expose them."""
    return getattr(unwrapped(game, side), side, None) or {}


def unit_types(game: Any, count: int) -> tuple[int, ...]:
    """Type of each agent's unit; all 0 where the game does not expose it."""
    get_types = getattr(game, "get_unit_types", None)
    found = None if get_types is None else get_types()
    return (0,) * count if found is None else tuple(int(kind) for kind in found[:count])


def read_spec(game: Any, kinds: bool) -> Spec:
    """Spec of a game whose first episode has begun; without `kinds` all units are of one kind."""
    known = game.get_env_info()
    count, width = int(known["n_agents"]), int(known["obs_shape"])
    types = unit_types(game, count) if kinds else (0,) * count
    order = list(dict.fromkeys(types))
    there = units(game)
    return Spec(
        num_agents=count,
        obs_shape=(width,),
        num_actions=int(known["n_actions"]),
        horizon=int(known["episode_limit"]),
        layout=read_layout(game, width),
        kinds=tuple(_kind_name(game, kind) for kind in order),
        kind=tuple(order.index(kind) for kind in types) if len(order) > 1 else (),
        state_size=int(known["state_shape"]),
        has_position=len(there) == count and all(hasattr(u, "pos") for u in there.values()),
        has_available=True,
    )


def _kind_name(game: Any, kind: int) -> str:
    """Name of a unit type, which SMAC stores as attributes `marine_id`, `zealot_id`, ..."""
    kept = vars(unwrapped(game, "agents"))
    names = {v: n[:-3] for n, v in kept.items() if n.endswith("_id") and isinstance(v, int)}
    return names.get(kind, f"unit{kind}") if kind else "agent"


def read_layout(game: Any, width: int) -> dict[str, slice]:
    """Slices of an observation's parts; empty where their sizes are not SMAC's."""
    names = {"move": "move", "enemies": "enemy", "allies": "ally", "own": "own"}
    getters = [getattr(game, f"get_obs_{name}_feats_size", None) for name in names.values()]
    if any(get is None for get in getters):
        return {}
    ends = np.cumsum([0] + [int(np.prod(get())) for get in getters if get is not None]).tolist()
    parts = dict(zip(names, ends[1:], strict=True))
    if ends[-1] == width - 1:
        parts["time"] = width
    elif ends[-1] != width:
        return {}
    starts = [0, *parts.values()]
    return {name: slice(a, b) for (name, b), a in zip(parts.items(), starts, strict=False) if b > a}


@dataclass
class SMACEngine:
    """Single-copy engine around a SMAC game, with checks of actions and unit types.

    Args:
        make: function that builds a game from a seed.
        types: expected type of each agent's unit; None for any.
        relaunch: start a new game for each episode.
        game: running game; None before the first reset.
    """

    make: Callable[[int], Any]
    types: tuple[int, ...] | None
    relaunch: bool
    game: Any = None

    def reset(self, seed: int, out: EngineStep) -> None:
        """Begin an episode, in a new game if none is running."""
        if self.relaunch:
            self.forget()
        if self.game is None:
            self.game = self.make(seed % 2**31)
        self.game.reset()
        types = unit_types(self.game, len(out.alive))
        if self.types not in (None, types):
            raise ValueError(
                f"the agents are units of types {types}, and were {self.types} at first; where "
                "teams are drawn anew in each episode, set kinds=False"
            )
        for value in out.info.values():
            value[...] = 0
        self._write(out)

    def step(self, action: NDArray[Any], out: EngineStep) -> tuple[bool, bool]:
        """Advance; an episode at its step limit, or whose game has crashed, is truncated."""
        alive = out.alive.copy()
        reward, ended, info = self.game.step(self._checked(action, out).tolist())
        if ended and "battle_won" not in info:
            # SMAC restarts the game silently: keep the last observation.
            out.reward[...], out.info["crashed"][...] = 0, 1
            return False, True
        self._write(out)
        out.reward[...] = alive * (reward / max(alive.sum(), 1))
        out.info["team_return"] += reward
        won = bool(info["battle_won"])
        out.info["win"][...] = out.info["battle_won"][...] = won
        dead = len(alive) - int(out.alive.sum())
        out.info["dead_allies"][...] = info.get("dead_allies", dead)
        if "dead_enemies" in info:
            out.info["dead_enemies"][...] = info["dead_enemies"]
        limit = bool(info.get("episode_limit", False)) and not won and bool(out.alive.any())
        return bool(ended) and not limit, bool(ended) and limit

    def _checked(self, action: NDArray[Any], out: EngineStep) -> NDArray[Any]:
        """Actions with no-ops for dead agents; raises for illegal ones."""
        assert out.available is not None, "the spec declares available actions"
        sent = np.where(out.alive, action, NOOP)
        illegal = out.alive & ~out.available[np.arange(len(sent)), sent]
        if illegal.any():
            agent = int(illegal.argmax())
            can = ", ".join(str(a) for a in out.available[agent].nonzero()[0])
            raise ValueError(f"agent {agent} cannot do action {sent[agent]} now; it can do {can}")
        return sent

    def _write(self, out: EngineStep) -> None:
        assert out.available is not None, "the spec declares available actions"
        out.available[...] = np.asarray(self.game.get_avail_actions(), bool)
        # Only dead agents have the no-op, and no other action.
        out.alive[...] = np.delete(out.available, NOOP, 1).any(1)
        out.obs[...] = np.asarray(self.game.get_obs()) * out.alive[:, None]
        if out.state is not None:
            out.state[...] = self.game.get_state()
        if out.position is not None:
            for number, unit in units(self.game).items():
                out.position[number] = place_of(unit)
        if out.links is not None:
            sees = np.asarray(self.game.get_visibility_matrix(), bool)[:, : len(out.alive)]
            out.links[...] = sees.T & out.alive & out.alive[:, None]
            np.fill_diagonal(out.links, False)

    def scene(self) -> Scene:
        """Enemies, with opacity by health."""
        enemies = units(self.game, "enemies").values()
        if not all(hasattr(enemy, "pos") for enemy in enemies):
            raise NotImplementedError("this game does not expose the positions of its units")
        place = torch.tensor([place_of(e) for e in enemies], dtype=torch.float32)
        left = torch.tensor([e.health / max(e.health_max, 1) for e in enemies])
        corner = [float(getattr(unwrapped(self.game, n), n, 32)) for n in ("map_x", "map_y")]
        return Scene((0.0, 0.0), (corner[0], corner[1]), {"enemies": (place.view(-1, 2), left)})

    def forget(self) -> None:
        """End the game, so that the next episode starts a new one."""
        if self.game is not None:
            self.game.close()
        self.game = None

    close = forget


def place_of(unit: Any) -> tuple[float, float]:
    """Coordinates of a unit: SMAC has points with x and y, SMAClite has arrays.

    Args:
        unit: a unit of the game.
    """
    place = unit.pos
    if hasattr(place, "x"):
        return float(place.x), float(place.y)
    return float(place[0]), float(place[1])
