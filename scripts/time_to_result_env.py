"""Parts of `time_to_result.py`: navigation of VMAS, and spread from given states."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from graphmarl.envs.particle.navigation import Navigation
from graphmarl.envs.particle.world import ActionKind
from graphmarl.step import Environment, Spec, Step

NAVIGATION = {"n_agents": 3, "shared_rew": False, "collisions": True}
"""Options of the task in BenchMARL that are not the scenario's own."""


class VmasNavigation(Environment):
    """Each agent moves to its own goal without colliding, as BenchMARL sets it.

    A copy whose episode has ended is reset alone, unless all have. Unlike in BenchMARL, an episode
    that is cut off after 100 steps is no terminal state.

    Args:
        num_envs: copies, B.
    """

    def __init__(self, num_envs: int = 60) -> None:
        agents, rays = NAVIGATION["n_agents"], 12
        self.num_envs, size = num_envs, 6 + rays
        self.spec = Spec(
            agents, (size,), 2, horizon=100, action="continuous", state_size=agents * size
        )
        self.engine: Any = None
        self.random: list[Any] = []

    def reset(self, seed: int) -> Step:
        """Begin new episodes in all copies."""
        if self.engine is None:
            named = {"continuous_actions": True, "clamp_actions": True, **NAVIGATION}
            make = import_module("vmas").make_env
            self.engine = make("navigation", self.num_envs, **named)
        with self._own_random():
            self.engine.reset(seed=seed)
        self.time = torch.zeros(self.num_envs, dtype=torch.long)
        self.ended = torch.zeros(self.num_envs, dtype=torch.bool)
        return self._step(torch.zeros(self.num_envs, self.spec.num_agents), self.ended)

    def step(self, action: Tensor) -> Step:
        """Advance every copy; one that has ended starts its next episode instead."""
        ended = self.ended
        if ended.all():
            with self._own_random():
                self.engine.reset(return_observations=False)
            return self._begun(torch.zeros(self.num_envs, self.spec.num_agents), ended)
        _, reward, done, _ = self.engine.step(list(action.unbind(1)))
        with self._own_random():
            for copy in ended.nonzero().flatten().tolist():
                self.engine.reset_at(copy, return_observations=False)
        return self._begun(torch.stack(reward, 1), ended, done)

    @contextmanager
    def _own_random(self) -> Iterator[None]:
        """Random numbers of this environment, where all engines of VMAS share theirs."""
        shared = self.engine.vmas_random_state
        before = list(shared)
        shared[:] = self.random or before
        yield
        self.random, shared[:] = list(shared), before

    def _begun(self, reward: Tensor, ended: Tensor, done: Tensor | None = None) -> Step:
        """The step after the episodes of some copies have begun."""
        self.time = torch.where(ended, 0, self.time + 1)
        terminated = ~ended & done if done is not None else torch.zeros_like(ended)
        return self._step(reward.masked_fill(ended[:, None], 0.0), terminated)

    def _step(self, reward: Tensor, terminated: Tensor) -> Step:
        """The current step of all copies."""
        truncated = (self.time >= self.spec.horizon) & ~terminated
        self.ended = terminated | truncated
        found = self.engine.get_from_scenario(
            get_observations=True, get_rewards=False, get_infos=False, get_dones=False
        )
        obs = torch.stack(found[0], 1)
        return Step(
            obs=obs,
            alive=torch.ones_like(reward, dtype=torch.bool),
            reward=reward,
            terminated=terminated,
            truncated=truncated,
            time=self.time,
            position=obs[..., :2].clone(),
            state=obs.flatten(1),
        )

    def state_dict(self) -> dict[str, Any]:
        """Nothing: an episode of this engine cannot be continued."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> Step:
        """Not possible."""
        raise NotImplementedError("an episode of this engine cannot be continued")


class SpreadFromStarts(Navigation):
    """Spread with 15 agents whose episodes begin with places that PIC's code has drawn.

    Args:
        path: file with `position` and `landmarks` of each copy.
        num_envs: copies, B.
        action: discrete or continuous.
    """

    def __init__(self, path: Path, num_envs: int, action: ActionKind = "discrete") -> None:
        super().__init__(15, quirks=True, num_envs=num_envs, action=action)
        self.places = {
            name: torch.tensor(places)[:num_envs]
            for name, places in json.loads(path.read_text()).items()
        }

    def begin(self) -> dict[str, Tensor]:
        """The places of the file, at rest."""
        return super().begin() | self.places
