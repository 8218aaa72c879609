"""Adapter from PettingZoo parallel environments."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from graphmarl.envs.vector import Vector
from graphmarl.envs.workers import EngineStep, SingleEngine
from graphmarl.ranges import Copies, ImportName, NonNegativeInt, PositiveInt
from graphmarl.step import Scene, Spec

MASK = "action_mask"
PositionFn = Callable[[Any], Mapping[Any, Any]]


def without_mask(space: spaces.Space[Any]) -> spaces.Space[Any]:
    """Observation space without the action mask that PettingZoo may add to it."""
    if isinstance(space, spaces.Dict) and MASK in space.spaces:
        return space["observation"]
    return space


@dataclass(frozen=True)
class Slots:
    """Mapping from the agents of a parallel environment to slots of equal width.

    Args:
        names: agent names, one per slot.
        seen: observation space of each agent, without an action mask.
        acts: action space of each agent.
        masked: whether an action mask is given.
        state: space of the global state, or None.
        locate: function that returns the coordinates of agents by name, or None.
    """

    names: list[Any]
    seen: list[spaces.Space[Any]]
    acts: list[spaces.Space[Any]]
    masked: bool
    state: spaces.Space[Any] | None
    locate: PositionFn | None
    continuous: bool = field(init=False)

    def __post_init__(self) -> None:
        kinds = {type(space) for space in self.acts}
        if kinds not in ({spaces.Discrete}, {spaces.Box}):
            names = ", ".join(sorted(kind.__name__ for kind in kinds))
            raise ValueError(f"the action spaces are {names}; all Discrete or all Box are allowed")
        object.__setattr__(self, "continuous", kinds == {spaces.Box})
        bounded = all(s.is_bounded() for s in self.acts if isinstance(s, spaces.Box))
        if not bounded:
            raise ValueError(
                "a Box of actions has no bounds; actions in [-1, 1] are scaled to them"
            )

    @classmethod
    def of(cls, env: Any, masked: bool, locate: PositionFn | None) -> Slots:
        """Read the agents and spaces of an environment."""
        names = list(env.possible_agents)
        seen = [env.observation_space(name) for name in names]
        masked = masked or any(without_mask(space) is not space for space in seen)
        acts = [env.action_space(name) for name in names]
        state = getattr(env, "state_space", None)
        return cls(names, [without_mask(space) for space in seen], acts, masked, state, locate)

    @property
    def sizes(self) -> list[int]:
        """Number of discrete actions, or size of a continuous one, of each agent."""
        return [
            int(s.n) if isinstance(s, spaces.Discrete) else spaces.flatdim(s) for s in self.acts
        ]

    def spec(self, horizon: int) -> Spec:
        """Spec of the slots; agents of equal spaces and name up to a number are of one kind."""
        widths, sizes = [spaces.flatdim(space) for space in self.seen], self.sizes
        stems = [str(name).rstrip("0123456789").rstrip("_-") or "agent" for name in self.names]
        kinds = list(dict.fromkeys(zip(stems, widths, sizes, strict=True)))
        kind = tuple(kinds.index(key) for key in zip(stems, widths, sizes, strict=True))
        repeated = len({stem for stem, _, _ in kinds}) < len(kinds)
        labels = [f"{stem}{i}" if repeated else stem for i, (stem, _, _) in enumerate(kinds)]
        return Spec(
            num_agents=len(self.names),
            obs_shape=(max(widths),),
            num_actions=max(sizes),
            horizon=horizon,
            action="continuous" if self.continuous else "discrete",
            layout={
                label: slice(0, width) for label, (_, width, _) in zip(labels, kinds, strict=True)
            },
            kinds=tuple(labels),
            kind=kind if len(kinds) > 1 else (),
            state_size=0 if self.state is None else spaces.flatdim(self.state),
            has_position=self.locate is not None,
            has_available=not self.continuous and (self.masked or len(set(sizes)) > 1),
        )


class ParallelEngine:
    """Single-copy engine around a PettingZoo parallel environment.

    Args:
        make: function that builds the environment.
        masked: whether infos contain an action mask.
        locate: function that returns the coordinates of agents by name, or None.
    """

    def __init__(self, make: Callable[[], Any], masked: bool, locate: PositionFn | None) -> None:
        self.env = make()
        self.slots = Slots.of(self.env, masked, locate)
        self.legal = np.arange(max(self.slots.sizes)) < np.array(self.slots.sizes)[:, None]
        self.alive = np.zeros(len(self.slots.names), bool)

    def reset(self, seed: int, out: EngineStep) -> None:
        """Begin an episode."""
        obs, info = self.env.reset(seed=seed % 2**31)
        present = set(self.env.agents)
        self.alive = np.array([name in present for name in self.slots.names])
        if not self.alive.any():
            raise ValueError("the environment has no agents after reset")
        if out.position is not None:
            out.position[...] = 0
        self._write(out, obs, info)

    def step(self, action: NDArray[Any], out: EngineStep) -> tuple[bool, bool]:
        """Advance; the episode ends when no agent is left, by truncation if one was truncated."""
        names, before = self.slots.names, self.alive
        sent = {name: self._action(slot, action) for slot, name in enumerate(names) if before[slot]}
        obs, reward, terminated, truncated, info = self.env.step(sent)
        paid = [reward.get(name, 0) if before[slot] else 0 for slot, name in enumerate(names)]
        out.reward[...] = paid
        ended, cut = (np.array([bool(d.get(n)) for n in names]) for d in (terminated, truncated))
        present, over = set(self.env.agents), not self.env.agents
        was_cut = bool((before & cut & ~ended).any())
        here = np.array([name in present for name in names])
        # A truncated agent has not died: its last observation is bootstrapped from.
        self.alive = before & ~ended & cut if over else here & ~ended
        self._write(out, obs, info)
        return over and not was_cut, over and was_cut

    def _action(self, slot: int, action: NDArray[Any]) -> Any:
        space = self.slots.acts[slot]
        if isinstance(space, spaces.Discrete):
            if action[slot] >= space.n:
                name = self.slots.names[slot]
                raise ValueError(f"action {action[slot]} of {name}; it has {space.n} actions")
            return int(action[slot]) + int(space.start)
        assert isinstance(space, spaces.Box), "checked when the spaces were read"
        share = (action[slot, : spaces.flatdim(space)].reshape(space.shape) + 1) / 2
        return (space.low + share * (space.high - space.low)).astype(space.dtype)

    def _write(self, out: EngineStep, obs: Mapping[Any, Any], info: Mapping[Any, Any]) -> None:
        out.obs[...] = 0
        out.alive[...] = self.alive
        if out.available is not None:
            out.available[...] = self.legal
        for slot in self.alive.nonzero()[0]:
            name, space = self.slots.names[slot], self.slots.seen[slot]
            seen, mask = obs[name], info.get(name, {}).get(MASK)
            if isinstance(seen, Mapping) and MASK in seen:
                seen, mask = seen["observation"], seen[MASK]
            out.obs[slot, : spaces.flatdim(space)] = spaces.flatten(space, seen)
            if mask is not None and out.available is not None:
                out.available[slot, : len(mask)] = np.asarray(mask, bool)
        if out.position is not None and self.slots.locate is not None:
            for name, place in self.slots.locate(self.env).items():
                out.position[self.slots.names.index(name)] = place
        if out.state is not None and self.slots.state is not None:
            out.state[...] = spaces.flatten(self.slots.state, self.env.state())

    def scene(self) -> Scene:
        """Not available: a parallel environment has no objects to draw."""
        raise NotImplementedError("a PettingZoo environment has nothing to draw")

    def close(self) -> None:
        """Close the environment."""
        self.env.close()


def resolve(make: Callable[[], Any] | ImportName) -> Callable[[], Any]:
    """Import the function named `package.module:function`; a function is returned unchanged."""
    if not isinstance(make, str):
        return make
    module, colon, function = make.partition(":")
    if not colon:
        raise ValueError(f"make is {make!r}; write it as 'package.module:function'")
    return getattr(import_module(module), function)


class FromPettingZoo(Vector):
    """Adapter from any PettingZoo parallel environment.

    Slots are its `possible_agents`; agents that are absent are not `alive`. Observations are
    flattened (discrete ones as one-hot) and padded to the widest; `layout` holds the slice in use
    for each kind. Action masks in observations or infos, and action spaces smaller than the
    largest, become `available`. Actions in boxes are scaled from [-1, 1].

    The constructor builds one environment to read its spaces and closes it.

    Args:
        make: function that builds one environment, or `package.module:function`.
        num_envs: copies.
        horizon: steps after which an episode is truncated.
        position: function from the environment to the coordinates of agents by name.
        masked: whether infos contain an `action_mask`; masks in observations need no flag.
        workers: worker processes; 0 steps all copies in this process.

    Raises:
        ValueError: action spaces are not all discrete or all bounded boxes, a function that
            worker processes cannot import, or a number out of range.
    """

    def __init__(
        self,
        make: Callable[[], Any] | ImportName,
        num_envs: Copies = 8,
        horizon: PositiveInt = 500,
        position: PositionFn | None = None,
        masked: bool = False,
        workers: NonNegativeInt = 0,
    ) -> None:
        self.make, self.masked, self.position = resolve(make), masked, position
        if workers:
            try:
                pickle.dumps((self.make, position))
            except Exception as error:
                raise ValueError(
                    "workers can only import functions at the top of a module: pass such a make "
                    f"and position, or workers=0 ({error})"
                ) from error
        probe = self.make()
        slots = Slots.of(probe, masked, position)
        probe.close()
        super().__init__(slots.spec(horizon), num_envs, workers)

    def engine_maker(self) -> Callable[[], SingleEngine]:
        """One copy of the environment."""
        return partial(ParallelEngine, self.make, self.masked, self.position)
