"""Base class of environments written as batched tensor operations."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from graphmarl.envs.counter_rng import CounterRNG
from graphmarl.ranges import Copies
from graphmarl.step import Environment, Spec, Step, check_action

OUTCOME = ("time", "episode", "reward", "terminated", "truncated")
BEGIN, ADVANCE, OBSERVE = range(3)


class Batched(Environment):
    """Batched environment: B copies as tensors whose first axis is the copy.

    A subclass passes `spec` to this constructor and implements the initial state (`begin`), the
    transition (`advance`) and the observation (`observe`). This class counts time, ends and starts
    episodes, saves and loads. The task's state is the set of attributes that `begin` returns.

    Random numbers come from `uniform` and `integers`: the n-th draw of `begin`, `advance` or
    `observe` depends on (seed, copy, episode, time, n) only, so there is no generator state to
    save.

    State tensors are never modified in place but replaced, so steps may share them; tensors of a
    step must not be modified in place either.

    Args:
        spec: shapes of the environment.
        num_envs: copies, B.
        device: where the tensors are.

    Attributes:
        time: step number within the episode of each copy.
        episode: episode number of each copy, from 0.
        reward: rewards of the last step.
        terminated: copies that terminated in the last step.
        truncated: copies that were truncated in the last step.
        all_agents: True for each agent.
        zeros: 0 for each agent.
        none_ended: False for each copy.

    Raises:
        ValueError: a number out of range, or a device that this machine does not have.
    """

    time: Int[Tensor, " env"]
    episode: Int[Tensor, " env"]
    reward: Float[Tensor, "env agent"]
    terminated: Bool[Tensor, " env"]
    truncated: Bool[Tensor, " env"]

    def __init__(self, spec: Spec, num_envs: Copies, device: str | torch.device = "cpu") -> None:
        self.spec, self.num_envs, self.device = spec, num_envs, torch.device(device)
        pair = (num_envs, spec.num_agents)
        self._rng = CounterRNG(num_envs, self.device)
        self.all_agents = torch.ones(pair, dtype=torch.bool, device=self.device)
        self.zeros = torch.zeros(pair, device=self.device)
        self.none_ended = torch.zeros(num_envs, dtype=torch.bool, device=self.device)
        self._team_size = torch.full((spec.num_agents,), float(spec.num_agents), device=self.device)
        self._number = torch.long if spec.action == "discrete" else torch.float32
        self._seed: int | None = None
        self._fields: tuple[str, ...] = ()

    def replicate_edges(self, links: Int[Tensor, "2 edge"]) -> Int[Tensor, "2 edges"]:
        """Replicate the edges of one copy over the disjoint union of all copies."""
        agents = self.spec.num_agents
        first = torch.arange(0, self.num_envs * agents, agents, device=self.device)
        return (links.to(self.device).unsqueeze(1) + first.unsqueeze(1)).flatten(1)

    @abstractmethod
    def begin(self) -> dict[str, Tensor]:
        """Initial state of every copy, by attribute.

        Rows of copies whose episode continues are discarded.
        """

    @abstractmethod
    def advance(
        self, action: Int[Tensor, "env agent"] | Float[Tensor, "env agent action"]
    ) -> tuple[Float[Tensor, "env agent"], Bool[Tensor, " env"]]:
        """Set the next state; returns rewards and `terminated`.

        `time` is already that of the next state. Copies that ended in the last step are advanced
        with the others and their results discarded.
        """

    @abstractmethod
    def observe(self) -> dict[str, Any]:
        """Fields of the current `Step` by name: `obs` and any of the optional ones.

        Without `alive` all agents are alive. Reward, ends and time are added by the caller.
        """

    def check_legal(self, action: Tensor) -> None:
        """Refuse actions that are not available now, before anything changes; none by default.

        Args:
            action: actions of the right shape, type and range.

        Raises:
            ValueError: names the action, the copy, the agent and what is allowed.
        """
        return

    def uniform(self, *shape: int) -> Float[Tensor, "env ..."]:
        """Uniform reals in [0, 1) for each copy, `(B, *shape)`."""
        return self._rng.uniform(*shape)

    def integers(
        self, low: int | Int[Tensor, "*low"], high: int | Int[Tensor, "*high"], *shape: int
    ) -> Int[Tensor, "env ..."]:
        """Random integers from low to high - 1 for each copy, `(B, *shape)`."""
        return self._rng.integers(low, high, *shape)

    def shared(self, team: Float[Tensor, " env"]) -> Float[Tensor, "env agent"]:
        """Team reward split equally among the agents."""
        return team.unsqueeze(1) / self._team_size

    def reset(self, seed: int) -> Step:
        """Begin episode 0 of this seed in every copy."""
        if seed < 0:
            raise ValueError(f"seed is {seed}; it must not be negative")
        self._seed = seed
        self._rng.seed(seed)
        self.time = self.episode = torch.zeros_like(self.none_ended, dtype=torch.long)
        self._begin(None)
        self.reward, self.terminated, self.truncated = self.zeros, self.none_ended, self.none_ended
        return self._current()

    def step(self, action: Int[Tensor, "env agent"] | Float[Tensor, "env agent action"]) -> Step:
        """Advance every copy; one that ended in the last step starts its next episode instead."""
        self._running()
        check_action(action, self.spec, self.num_envs)
        self.check_legal(action)
        ended = self.terminated | self.truncated
        number = int(ended.sum()) if ended.any() else 0
        self.time = self.time + 1
        reward, terminated = self.zeros, self.none_ended
        if number < self.num_envs:
            self._rng.move(self.time, ADVANCE)
            reward, terminated = self.advance(action.detach().to(self.device, self._number))
        if number:
            self.time = self.time.masked_fill(ended, 0)
            self.episode = self.episode + ended
            self._begin(ended)
            reward, terminated = reward.masked_fill(ended.unsqueeze(1), 0), terminated & ~ended
        self.reward, self.terminated = reward, terminated
        late = self.time >= self.spec.horizon
        self.truncated = late if terminated is self.none_ended else late & ~terminated
        return self._current()

    def _running(self) -> int:
        if self._seed is None:
            raise RuntimeError(f"{type(self).__name__} has not begun: call reset(seed) first")
        return self._seed

    def _begin(self, where: Bool[Tensor, " env"] | None) -> None:
        """Reset the state of the copies in `where`, or of all."""
        self._rng.begin(self.episode)
        self._rng.move(self.time, BEGIN)
        first = self.begin()
        self._fields = tuple(first)
        for name, value in first.items():
            if where is not None:
                mask = where.view(-1, *(1,) * (value.dim() - 1))
                value = torch.where(mask, value, getattr(self, name))
            setattr(self, name, value)

    def _current(self) -> Step:
        self._rng.move(self.time, OBSERVE)
        outcome: dict[str, Any] = {
            "alive": self.all_agents,
            "reward": self.reward,
            "terminated": self.terminated,
            "truncated": self.truncated,
            "time": self.time,
        }
        return Step(**(outcome | self.observe()))

    def state_dict(self) -> dict[str, Any]:
        """Seed, counters, the last step's outcome and the task's state."""
        seed = self._running()
        return {"seed": seed} | {
            name: getattr(self, name).clone() for name in (*OUTCOME, *self._fields)
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> Step:
        """Restore a saved state.

        Raises:
            ValueError: the state is of another environment or another number of copies.
        """
        came = len(state["time"])
        if came != self.num_envs:
            raise ValueError(f"the state is of {came} copies; this has num_envs = {self.num_envs}")
        if self._seed is None:
            self.reset(0)  # `begin` names the attributes of the state
        own = self.state_dict()
        if own.keys() != state.keys():
            raise ValueError(f"the state has {', '.join(state)}; this has {', '.join(own)}")
        saved = {name: state[name] for name in (*OUTCOME, *self._fields)}
        for name, value in saved.items():
            there = own[name]
            if value.shape != there.shape or value.dtype != there.dtype:
                raise ValueError(
                    f"the state's {name} is {value.dtype} of shape {tuple(value.shape)}; "
                    f"this has {there.dtype} of shape {tuple(there.shape)}"
                )
        self._seed = int(state["seed"])
        self._rng.seed(self._seed)
        for name, value in saved.items():
            setattr(self, name, value.to(self.device, copy=True))
        self._rng.begin(self.episode)
        return self._current()
