"""Vectorised environment over single-copy engines."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from graphmarl.envs.workers import Buffers, EngineGroup, Layout, SingleEngine, Workers, allocate
from graphmarl.ranges import Copies, NonNegativeInt
from graphmarl.step import Environment, Scene, Spec, Step, check_action


class Vector(Environment):
    """Vectorised environment over B single-copy engines.

    A subclass passes `spec` to this constructor and returns a factory of one copy from
    `engine_maker`. Episode e of copy b under seed s depends on (s, b, e) and the actions only. As
    such engines cannot be saved, `state_dict` holds (s, e, the actions of the episode so far) and
    `load_state_dict` replays them.

    Args:
        spec: shapes of the environment.
        num_envs: copies, B.
        workers: worker processes; 0 steps all copies in this process.
        info: names of the engine's metrics.
        has_links: whether the engine has edges of its own.
        pictures: whether observations are pictures of bytes.

    Raises:
        ValueError: a number out of range, or more workers than copies.
    """

    def __init__(
        self,
        spec: Spec,
        num_envs: Copies,
        workers: NonNegativeInt = 0,
        info: Sequence[str] = (),
        has_links: bool = False,
        pictures: bool = False,
    ) -> None:
        if not 0 <= workers <= num_envs:
            raise ValueError(f"workers is {workers}; allowed are 0 to num_envs = {num_envs}")
        self.spec, self.num_envs, self.workers, self._info = spec, num_envs, workers, tuple(info)
        self._has_links, self._pictures = has_links, pictures
        self._pool: EngineGroup | Workers | None = None
        self._buffers: Buffers = {}
        self._actions = np.empty(0)
        self._seed: int | None = None

    @abstractmethod
    def engine_maker(self) -> Callable[[], SingleEngine]:
        """Factory of one copy; picklable, because worker processes call it."""

    def _layout(self) -> Layout:
        spec, copies = self.spec, self.num_envs
        pair = (copies, spec.num_agents)
        discrete = spec.action == "discrete"
        layout: dict[str, tuple[tuple[int, ...], str]] = {
            "obs": ((*pair, *spec.obs_shape), "uint8" if self._pictures else "float32"),
            "alive": (pair, "bool"),
            "reward": (pair, "float32"),
            "terminated": ((copies,), "bool"),
            "truncated": ((copies,), "bool"),
            "time": ((copies,), "int64"),
            "episode": ((copies,), "int64"),
            "action": (pair, "int64") if discrete else ((*pair, spec.num_actions), "float32"),
        }
        if spec.has_position:
            layout["position"] = ((*pair, 2), "float32")
        if spec.has_available:
            layout["available"] = ((*pair, spec.num_actions), "bool")
        if spec.state_size:
            layout["state"] = ((copies, spec.state_size), "float32")
        if self._has_links:
            layout["links"] = ((*pair, spec.num_agents), "bool")
        layout |= {f"info.{name}": ((copies,), "float32") for name in self._info}
        return layout

    def _start(self) -> EngineGroup | Workers:
        if self._pool is None:
            layout, copies, horizon = self._layout(), self.num_envs, self.spec.horizon
            memory, self._buffers = allocate(layout, shared=self.workers > 0)
            action = self._buffers["action"]
            self._actions = np.zeros((horizon, *action.shape), action.dtype)
            make = self.engine_maker()
            if self.workers:
                self._pool = Workers(self.workers, make, memory, layout, copies, horizon)
            else:
                self._pool = EngineGroup(make, self._buffers, range(copies), horizon)
        return self._pool

    def _running(self) -> EngineGroup | Workers:
        if self._pool is None or self._seed is None:
            raise RuntimeError(f"{type(self).__name__} has not begun: call reset(seed) first")
        return self._pool

    def _current(self) -> Step:
        """Copies of the buffers as tensors."""
        # numpy copies: it asks for huge pages, where torch pays for thousands of page faults.
        tensors: dict[str, Tensor] = {
            name: torch.from_numpy(array.copy())
            for name, array in self._buffers.items()
            if name not in ("action", "episode")
        }
        info = {name: tensors.pop(f"info.{name}") for name in self._info}
        if self._has_links:
            copy, sender, receiver = tensors["links"].nonzero().unbind(1)
            tensors["links"] = torch.stack([sender, receiver]) + copy * self.spec.num_agents
        return Step(**tensors, info=info)  # type: ignore[arg-type]

    def reset(self, seed: int) -> Step:
        """Begin episode 0 of this seed in every copy."""
        if seed < 0:
            raise ValueError(f"seed is {seed}; it must not be negative")
        self._start().reset(seed)
        self._seed = seed
        return self._current()

    def step(self, action: Tensor) -> Step:
        """Advance every copy; one that ended in the last step starts its next episode instead."""
        pool, buffers = self._running(), self._buffers
        check_action(action, self.spec, self.num_envs)
        self.check_legal(action)
        buffers["action"][...] = action.detach().cpu().numpy()
        running = ~(buffers["terminated"] | buffers["truncated"])
        self._actions[buffers["time"][running], running] = buffers["action"][running]
        pool.step()
        return self._current()

    def check_legal(self, action: Tensor) -> None:
        """Refuse actions that are not available now, before any engine moves.

        Args:
            action: actions of the right shape, type and range.

        Raises:
            ValueError: names the action, the copy, the agent and what is allowed.
        """
        if not self.spec.has_available:
            return
        buffers = self._buffers
        chosen = action.detach().cpu().numpy()[..., None]
        legal = np.take_along_axis(buffers["available"], chosen, -1)[..., 0]
        running = ~(buffers["terminated"] | buffers["truncated"])
        wrong = ~legal & buffers["alive"] & running[:, None]
        if wrong.any():
            copy, agent = np.argwhere(wrong)[0].tolist()
            allowed = np.flatnonzero(buffers["available"][copy, agent]).tolist()
            raise ValueError(
                f"action {int(chosen[copy, agent, 0])} of environment {copy}, agent {agent} is not "
                f"available; allowed are {', '.join(map(str, allowed))}"
            )

    def state_dict(self) -> dict[str, Any]:
        """Seed, each copy's episode number, and the actions of the current episodes so far."""
        self._running()
        actions = [
            torch.from_numpy(self._actions[:time, copy].copy())
            for copy, time in enumerate(self._buffers["time"].tolist())
        ]
        return {"seed": self._seed, "episode": self._buffers["episode"].tolist(), "action": actions}

    def load_state_dict(self, state: Mapping[str, Any]) -> Step:
        """Replay the saved episodes up to the step at which they were saved."""
        came = len(state["episode"])
        if came != self.num_envs:
            raise ValueError(f"the state is of {came} copies; this has num_envs = {self.num_envs}")
        pool = self._start()
        actions = [action.numpy() for action in state["action"]]
        for copy, action in enumerate(actions):
            self._actions[: len(action), copy] = action
        self._seed = int(state["seed"])
        pool.replay(self._seed, list(state["episode"]), actions)
        return self._current()

    def env_method(self, method: str, copies: Sequence[int] | None = None) -> list[Any]:
        """Results of calling an engine method on all copies or some."""
        return self._running().env_method(
            method, range(self.num_envs) if copies is None else copies
        )

    def scene(self, env: int) -> Scene:
        """Objects to draw of one copy in its current state."""
        return self.env_method("scene", [env])[0]

    def close(self) -> None:
        """Close the engines and stop the processes; a later reset starts them again."""
        if self._pool is not None:
            self._pool.close()
        self._pool, self._seed = None, None
