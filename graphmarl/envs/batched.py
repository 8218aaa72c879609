"""Base class of environments written as batched tensor operations."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from graphmarl.envs.counter_rng import CounterRNG
from graphmarl.envs.links import edges_of, replicate_edges
from graphmarl.envs.saved_state import OBSERVED, check_state
from graphmarl.ranges import Compiled, Copies
from graphmarl.step import Environment, Spec, Step, check_action

if TYPE_CHECKING:
    from graphmarl.envs.compiled import CompiledTransition

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

    `compiled` makes one function of `advance`, `observe` and, unless a subclass sets
    `compiled_begin` to False, `begin`. What they do may then not depend on the values of tensors;
    `data_free` is True while they are traced.

    Args:
        spec: shapes of the environment.
        num_envs: copies, B.
        device: where the tensors are.
        compiled: compile the step: yes, no, or `auto`, in runs of `compile_from` steps of each
            copy. Compiled steps differ from others by rounding.

    Attributes:
        time: step number within the episode of each copy.
        episode: episode number of each copy, from 0.
        reward: rewards of the last step.
        terminated: copies that terminated in the last step.
        truncated: copies that were truncated in the last step.
        all_agents: True for each agent.
        zeros: 0 for each agent.
        none_ended: False for each copy.
        rng: generator of the random numbers.
        state_names: attributes of the task's state.
        compile_from: steps of each copy that win back the time of a compilation; None for never.

    Raises:
        ValueError: a number out of range, a device that this machine does not have, or one that is
            not the CPU where the step is to be compiled.
    """

    time: Int[Tensor, " env"]
    episode: Int[Tensor, " env"]
    reward: Float[Tensor, "env agent"]
    terminated: Bool[Tensor, " env"]
    truncated: Bool[Tensor, " env"]
    compile_from: int | None = None
    compiled_begin: ClassVar[bool] = True

    def __init__(
        self,
        spec: Spec,
        num_envs: Copies,
        device: str | torch.device = "cpu",
        compiled: Compiled = "auto",
    ) -> None:
        self.spec, self.num_envs, self.device = spec, num_envs, torch.device(device)
        if compiled is True and self.device.type != "cpu":
            raise ValueError(f"compiled is True on {device}; allowed are auto and False there")
        pair = (num_envs, spec.num_agents)
        self.rng = CounterRNG(num_envs, self.device)
        self.all_agents = torch.ones(pair, dtype=torch.bool, device=self.device)
        self.zeros = torch.zeros(pair, device=self.device)
        self.none_ended = torch.zeros(num_envs, dtype=torch.bool, device=self.device)
        self._team_size = torch.full((spec.num_agents,), float(spec.num_agents), device=self.device)
        self._number = torch.long if spec.action == "discrete" else torch.float32
        self._seed: int | None = None
        self.state_names: tuple[str, ...] = ()
        self.compiled, self.data_free = compiled, False
        self._compiles = compiled is True
        self._compiled: CompiledTransition | None = None
        self._fields: dict[str, Any] = {}

    def replicate_edges(self, links: Int[Tensor, "2 edge"]) -> Int[Tensor, "2 edges"]:
        """Replicate the edges of one copy over the disjoint union of all copies."""
        return replicate_edges(links.to(self.device), self.num_envs, self.spec.num_agents)

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

        Without `alive` all agents are alive. Reward, ends and time are added by the caller. `links`
        may be a mask (env, receiver, sender).
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
        return self.rng.uniform(*shape)

    def integers(
        self, low: int | Int[Tensor, "*low"], high: int | Int[Tensor, "*high"], *shape: int
    ) -> Int[Tensor, "env ..."]:
        """Random integers from low to high - 1 for each copy, `(B, *shape)`."""
        return self.rng.integers(low, high, *shape)

    def shared(self, team: Float[Tensor, " env"]) -> Float[Tensor, "env agent"]:
        """Team reward split equally among the agents."""
        return team.unsqueeze(1) / self._team_size

    def reset(self, seed: int) -> Step:
        """Begin episode 0 of this seed in every copy."""
        if seed < 0:
            raise ValueError(f"seed is {seed}; it must not be negative")
        self._seed = seed
        self.rng.seed(seed)
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
        number = int(ended.count_nonzero())
        action = action.detach().to(self.device, self._number)
        if self._compiles and self._compiled is None:
            from graphmarl.envs.compiled import try_compile  # here, as it imports the compiler

            self._compiled = try_compile(self, action)
            self._compiles = self._compiled is not None
        if self._compiled is None or (number and not self.compiled_begin):
            return self._shown(self.transition(action, number < self.num_envs, number > 0))
        fields = self._compiled(action)
        self.remember(fields)
        return self._shown(fields)

    def transition(
        self,
        action: Int[Tensor, "env agent"] | Float[Tensor, "env agent action"],
        advances: bool,
        begins: bool,
    ) -> dict[str, Any]:
        """Set the next state of every copy; returns the fields of its step.

        Args:
            action: actions of all agents.
            advances: whether the episodes of some copies continue.
            begins: whether those of some have ended.
        """
        ended = self.terminated | self.truncated
        self.time = self.time + 1
        reward, terminated = self.zeros, self.none_ended
        if advances:
            self.rng.move(self.time, ADVANCE)
            reward, terminated = self.advance(action)
        if begins:
            self.time = self.time.masked_fill(ended, 0)
            self.episode = self.episode + ended
            self._begin(ended)
            reward, terminated = reward.masked_fill(ended.unsqueeze(1), 0), terminated & ~ended
        self.reward, self.terminated = reward, terminated
        late = self.time >= self.spec.horizon
        self.truncated = late if terminated is self.none_ended else late & ~terminated
        return self._fields_of_step()

    def remember(self, fields: Mapping[str, Any]) -> None:
        """Keep what a compiled step has computed; nothing by default.

        Args:
            fields: fields of the step.
        """
        return

    def compile_for(self, steps: int) -> bool:
        """Compile the step if the option `compiled` says so, or is auto and the run long enough.

        Args:
            steps: steps of each copy.
        """
        if self.compiled == "auto":
            enough = self.compile_from is not None and steps >= self.compile_from
            self._compiles = enough and self.device.type == "cpu"
        return self._compiles

    def _running(self) -> int:
        if self._seed is None:
            raise RuntimeError(f"{type(self).__name__} has not begun: call reset(seed) first")
        return self._seed

    def _begin(self, where: Bool[Tensor, " env"] | None) -> None:
        """Reset the state of the copies in `where`, or of all."""
        self.rng.begin(self.episode)
        self.rng.move(self.time, BEGIN)
        first = self.begin()
        self.state_names = tuple(first)
        for name, value in first.items():
            if where is not None:
                mask = where.view(-1, *(1,) * (value.dim() - 1))
                value = torch.where(mask, value, getattr(self, name))
            setattr(self, name, value)

    def _current(self) -> Step:
        return self._shown(self._fields_of_step())

    def _fields_of_step(self) -> dict[str, Any]:
        self.rng.move(self.time, OBSERVE)
        outcome: dict[str, Any] = {
            "alive": self.all_agents,
            "reward": self.reward,
            "terminated": self.terminated,
            "truncated": self.truncated,
            "time": self.time,
        }
        return outcome | self.observe()

    def _shown(self, fields: dict[str, Any]) -> Step:
        """The step of its fields, in which links may be a mask."""
        self._fields = fields
        links = fields.get("links")
        if links is not None and links.dtype == torch.bool:
            fields = dict(fields, links=edges_of(links))
        return Step(**fields)

    def state_dict(self) -> dict[str, Any]:
        """Seed, counters, the last step's outcome and the task's state; the step if compiled."""
        state: dict[str, Any] = {"seed": self._running()}
        state |= {name: getattr(self, name).clone() for name in (*OUTCOME, *self.state_names)}
        if self._compiles:
            # Observed again without compilation, it would differ by rounding.
            state[OBSERVED] = vars(self._shown(self._fields).clone())
        return state

    def load_state_dict(self, state: Mapping[str, Any]) -> Step:
        """Restore a saved state.

        Raises:
            ValueError: the state is of another environment or another number of copies.
        """
        if self._seed is None:
            self.reset(0)  # `begin` names the attributes of the state
        shown = state.get(OBSERVED)
        names = (*OUTCOME, *self.state_names)
        check_state(state, self.state_dict(), names, self.num_envs)
        self._seed = int(state["seed"])
        self.rng.seed(self._seed)
        for name in names:
            setattr(self, name, state[name].to(self.device, copy=True))
        self.rng.begin(self.episode)
        if self.compiled == "auto":
            self._compiles = shown is not None
        kept = None if shown is None else vars(Step(**shown).to(self.device))
        return self._shown(kept or self._fields_of_step())
