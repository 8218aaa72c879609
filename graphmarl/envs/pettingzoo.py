"""Adapter from PettingZoo environments."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from graphmarl.envs.pettingzoo_slots import (
    MASK,
    PositionFn,
    Slots,
    State,
    own_state,
    parts_of,
    reward_of,
    seen_and_mask,
)
from graphmarl.envs.vector import Vector
from graphmarl.envs.workers import EngineStep, SingleEngine
from graphmarl.ranges import Copies, ImportName, NonNegativeInt, PositiveInt
from graphmarl.resolver import imported
from graphmarl.step import Scene


class ParallelEngine:
    """Single-copy engine around a PettingZoo parallel environment.

    Args:
        make: function that builds the environment.
        masked: whether infos contain an action mask.
        state: what the global state is.
        locate: function that returns the coordinates of agents by name, or None.
    """

    def __init__(
        self, make: Callable[[], Any], masked: bool, state: State, locate: PositionFn | None
    ) -> None:
        self.env = parallel(make())
        self.slots = Slots.of(self.env, masked, state, locate)
        self.legal = np.arange(max(self.slots.sizes)) < np.array(self.slots.sizes)[:, None]
        self.alive = np.zeros(len(self.slots.names), bool)

    def reset(self, seed: int, out: EngineStep) -> None:
        """Begin an episode."""
        obs, info = self.env.reset(seed=seed % 2**31)
        self.alive = self._present()
        if not self.alive.any():
            raise ValueError("the environment has no agents after reset")
        out.obs[...] = 0
        if out.position is not None:
            out.position[...] = 0
        self._write(out, obs, info or {})

    def step(self, action: NDArray[Any], out: EngineStep) -> tuple[bool, bool]:
        """Advance; the episode ends when no agent is left, by truncation if one was truncated."""
        names, before, act = self.slots.names, self.alive, self.slots.action
        sent = {name: act(slot, action) for slot, name in enumerate(names) if before[slot]}
        obs, reward, terminated, truncated, info = parts_of(self.env.step(sent))
        for slot, name in enumerate(names):
            out.reward[slot] = reward_of(name, reward) if before[slot] else 0
        ended, cut = (np.array([bool(d.get(n)) for n in names]) for d in (terminated, truncated))
        here, over = self._present(), not self.env.agents
        was_cut = bool((before & cut & ~ended).any())
        # A truncated agent has not died: its last observation is bootstrapped from.
        self.alive = before & ~ended & cut if over else here & ~ended
        self._write(out, obs, info, last=over)
        return over and not was_cut, over and was_cut

    def _present(self) -> NDArray[np.bool_]:
        """Slots whose agents take part now."""
        present = set(self.env.agents)
        unknown = present - set(self.slots.names)
        if unknown:
            raise ValueError(
                f"agent {min(map(str, unknown))} is not among possible_agents, which are "
                f"{', '.join(map(str, self.slots.names))}"
            )
        return np.array([name in present for name in self.slots.names])

    def _write(
        self,
        out: EngineStep,
        obs: Mapping[Any, Any],
        info: Mapping[Any, Any],
        last: bool = False,
    ) -> None:
        out.obs[~self.alive] = 0
        out.alive[...] = self.alive
        if out.available is not None:
            out.available[...] = self.legal
        for slot in self.alive.nonzero()[0].tolist():
            name = self.slots.names[slot]
            # An agent that is truncated without a last observation keeps the one before.
            if name not in obs and not last:
                raise ValueError(f"there is no observation of agent {name}, which takes part")
            seen, mask = seen_and_mask(obs[name]) if name in obs else (None, None)
            if seen is not None:
                self._write_obs(out, slot, seen)
            mask = (info.get(name) or {}).get(MASK) if mask is None else mask
            if mask is not None:
                self._write_mask(out, slot, mask)
        if out.position is not None and self.slots.locate is not None:
            for name, place in self.slots.locate(self.env).items():
                out.position[self.slots.names.index(name)] = place
        if out.state is not None:
            self._write_state(out, out.state)

    def _write_state(self, out: EngineStep, state: NDArray[Any]) -> None:
        if self.slots.state == "joined":
            state[...] = out.obs.reshape(-1)
            return
        found = own_state(self.env)
        if found.size == state.size:
            state[...] = found
        elif self.env.agents or found.size:
            raise ValueError(
                f"state() has {found.size} numbers, and had {state.size} after the first reset; "
                "pass state='joined' or state='none'"
            )
        elif not self.alive.any():
            state[...] = 0  # nobody is left whose value depends on it

    def _write_obs(self, out: EngineStep, slot: int, seen: Any) -> None:
        space = self.slots.seen[slot]
        if self.slots.picture:
            out.obs[slot] = seen
            return
        try:
            out.obs[slot, : spaces.flatdim(space)] = spaces.flatten(space, seen)
        except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
            raise ValueError(
                f"the observation of {self.slots.names[slot]} does not fit its space {space}: "
                f"{error}"
            ) from error

    def _write_mask(self, out: EngineStep, slot: int, mask: Any) -> None:
        name, mask = self.slots.names[slot], np.asarray(mask, bool).reshape(-1)
        if self.slots.continuous:
            return
        if out.available is None:
            raise ValueError(f"the infos of {name} contain an {MASK}; pass masked=True")
        size = self.slots.sizes[slot]
        if len(mask) != size:
            raise ValueError(f"the {MASK} of {name} has {len(mask)} entries; it has {size} actions")
        out.available[slot, :size] = mask

    def scene(self) -> Scene:
        """Not available: a parallel environment has no objects to draw."""
        raise NotImplementedError("a PettingZoo environment has nothing to draw")

    def close(self) -> None:
        """Close the environment."""
        self.env.close()


def parallel(env: Any) -> Any:
    """A parallel environment; one of turns is converted by PettingZoo's wrapper.

    Args:
        env: what the user's function made.

    Raises:
        ValueError: it is no PettingZoo environment, or its turns cannot be converted.
    """
    if hasattr(env, "agent_iter"):
        from pettingzoo.utils.conversions import aec_to_parallel

        try:
            return aec_to_parallel(env)
        except (AssertionError, AttributeError) as error:
            raise ValueError(
                f"{env} takes turns and cannot be played in parallel: {error}"
            ) from error
    lacks = [name for name in ("reset", "step", "observation_space") if not hasattr(env, name)]
    if lacks:
        raise ValueError(
            f"make returned {type(env).__name__}, which has no {lacks[0]}; it must build a "
            "PettingZoo environment"
        )
    return env


def resolve(function: Callable[..., Any] | ImportName, option: str) -> Callable[..., Any]:
    """Import the function named `package.module:function`; a function is returned unchanged.

    Args:
        function: the function or its name.
        option: name of the option, for messages.

    Raises:
        ValueError: it cannot be imported, or is no function.
    """
    if not isinstance(function, str):
        return function
    found = imported(option, function)
    if not callable(found):
        raise ValueError(f"{option} {function!r} is a {type(found).__name__}, not a function")
    return found


class FromPettingZoo(Vector):
    """Adapter from any PettingZoo environment; those of turns go through PettingZoo's wrapper.

    Slots are its `possible_agents`; agents that are absent are not `alive`. Observations are
    flattened (dictionaries part by part, discrete ones as one-hot) and padded to the widest;
    `layout` holds the slice in use for each kind. Pictures of bytes stay bytes, of shape (height,
    width, channels), if all agents see such of one shape. Action masks in observations or infos,
    and action spaces smaller than the largest, become `available`. Actions in boxes are scaled from
    [-1, 1]. An agent that is truncated without a last observation keeps the one before, and so
    does the global state of an environment whose `state()` is empty once all agents have left.

    The constructor builds one environment, resets it to read its agents, spaces and masks, and
    closes it.

    Args:
        make: function that builds one environment, or `package.module:function`.
        num_envs: copies.
        horizon: steps after which an episode is truncated.
        position: function from the environment to the coordinates of agents by name, or
            `package.module:function`.
        masked: whether infos contain an `action_mask` that the first ones lack; other masks are
            found.
        state: the global state: the environment's `own` one, if it has one; the `joined`
            observations; or `none`.
        workers: worker processes; 0 steps all copies in this process.

    Raises:
        ValueError: action spaces are not all discrete or all bounded boxes, a function that cannot
            be imported, or a number out of range.
    """

    def __init__(
        self,
        make: Callable[[], Any] | ImportName,
        num_envs: Copies = 8,
        horizon: PositiveInt = 500,
        position: PositionFn | ImportName | None = None,
        masked: bool = False,
        state: State = "own",
        workers: NonNegativeInt = 0,
    ) -> None:
        self.make, self.masked = resolve(make, "make"), masked
        self.state: State = state
        self.position = None if position is None else resolve(position, "position")
        if workers:
            try:
                pickle.dumps((self.make, self.position))
            except Exception as error:
                raise ValueError(
                    "workers can only import functions at the top of a module: pass such a make "
                    f"and position, or workers=0 ({error})"
                ) from error
        probe = parallel(self.make())
        try:
            slots = Slots.of(probe, masked, state, self.position)
        finally:
            probe.close()
        super().__init__(slots.spec(horizon), num_envs, workers, pictures=bool(slots.picture))

    def engine_maker(self) -> Callable[[], SingleEngine]:
        """One copy of the environment."""
        return partial(ParallelEngine, self.make, self.masked, self.state, self.position)
