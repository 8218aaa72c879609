"""The interface of environments: `Spec`, `Step` and `Environment`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from graphmarl.checks import Checked, check_fields
from graphmarl.ranges import Agents, NonNegativeInt, PositiveInt


@dataclass(frozen=True)
class Spec:
    """Shapes and names of an environment, constant within a run.

    Args:
        num_agents: slots for agents, N; `Step.alive` says which hold an agent.
        obs_shape: shape of one agent's observation.
        num_actions: number of discrete actions, or size of a continuous action.
        horizon: steps after which an episode is truncated.
        action: `discrete` (integers below `num_actions`) or `continuous` (reals in [-1, 1]).
        layout: names of the observation's parts, as slices of its last axis.
        kinds: names of the kinds of agent.
        kind: kind of each slot, as an index into `kinds`; empty means that all are of kind 0.
        state_size: size of the global state, 0 where there is none.
        has_position: whether agents have coordinates.
        has_available: whether some actions can be illegal.

    Raises:
        ValueError: a field is of the wrong type or out of range.
    """

    num_agents: Agents
    obs_shape: tuple[PositiveInt, ...]
    num_actions: PositiveInt
    horizon: PositiveInt
    action: Literal["discrete", "continuous"] = "discrete"
    layout: Mapping[str, slice] = field(default_factory=dict)
    kinds: tuple[str, ...] = ("agent",)
    kind: tuple[int, ...] = ()
    state_size: NonNegativeInt = 0
    has_position: bool = True
    has_available: bool = False

    def __post_init__(self) -> None:
        check_fields(self)

    @property
    def obs_size(self) -> int:
        """Size of a flattened observation."""
        return torch.Size(self.obs_shape).numel()


@dataclass
class Step:
    """What `reset` and `step` return: tensors of B environments with N agent slots.

    The step after an end (`terminated` or `truncated`) is the first observation of the next
    episode: its `time` is 0, its reward is 0 and the action that led to it was ignored.

    Args:
        obs: observations; pictures as bytes, which are scaled to [0, 1] when they are read.
        alive: slots that hold a live agent.
        reward: reward of each agent for the transition into this step. An agent that dies in this
            transition has its last reward here; afterwards its reward is 0.
        terminated: the episode ended in a terminal state of the task.
        truncated: the episode was cut off, at its horizon or otherwise.
        time: steps since the episode began.
        position: coordinates, or None where there is no geometry.
        available: legal actions, or None where all are legal.
        state: global state, or None.
        links: the environment's own edges (roads, rails, visibility) as an `edge_index` over the
            rows `b * N + i`, or None.
        info: metrics by name, one number for each environment; evaluations report those of the last
            step of an episode.

    Shapes:
        obs (env, agent, ...), alive and reward (env, agent), terminated, truncated and time (env,),
        position (env, agent, 2), available (env, agent, action), state (env, state), links (2,
        edge), info (env,).
    """

    obs: Float[Tensor, "env agent ..."] | UInt8[Tensor, "env agent ..."]
    alive: Bool[Tensor, "env agent"]
    reward: Float[Tensor, "env agent"]
    terminated: Bool[Tensor, " env"]
    truncated: Bool[Tensor, " env"]
    time: Int[Tensor, " env"]
    position: Float[Tensor, "env agent 2"] | None = None
    available: Bool[Tensor, "env agent action"] | None = None
    state: Float[Tensor, "env state"] | None = None
    links: Int[Tensor, "2 edge"] | None = None
    info: dict[str, Tensor] = field(default_factory=dict)

    @property
    def valid(self) -> Bool[Tensor, " env"]:
        """False for the first step of an episode, which no transition led to."""
        return self.time > 0

    @property
    def done(self) -> Bool[Tensor, " env"]:
        """Whether the episode has ended, terminated or truncated."""
        return self.terminated | self.truncated

    def replace(self, **changes: Any) -> Step:
        """A copy with some fields changed."""
        return replace(self, **changes)

    def clone(self) -> Step:
        """A copy with tensors of its own."""
        named = {
            name: value.clone() for name, value in vars(self).items() if torch.is_tensor(value)
        }
        return replace(self, **named, info={name: x.clone() for name, x in self.info.items()})


TYPES = {name: (torch.float32,) for name in ("reward", "position", "state")}
TYPES |= {name: (torch.bool,) for name in ("alive", "terminated", "truncated", "available")}
TYPES |= {"time": (torch.int64,), "links": (torch.int64,), "obs": (torch.float32, torch.uint8)}
"""Types of the fields of a step."""
Weighted = tuple[Float[Tensor, "_ ..."], Float[Tensor, " _"]]


@dataclass(frozen=True)
class Scene:
    """Map and objects of one environment, to be drawn with its agents.

    Args:
        low, high: lower-left and upper-right corner of the world.
        points: named groups of objects, as (coordinates, weight in [0, 1] shown as opacity).
        time: steps since the episode began.
        lines: named groups, as (coordinates of both ends, weight in [0, 1] shown as colour).
    """

    low: tuple[float, float]
    high: tuple[float, float]
    points: Mapping[str, Weighted]
    time: int = 0
    lines: Mapping[str, Weighted] = field(default_factory=dict)


class Environment(Checked, ABC):
    """Base class of environments: B copies of one multi-agent task, stepped together.

    A constructor takes the task's options and `num_envs`, starts no engine, and sets `spec` and
    `num_envs`. The same seed gives the same episodes; a copy does not depend on the number of
    copies. `Batched` is the base class of tasks written as tensors, `Vector` of engines.
    """

    spec: Spec
    num_envs: int

    @abstractmethod
    def reset(self, seed: int) -> Step:
        """Start new episodes in all copies; all later steps depend on seed and actions only.

        Args:
            seed: the seed.
        """

    @abstractmethod
    def step(self, action: Int[Tensor, "env agent"] | Float[Tensor, "env agent action"]) -> Step:
        """Advance every copy; a copy whose episode has ended starts its next episode instead.

        Args:
            action: actions (env, agent), or (env, agent, action) if they are continuous.
        """

    @abstractmethod
    def state_dict(self) -> dict[str, Any]:
        """The state of all copies, as tensors and plain containers."""

    @abstractmethod
    def load_state_dict(self, state: Mapping[str, Any]) -> Step:
        """Restore a saved state; returns its current step.

        Args:
            state: of `state_dict`.
        """

    def scene(self, env: int) -> Scene:
        """Map and objects of one copy, in its current state.

        Args:
            env: number of the copy.
        """
        raise NotImplementedError(f"{type(self).__name__} has nothing to draw")

    def close(self) -> None:
        """Release processes and engines."""
        return


def check_action(action: Tensor, spec: Spec, num_envs: int) -> None:
    """Refuse an action of the wrong shape, type or range.

    Args:
        action: the action.
        spec: shapes of the environment.
        num_envs: environment copies.

    Raises:
        ValueError: names the value and what is allowed.
    """
    if not isinstance(action, Tensor):
        raise ValueError(f"action is {type(action).__name__}; it must be a tensor")
    discrete = spec.action == "discrete"
    shape = (num_envs, spec.num_agents) + (() if discrete else (spec.num_actions,))
    if tuple(action.shape) != shape:
        raise ValueError(
            f"action has shape {tuple(action.shape)}; expected {shape}, one for each agent slot"
        )
    if discrete and (action.is_floating_point() or action.is_complex()):
        raise ValueError(f"action has type {action.dtype}; discrete actions are integers")
    low, high = (0, spec.num_actions - 1) if discrete else (-1, 1)
    outside = ~((action >= low) & (action <= high))
    if outside.any():
        where = outside.nonzero()[0].tolist()
        value = action[tuple(where)].item()
        raise ValueError(
            f"action {value} of environment {where[0]}, agent {where[1]} is out of range; "
            f"allowed are {low} to {high}"
        )


def check_step(step: Step, spec: Spec, num_envs: int) -> None:
    """Refuse a step that contradicts the spec in itself: fields, numbers, masks, links, metrics.

    Args:
        step: the step.
        spec: shapes of the environment.
        num_envs: environment copies.

    Raises:
        ValueError: names the field, its value and what is allowed.
    """
    pair = (num_envs, spec.num_agents)
    shapes: dict[str, tuple[int, ...] | None] = {
        "obs": pair + tuple(spec.obs_shape),
        "alive": pair,
        "reward": pair,
        "terminated": (num_envs,),
        "truncated": (num_envs,),
        "time": (num_envs,),
        "position": (*pair, 2) if spec.has_position else None,
        "available": (*pair, spec.num_actions) if spec.has_available else None,
        "state": (num_envs, spec.state_size) if spec.state_size else None,
    }
    for name, types in TYPES.items():
        value: Any = getattr(step, name)
        if value is not None and not isinstance(value, Tensor):
            raise ValueError(f"{name} is {type(value).__name__}; it must be a tensor")
        came = None if value is None else tuple(value.shape)
        if name in shapes and came != shapes[name]:
            raise ValueError(f"{name} has shape {came}; its spec says {shapes[name]}")
        if value is not None and value.dtype not in types:
            raise ValueError(f"{name} has type {value.dtype}; allowed is {types[0]}")
        if value is not None and value.is_floating_point():
            _check_finite(name, value, step.time)
    if step.available is not None and (stuck := step.alive & ~step.available.any(-1)).any():
        copy, agent = stuck.nonzero()[0].tolist()
        raise ValueError(f"agent {agent} of copy {copy} is alive and has no legal action")
    if step.links is not None:
        _check_links(step.links, *pair)
    for name, value in step.info.items():
        came = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
        if not isinstance(value, Tensor) or not value.dim() or len(value) != num_envs:
            allowed = f"a tensor with num_envs = {num_envs} entries"
            raise ValueError(f"info[{name!r}] is {came}; it must be {allowed}")


def _check_finite(name: str, value: Tensor, time: Tensor) -> None:
    if (finite := torch.isfinite(value)).all():
        return
    copy, *rest = (~finite).nonzero()[0].tolist()
    agent = f", agent {rest[0]}" if name != "state" else ""
    number = value[~finite][0].item()
    where = f"{name} of copy {copy}{agent}"
    raise ValueError(f"{where} contains NaN or infinity: {number} at time {int(time[copy])}")


def _check_links(links: Tensor, num_envs: int, agents: int) -> None:
    if links.dim() != 2 or len(links) != 2:
        raise ValueError(f"links has shape {tuple(links.shape)}; allowed is (2, edges)")
    if not links.numel():
        return
    low, high, rows = int(links.min()), int(links.max()), num_envs * agents - 1
    if low < 0 or high > rows:
        raise ValueError(f"links has rows {low} to {high}; allowed are 0 to {rows}")
    if (links[0] // agents != links[1] // agents).any():
        raise ValueError("links joins agents of different copies")
