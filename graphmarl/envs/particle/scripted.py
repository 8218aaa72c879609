"""Scripted baselines of the particle tasks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from jaxtyping import Float
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from graphmarl.envs.particle.covering import Covering
from graphmarl.envs.particle.physics import COASTING, DAMPING, TIME_STEP
from graphmarl.envs.particle.world import DIRECTIONS, Particle
from graphmarl.step import Step

Controller = Callable[[Step], Tensor]


class NoOp:
    """No-op baseline.

    Args:
        env: environment to act in.
    """

    def __init__(self, env: Particle) -> None:
        spec, pair = env.spec, (env.num_envs, env.spec.num_agents)
        continuous = spec.action == "continuous"
        self.action = torch.zeros(
            *pair, *([2] if continuous else []), dtype=torch.float32 if continuous else torch.long
        )

    def __call__(self, step: Step) -> Tensor:
        """Actions of all agents."""
        return self.action


class RandomActions:
    """Uniform random baseline.

    Args:
        env: environment to act in.
        seed: seed of the actions.
    """

    def __init__(self, env: Particle, seed: int = 0) -> None:
        self.spec, self.pair = env.spec, (env.num_envs, env.spec.num_agents)
        self.generator = torch.Generator().manual_seed(seed)

    def __call__(self, step: Step) -> Tensor:
        """Actions of all agents."""
        if self.spec.action == "continuous":
            return 2 * torch.rand(*self.pair, 2, generator=self.generator) - 1
        return torch.randint(self.spec.num_actions, self.pair, generator=self.generator)


class Assigned:
    """Assignment baseline with access to the full state: each agent moves to its own landmark.

    The assignment minimises the total initial distance (Hungarian method). An agent without thrust
    comes to rest after 0.4 times its velocity; the action minimises the distance of this resting
    point to the landmark. Collisions are not avoided.

    Args:
        env: navigation environment to act in.
    """

    def __init__(self, env: Covering) -> None:
        self.env = env
        self.target = torch.zeros_like(env.zeros).unsqueeze(2).repeat(1, 1, 2)
        self.direction = torch.tensor(DIRECTIONS, device=env.device)

    def __call__(self, step: Step) -> Tensor:
        """Actions of all agents."""
        assert step.position is not None, "navigation has positions"
        begins = (step.time == 0).nonzero().flatten().tolist()
        for copy in begins:
            self.target[copy] = assigned(step.position[copy], self.env.landmarks[copy])
        velocity = self.env.velocity
        missing = self.target - step.position - COASTING * (1 - DAMPING) * velocity
        full = COASTING * TIME_STEP * self.env.sensitivity
        if self.env.spec.action == "continuous":
            return (missing / full).clamp(-1, 1)
        after = missing.unsqueeze(2) - full.unsqueeze(2) * self.direction
        return after.square().sum(3).argmin(2)


def assigned(
    agents: Float[Tensor, "agent 2"], landmarks: Float[Tensor, "agent 2"]
) -> Float[Tensor, "agent 2"]:
    """Landmark of each agent that minimises the sum of distances."""
    cost = torch.cdist(agents, landmarks).cpu().numpy()
    return landmarks[torch.from_numpy(np.asarray(linear_sum_assignment(cost)[1]))]


def team_returns(
    env: Particle, controller: Controller, episodes: int, seed: int
) -> Sequence[float]:
    """Team returns of a controller over the first episodes of all copies.

    Args:
        env: environment to act in.
        controller: function from steps to actions.
        episodes: number of episodes, a multiple of `num_envs`.
        seed: seed of the episodes.

    Raises:
        ValueError: `episodes` is no multiple of `num_envs`.
    """
    if episodes % env.num_envs:
        raise ValueError(f"{episodes} episodes are no multiple of num_envs = {env.num_envs}")
    step = env.reset(seed)
    returns: list[float] = []
    while len(returns) < episodes:
        step = env.step(controller(step))
        returns += step.info["team_return"][step.done].tolist()
    return returns
