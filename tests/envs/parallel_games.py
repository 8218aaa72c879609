"""Small PettingZoo environments for the tests."""

from typing import Any

import numpy as np
from gymnasium import spaces
from pettingzoo.utils.env import ParallelEnv


class Walk(ParallelEnv[str, Any, Any]):
    """Agents on a line step left or right; one that falls off the end is terminated.

    Agents differ in what they see (2 or 3 numbers) and in how many actions they have (2 or 3).
    """

    length = 12
    state_space = spaces.Box(-9, 9, (3,))

    def __init__(self, masks: bool = False):
        self.metadata = {"name": "walk", "render_modes": []}
        self.possible_agents = ["slow_0", "slow_1", "fast_0"]
        self.masks = masks
        seen = {"slow": spaces.Box(-9, 9, (2,)), "fast": spaces.Box(-9, 9, (3,))}
        acts = {"slow": spaces.Discrete(2), "fast": spaces.Discrete(3, start=-1)}
        self.seen = {name: seen[name[:4]] for name in self.possible_agents}
        self.acts = {name: acts[name[:4]] for name in self.possible_agents}

    def observation_space(self, agent):
        return self.seen[agent]

    def action_space(self, agent):
        return self.acts[agent]

    def _obs(self, agents):
        pad = {name: np.zeros(self.seen[name].shape, np.float32) for name in agents}
        for name in agents:
            pad[name][:2] = self.place[name], self.time / self.length
        return pad

    def _info(self, agents):
        mask = {name: np.arange(int(self.acts[name].n)) < 2 for name in agents}
        return {name: {"action_mask": mask[name]} if self.masks else {} for name in agents}

    def reset(self, seed=None, options=None):
        rng = np.random.default_rng(seed)
        self.agents, self.time = list(self.possible_agents), 0
        self.place = {name: int(rng.integers(-1, 2)) for name in self.agents}
        return self._obs(self.agents), self._info(self.agents)

    def step(self, actions):
        before, self.time = self.agents, self.time + 1
        for name, action in actions.items():
            assert self.acts[name].contains(action), (name, action)
            self.place[name] += action if name == "fast_0" else 2 * action - 1
        ended = {name: abs(self.place[name]) > 3 for name in before}
        cut = {name: self.time >= self.length and not ended[name] for name in before}
        self.agents = [name for name in before if not (ended[name] or cut[name])]
        reward = {name: float(self.place[name]) for name in before}
        return self._obs(before), reward, ended, cut, self._info(before)

    def state(self):
        return np.array([self.place[name] for name in self.possible_agents], np.float32)

    def render(self):
        return None


class Push(ParallelEnv[str, Any, Any]):
    """One agent, a box of actions between 0 and 10, ten steps."""

    def __init__(self):
        self.metadata = {"name": "push", "render_modes": []}
        self.possible_agents = ["agent_0"]
        self.acts = spaces.Box(0, 10, (2,))
        self.seen = spaces.Discrete(5)

    def observation_space(self, agent):
        return self.seen

    def action_space(self, agent):
        return self.acts

    def reset(self, seed=None, options=None):
        self.agents, self.time = ["agent_0"], 0
        return {"agent_0": 0}, {"agent_0": {}}

    def step(self, actions):
        self.time += 1
        assert self.acts.contains(actions["agent_0"])
        reward = {"agent_0": float(actions["agent_0"].sum())}
        cut = {"agent_0": self.time >= 10}
        self.agents = [] if self.time >= 10 else ["agent_0"]
        return {"agent_0": self.time % 5}, reward, {"agent_0": False}, cut, {"agent_0": {}}

    def render(self):
        return None


def walk():
    return Walk()


def masked_walk():
    return Walk(masks=True)


def push():
    return Push()


def places(env):
    return {name: (place, 0) for name, place in env.place.items()}
