"""All that crosses from one folder to another: Spec, Step, Environment, the agent graph, Edges."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


@dataclass(frozen=True)
class Spec:
    """The shapes and names of one environment; constant within a run.

    Args:
        num_agents: slots for agents, N. Agents die, arrive and leave by `Step.alive`.
        obs_shape: shape of one agent's observation.
        num_actions: how many actions there are, or the size of a continuous action.
        horizon: steps after which an episode is truncated.
        action: `discrete` (integers below `num_actions`) or `continuous` (reals in [-1, 1]).
        layout: names of the observation's parts, as slices of its last axis.
        kinds: names of the kinds of agent.
        kind: kind of each slot, as an index into `kinds`; empty means that all are of kind 0.
        state_size: size of the global state, 0 where there is none.
        has_position: whether agents have coordinates.
        has_available: whether some actions can be illegal.
    """

    num_agents: int
    obs_shape: tuple[int, ...]
    num_actions: int
    horizon: int
    action: Literal["discrete", "continuous"] = "discrete"
    layout: Mapping[str, slice] = field(default_factory=dict)
    kinds: tuple[str, ...] = ("agent",)
    kind: tuple[int, ...] = ()
    state_size: int = 0
    has_position: bool = True
    has_available: bool = False

    @property
    def obs_size(self) -> int:
        """Numbers in one observation."""
        return torch.Size(self.obs_shape).numel()


@dataclass
class Step:
    """What an environment returns: B environments, N agent slots, one device.

    The step after an end (`terminated` or `truncated`) is the first observation of the next
    episode: its `time` is 0, its reward is 0 and the action that led to it was ignored.

    Args:
        obs: observations.
        alive: which slots hold a living agent.
        reward: reward of each agent for the transition into this step. An agent that dies in this
            transition has its last reward here; afterwards its reward is 0.
        terminated: the episode ended by the rules of the task.
        truncated: the episode was cut off, by its horizon or otherwise.
        time: steps since the episode began.
        position: coordinates, or None where there is no geometry.
        available: legal actions, or None where all are legal.
        state: global state, or None.
        links: the environment's own edges (roads, rails, visibility) as an `edge_index` over the
            rows `b * N + i`, or None.
        info: named metrics of the environments.
    """

    obs: Float[Tensor, "env agent ..."]
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
        """False on the seam between two episodes, which is no transition."""
        return self.time > 0

    @property
    def done(self) -> Bool[Tensor, " env"]:
        """The episode has ended here, for either reason."""
        return self.terminated | self.truncated

    def replace(self, **changes: Any) -> Step:
        """A copy with some fields changed."""
        return replace(self, **changes)


Weighted = tuple[Float[Tensor, "_ ..."], Float[Tensor, " _"]]


@dataclass(frozen=True)
class Scene:
    """What there is to draw of one environment besides its agents.

    Args:
        low, high: lower-left and upper-right corner of the world.
        points: named groups of things, as (coordinates, weight in [0, 1] shown as opacity).
        time: steps since the episode began.
        lines: named groups, as (coordinates of both ends, weight in [0, 1] shown as colour).
    """

    low: tuple[float, float]
    high: tuple[float, float]
    points: Mapping[str, Weighted]
    time: int = 0
    lines: Mapping[str, Weighted] = field(default_factory=dict)


class Environment(ABC):
    """B copies of one multi-agent task, stepped together.

    A constructor takes the task's options and `num_envs`, starts nothing, and sets `spec` and
    `num_envs`. The same seed gives the same episodes; copy b is independent of how many copies
    there are besides it.
    """

    spec: Spec
    num_envs: int

    @abstractmethod
    def reset(self, seed: int) -> Step:
        """Begin new episodes in all copies; what follows depends on seed and actions only."""

    @abstractmethod
    def step(self, action: Int[Tensor, "env agent"] | Float[Tensor, "env agent action"]) -> Step:
        """Advance every copy; one that ended in the last step begins its next episode instead."""

    @abstractmethod
    def state_dict(self) -> dict[str, Any]:
        """What `load_state_dict` needs to go on from here, as tensors and plain containers."""

    @abstractmethod
    def load_state_dict(self, state: Mapping[str, Any]) -> Step:
        """Go back to a saved state; returns the step that was current there."""

    def scene(self, env: int) -> Scene:
        """What to draw of one copy, as it is now."""
        raise NotImplementedError(f"{type(self).__name__} has nothing to draw")

    def close(self) -> None:
        """Give back processes and engines."""
        return


def check_action(action: Tensor, spec: Spec, num_envs: int) -> None:
    """Refuse an action of the wrong shape, kind or range.

    Raises:
        ValueError: says what came and what is allowed.
    """
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
    """Refuse a step whose shapes contradict the spec or whose living agents see NaN.

    Raises:
        ValueError: names the field, what came and what is allowed.
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
    for name, shape in shapes.items():
        value = getattr(step, name)
        if (came := None if value is None else tuple(value.shape)) != shape:
            raise ValueError(f"the environment's {name} has shape {came}; its spec says {shape}")
    for name in ("obs", "reward", "position", "state"):
        value = getattr(step, name)
        if value is not None and not torch.isfinite(value).all():
            raise ValueError(f"the environment's {name} contains NaN or infinity")
