"""What environments and the rest of the library agree on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
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
        layout: names of the observation's parts, as slices of its last axis. NVIF encodes the
            `view`, and takes `unique`, or else `position`, for what identifies an agent.
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
        return self._each(Tensor.clone)

    def to(self, device: torch.device) -> Step:
        """The same step on a device; itself if it is there.

        Args:
            device: the device.
        """
        if self.alive.device == device:
            return self
        return self._each(lambda value: value.to(device))

    def _each(self, change: Callable[[Tensor], Tensor]) -> Step:
        named = {name: change(x) for name, x in vars(self).items() if isinstance(x, Tensor)}
        return replace(self, **named, info={name: change(x) for name, x in self.info.items()})


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

    Attributes:
        device: where its steps are and its actions go; the CPU by default, where engines run.
    """

    spec: Spec
    num_envs: int
    device: torch.device = torch.device("cpu")

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

    def compile_for(self, steps: int) -> bool:
        """Compile `step` in a run that is long enough to win the time back; returns whether.

        Nothing by default; `Batched` can.

        Args:
            steps: steps of each copy in the run.
        """
        return False

    def close(self) -> None:
        """Release processes and engines."""
        return
