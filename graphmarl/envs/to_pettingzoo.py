"""Adapter to PettingZoo's parallel API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from pettingzoo.utils.env import ParallelEnv

from graphmarl.envs.pettingzoo import MASK
from graphmarl.step import Environment, Step

AgentDict = dict[str, Any]


class ToPettingZoo(ParallelEnv[str, Any, Any]):
    """Adapter that exposes copy 0 of an environment as a PettingZoo parallel environment.

    Agents are named by kind and number. Where actions can be illegal, an observation is a
    dictionary of `observation` and `action_mask`, as in PettingZoo.

    Args:
        env: environment, best with `num_envs` 1; other copies repeat a default action.
    """

    render_mode = None

    def __init__(self, env: Environment) -> None:
        spec = env.spec
        self.env, self.metadata = env, {"name": type(env).__name__.lower(), "render_modes": []}
        kind, count = spec.kind or (0,) * spec.num_agents, [0] * len(spec.kinds)
        self.possible_agents: list[str] = []
        for index in kind:
            self.possible_agents.append(f"{spec.kinds[index]}_{count[index]}")
            count[index] += 1
        self.agents: list[str] = []
        names = self.possible_agents
        self.observation_spaces = {name: self._observation_space() for name in names}
        self.action_spaces = {name: self._action_space() for name in names}
        if spec.state_size:
            self.state_space = spaces.Box(-np.inf, np.inf, (spec.state_size,))
        self._seed, self._step = -1, None

    def _observation_space(self) -> spaces.Space[Any]:
        seen = spaces.Box(-np.inf, np.inf, self.env.spec.obs_shape)
        if not self.env.spec.has_available:
            return seen
        mask = spaces.MultiBinary(self.env.spec.num_actions)
        return spaces.Dict({"observation": seen, MASK: mask})

    def _action_space(self) -> spaces.Space[Any]:
        number = self.env.spec.num_actions
        discrete = self.env.spec.action == "discrete"
        return spaces.Discrete(number) if discrete else spaces.Box(-1, 1, (number,))

    def observation_space(self, agent: str) -> spaces.Space[Any]:
        """Observation space of an agent; the same object at every call."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> spaces.Space[Any]:
        """Action space of an agent; the same object at every call."""
        return self.action_spaces[agent]

    def _observe(self, step: Step, agents: list[str]) -> AgentDict:
        slots = [self.possible_agents.index(agent) for agent in agents]
        seen = dict(zip(agents, step.obs[0, slots].cpu().numpy(), strict=True))
        if step.available is None:
            return seen
        masks = step.available[0, slots].to(torch.int8).cpu().numpy()
        return {
            agent: {"observation": seen[agent], MASK: mask}
            for agent, mask in zip(agents, masks, strict=True)
        }

    def _live_agents(self, step: Step) -> list[str]:
        alive = step.alive[0].tolist()
        return [agent for agent, here in zip(self.possible_agents, alive, strict=True) if here]

    def reset(
        self, seed: int | None = None, options: AgentDict | None = None
    ) -> tuple[AgentDict, dict[str, AgentDict]]:
        """Begin an episode; without a seed, with the last seed plus one."""
        self._seed = self._seed + 1 if seed is None else seed
        self._step = self.env.reset(self._seed)
        self.agents = self._live_agents(self._step)
        return self._observe(self._step, self.agents), {agent: {} for agent in self.agents}

    def _joint(self, step: Step, actions: Mapping[str, Any]) -> torch.Tensor:
        """Actions of all slots, the first legal one where none is given."""
        spec, pair = self.env.spec, (self.env.num_envs, self.env.spec.num_agents)
        if spec.action == "continuous":
            joint = torch.zeros(*pair, spec.num_actions)
        elif step.available is None:
            joint = torch.zeros(pair, dtype=torch.long)
        else:
            joint = step.available.long().argmax(-1).cpu()
        for agent, action in actions.items():
            joint[0, self.possible_agents.index(agent)] = torch.as_tensor(action)
        return joint.to(step.obs.device)

    def step(
        self, actions: AgentDict
    ) -> tuple[
        AgentDict,
        dict[str, float],
        dict[str, bool],
        dict[str, bool],
        dict[str, AgentDict],
    ]:
        """Advance; dead agents are terminated and removed, new agents are added."""
        if self._step is None or not self.agents:
            raise RuntimeError("no episode is running: call reset")
        step = self._step = self.env.step(self._joint(self._step, actions))
        live, terminated = set(self._live_agents(step)), bool(step.terminated[0])
        reported = [a for a in self.possible_agents if a in live or a in self.agents]
        rewards = dict(zip(self.possible_agents, step.reward[0].tolist(), strict=True))
        dead = {agent: terminated or agent not in live for agent in reported}
        cut = {agent: bool(step.truncated[0]) and not dead[agent] for agent in reported}
        self.agents = [agent for agent in reported if not (dead[agent] or cut[agent])]
        return (
            self._observe(step, reported),
            {agent: rewards[agent] for agent in reported},
            dead,
            cut,
            {agent: {} for agent in reported},
        )

    def state(self) -> NDArray[np.float32]:
        """Global state of copy 0."""
        if self._step is None or self._step.state is None:
            raise NotImplementedError("the environment has no state, or has not begun")
        return self._step.state[0].cpu().numpy()

    def render(self) -> None:
        """Do nothing; see `Environment.scene`."""

    def close(self) -> None:
        """Close the environment."""
        self.env.close()
