"""Push: agents move a heavy ball to its target."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from graphmarl.checks import bounded_or_default
from graphmarl.envs.particle.physics import Physics
from graphmarl.envs.particle.world import ActionKind, AgentProperties, Particle, parts, row_for
from graphmarl.ranges import (
    Agents,
    Compiled,
    Copies,
    Device,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
)
from graphmarl.step import Scene

INSET, FAR_ENOUGH = 0.2, 1.2


class PushSizes(NamedTuple):
    """Sizes of one scenario.

    Args:
        half_width: half width of the square.
        agent: radius of agents.
        ball: radius of the ball.
        mass: mass of the ball.
        agents_seen: nearest other agents in an observation.
        ghosts: number of agents that collide with nothing.
    """

    half_width: float
    agent: float
    ball: float
    mass: float
    agents_seen: int
    ghosts: int = 0


SIZES = {
    3: PushSizes(1.0, 0.06, 0.1, 2.0, 2),
    6: PushSizes(1.0, 0.04, 0.1, 4.0, 5),
    15: PushSizes(2.0, 0.02, 0.2, 8.0, 10),
    30: PushSizes(2.0, 0.06, 0.7, 4.0, 5, ghosts=10),
    100: PushSizes(4.0, 0.06, 0.7, 4.0, 10),
}


class Push(Particle):
    r"""Cooperative push of PIC, VPP and IP: agents move a ball to a target by colliding with it.

    The team reward of each step is

    .. math:: G = -2 |b - t| - 0.1 \min_i |x_i - b| + 0.1\, |\{i : |x_i - b| < r_i + r_b\}|

    for ball b and target t, which collides with nothing. Agents start at rest, uniform in a square;
    ball and target at least 0.2 from its border, the target drawn a second time if it is within 1.2
    of the ball. In the scenario of 30 agents the first 10 collide with nothing. The scenario of 100
    agents is not public; its sizes are chosen here: half width 4, agents of 0.06, the ball of the
    30 and the papers' observation of 28 numbers.

    There is no difference reward: removing an agent does not change the ball's current distance.

    Liu et al., `PIC: Permutation Invariant Critic for Multi-Agent Deep Reinforcement Learning
    <https://arxiv.org/abs/1911.00025>`_

    Args:
        num_agents: agents, N. Scenarios exist for 3, 6, 15, 30 and 100; other N use the next larger
            one, and more than 100 that of 100.
        half_width: half width of the square; the scenario's by default.
        agents_seen: nearest other agents in an observation; the scenario's by default.
        reward: `team` pays each agent G / N. `agent` splits the term of the ball's distance to its
            target equally, charges the term of the closest agent to that agent, and pays each agent
            for its own touch; the sum is G.
        action: five `discrete` actions, or `continuous` ones, two reals in [-1, 1].
        quirks: reproduce the public scenarios, in which every pair, the ball included, repels at
            the distance of two agents; touches are counted by the right radii.
        horizon: steps after which an episode is truncated.
        num_envs: copies, B.
        device: where the tensors are.
        compiled: compile the step: yes, no, or `auto`, in runs of 200,000 steps of each copy.

    Shapes:
        obs (B, N, 8 + 2 agents_seen): own velocity and position, gaps to ball, target and others,
        nearest first. state (B, 4 N + 6): positions of agents and ball, their velocities, target.
        Metrics: `team_return`, the sum of G in this episode; `distance` of the ball to its
        target; `touching`, agents in contact with the ball per step, mean over this episode.

    Raises:
        ValueError: a value is not allowed.
    """

    target: Float[Tensor, "env 1 2"]
    touched: Float[Tensor, " env"]

    def __init__(
        self,
        num_agents: Agents = 100,
        half_width: PositiveFloat | None = None,
        agents_seen: NonNegativeInt | None = None,
        reward: Literal["team", "agent"] = "team",
        action: ActionKind = "discrete",
        quirks: bool = False,
        horizon: PositiveInt = 25,
        num_envs: Copies = 16,
        device: Device = "cpu",
        compiled: Compiled = "auto",
    ) -> None:
        size = row_for(SIZES, num_agents)
        width = size.half_width if half_width is None else half_width
        if width <= INSET:
            raise ValueError(f"half_width is {width}; it must be more than {INSET}")
        usual = min(size.agents_seen, num_agents - 1)
        self._met = bounded_or_default("agents_seen", agents_seen, 0, num_agents - 1, usual)
        ghosts = size.ghosts if num_agents > size.ghosts else 0
        physics = Physics(
            [size.agent] * num_agents + [size.ball],
            mass=[1.0] * num_agents + [size.mass],
            collides=[agent >= ghosts for agent in range(num_agents + 1)],
            contact_distance=2 * size.agent if quirks else None,
            device=device,
        )
        layout = parts(velocity=2, position=2, ball=2, target=2, agents=2 * self._met)
        properties, state_size = AgentProperties.alike(num_agents, size.agent), 4 * num_agents + 6
        world = (width, layout, state_size, action, horizon, num_envs, device, compiled)
        super().__init__(physics, properties, *world)
        self._paid, self._touch = reward, size.agent + size.ball

    def begin(self) -> dict[str, Tensor]:
        """Sample agents, ball and target; a target close to the ball is drawn a second time."""
        inner = self.half_width - INSET
        agents, ball = self.square(self.spec.num_agents, self.half_width), self.square(1, inner)
        first, second = self.square(1, inner), self.square(1, inner)
        near = (first - ball).norm(dim=2, keepdim=True) < FAR_ENOUGH
        return {
            "position": torch.cat([agents, ball], 1),
            "velocity": self._still,
            "target": torch.where(near, second, first),
            "team_return": self.zeros[:, 0],
            "touched": self.zeros[:, 0],
        }

    def away(self) -> Float[Tensor, " env"]:
        """Distance of the ball to its target."""
        return (self.position[:, -1] - self.target[:, 0]).norm(dim=1)

    def advance(self, action: Tensor) -> tuple[Float[Tensor, "env agent"], Bool[Tensor, " env"]]:
        """Move, then reward the ball's distance to the target, proximity to it and contacts."""
        self.move(action)
        distance = self.gaps().squared[:, :-1, -1].sqrt()
        touching = (distance < self._touch).float()
        least, closest = distance.min(1, keepdim=True)
        self.touched = self.touched + touching.sum(1)
        common = -2 * self.away()
        team = common - 0.1 * least[:, 0] + 0.1 * touching.sum(1)
        if self._paid == "team":
            return self.pay(self.shared(team), team), self.none_ended
        own = self.shared(common) + 0.1 * touching
        return self.pay(own.scatter_add(1, closest, -0.1 * least), team), self.none_ended

    def observe(self) -> dict[str, Any]:
        """Own velocity and position, then ball, target and the nearest other agents."""
        agents = slice(0, self.spec.num_agents)
        others = self.gaps().part(agents, agents)
        ball, target = self.position[:, -1:], self.target
        _, here = own = self.own()
        seen = [*own, ball - here, target - here, others.to(others.nearest(self._met))]
        return self.everything(self.target) | {
            "obs": torch.cat(seen, 2),
            "info": {
                "team_return": self.team_return,
                "distance": self.away(),
                "touching": self.mean_of(self.touched),
            },
        }

    def scene(self, env: int) -> Scene:
        """Ball and target."""
        return self.scene_of(env, ball=self.position[env, -1:], target=self.target[env])
