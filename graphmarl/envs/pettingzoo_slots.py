"""Agents and spaces of a PettingZoo environment, as slots of equal width."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from graphmarl.step import Spec

MASK = "action_mask"
PositionFn = Callable[[Any], Mapping[Any, Any]]
State = Literal["own", "joined", "none"]


def without_mask(space: spaces.Space[Any]) -> spaces.Space[Any]:
    """Observation space without the action mask that PettingZoo may add to it."""
    if not isinstance(space, spaces.Dict) or MASK not in space.spaces:
        return space
    rest = {name: part for name, part in space.spaces.items() if name != MASK}
    return rest["observation"] if set(rest) == {"observation"} else spaces.Dict(rest)


def seen_and_mask(seen: Any) -> tuple[Any, Any]:
    """An observation without its action mask, and the mask or None."""
    if not isinstance(seen, Mapping) or MASK not in seen:
        return seen, None
    rest = {name: part for name, part in seen.items() if name != MASK}
    return rest["observation"] if set(rest) == {"observation"} else rest, seen[MASK]


@dataclass(frozen=True)
class Slots:
    """Mapping from the agents of a parallel environment to slots of equal width.

    Args:
        names: agent names, one per slot.
        seen: observation space of each agent, without an action mask.
        acts: action space of each agent.
        masked: whether an action mask is given.
        state: what the global state is.
        state_size: its size; 0 for none.
        locate: function that returns the coordinates of agents by name, or None.

    Raises:
        ValueError: action spaces are not all discrete or all bounded boxes.
    """

    names: list[Any]
    seen: list[spaces.Space[Any]]
    acts: list[spaces.Space[Any]]
    masked: bool
    state: State
    state_size: int
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
    def of(cls, env: Any, masked: bool, state: State, locate: PositionFn | None) -> Slots:
        """Read the agents and spaces of an environment, which is reset once.

        Masks are found in observations and in the infos of the first step.
        """
        first = env.reset(seed=0)
        if not isinstance(first, tuple) or len(first) != 2:
            raise ValueError(
                f"reset returned {type(first).__name__}; a parallel environment returns "
                "observations and infos"
            )
        infos = first[1] or {}
        names = list(getattr(env, "possible_agents", None) or env.agents)
        if not names:
            raise ValueError("the environment has no agents")
        seen = [env.observation_space(name) for name in names]
        shown = any(MASK in (info or {}) for info in infos.values())
        masked = masked or shown or any(without_mask(space) is not space for space in seen)
        plain = [without_mask(space) for space in seen]
        size = 0
        if state == "own":
            size = own_state(env).size
        elif state == "joined":
            size = max(map(spaces.flatdim, plain)) * len(names)
        acts = [env.action_space(name) for name in names]
        return cls(names, plain, acts, masked, state, size, locate)

    @property
    def sizes(self) -> list[int]:
        """Number of discrete actions, or size of a continuous one, of each agent."""
        return [
            int(s.n) if isinstance(s, spaces.Discrete) else spaces.flatdim(s) for s in self.acts
        ]

    @property
    def picture(self) -> tuple[int, int, int] | None:
        """Shape (height, width, channels) if all agents see pictures of bytes of one shape."""
        shapes = {
            space.shape if isinstance(space, spaces.Box) and space.dtype == np.uint8 else None
            for space in self.seen
        }
        (shape,) = shapes if len(shapes) == 1 else (None,)
        if shape is None or len(shape) != 3:
            return None
        return int(shape[0]), int(shape[1]), int(shape[2])

    def spec(self, horizon: int) -> Spec:
        """Spec of the slots; agents of equal spaces and name up to a number are of one kind."""
        widths, sizes = [spaces.flatdim(space) for space in self.seen], self.sizes
        stems = [str(name).rstrip("0123456789").rstrip("_- ") or "agent" for name in self.names]
        kinds = list(dict.fromkeys(zip(stems, widths, sizes, strict=True)))
        kind = tuple(kinds.index(key) for key in zip(stems, widths, sizes, strict=True))
        repeated = len({stem for stem, _, _ in kinds}) < len(kinds)
        labels = [f"{stem}{i}" if repeated else stem for i, (stem, _, _) in enumerate(kinds)]
        parts = {label: slice(0, width) for label, (_, width, _) in zip(labels, kinds, strict=True)}
        return Spec(
            num_agents=len(self.names),
            obs_shape=self.picture or (max(widths),),
            num_actions=max(sizes),
            horizon=horizon,
            action="continuous" if self.continuous else "discrete",
            layout={} if self.picture else parts,
            kinds=tuple(labels),
            kind=kind if len(kinds) > 1 else (),
            state_size=self.state_size,
            has_position=self.locate is not None,
            has_available=not self.continuous and (self.masked or len(set(sizes)) > 1),
        )

    def action(self, slot: int, action: NDArray[Any]) -> Any:
        """Action of a slot in the agent's own space."""
        space = self.acts[slot]
        if isinstance(space, spaces.Discrete):
            return int(action[slot]) + int(space.start)
        assert isinstance(space, spaces.Box), "checked when the spaces were read"
        share = (action[slot, : spaces.flatdim(space)].reshape(space.shape) + 1) / 2
        return (space.low + share * (space.high - space.low)).astype(space.dtype)


def own_state(env: Any) -> NDArray[Any]:
    """The environment's own global state as numbers; empty if it has none."""
    space = getattr(env, "state_space", None)
    try:
        state = env.state()
    except (AttributeError, NotImplementedError):
        return np.zeros(0, np.float32)
    flat = np.asarray(state if space is None else spaces.flatten(space, state))
    # Pictures of bytes are scaled to [0, 1], as they are in observations.
    scale = 255 if flat.dtype == np.uint8 else 1
    return flat.reshape(-1).astype(np.float32) / np.float32(scale)


def parts_of(found: Any) -> tuple[Mapping[Any, Any], ...]:
    """Observations, rewards, terminations, truncations and infos that a step returned.

    Args:
        found: what it returned.

    Raises:
        ValueError: it is something else.
    """
    names = ("observations", "rewards", "terminations", "truncations", "infos")
    if not isinstance(found, tuple) or len(found) != len(names):
        came = f"{len(found)} values" if isinstance(found, tuple) else type(found).__name__
        raise ValueError(f"step returned {came}; a parallel environment returns {', '.join(names)}")
    parts = (*found[:-1], found[-1] or {})
    for name, part in zip(names, parts, strict=True):
        if not isinstance(part, Mapping):
            raise ValueError(f"step returned {name} as {type(part).__name__}; they are by agent")
    return parts


def reward_of(name: Any, rewards: Mapping[Any, Any]) -> float:
    """The reward of an agent as a number; one in an array is taken out of it.

    Args:
        name: the agent.
        rewards: rewards by agent.

    Raises:
        ValueError: there is none, or it is no number.
    """
    if name not in rewards:
        raise ValueError(f"there is no reward of agent {name}, which took part")
    try:
        found = np.asarray(rewards[name], float)
    except (TypeError, ValueError) as error:
        raise ValueError(f"the reward of {name} must be one number: {error}") from error
    if found.size != 1:
        raise ValueError(f"the reward of {name} has shape {found.shape}; it must be one number")
    return float(found.reshape(()))
