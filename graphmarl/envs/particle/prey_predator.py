"""Prey and predator: slow adversaries hunt fast scripted prey."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from graphmarl.checks import bounded_or_default
from graphmarl.envs.particle.flight import flee
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
    Range,
)
from graphmarl.step import Scene

ADVERSARY_FORCE, PREY_FORCE = 3.0, 4.0
ADVERSARY_SPEED, PREY_SPEED = 1.0, 1.3
INSET = 0.1


class PreyPredatorSizes(NamedTuple):
    """Counts, radii and observed counts of one scenario.

    Args:
        num_prey: number of prey.
        num_obstacles: number of obstacles.
        half_width: half width of the square.
        adversary: radius of adversaries.
        prey: radius of prey.
        obstacle: radius of obstacles.
        obstacles_seen: nearest obstacles in an observation.
        adversaries_seen: nearest other adversaries in an observation.
        prey_seen: nearest prey in an observation.
    """

    num_prey: int
    num_obstacles: int
    half_width: float
    adversary: float
    prey: float
    obstacle: float
    obstacles_seen: int
    adversaries_seen: int
    prey_seen: int

    def sight(
        self, counts: dict[str, int], wanted: tuple[int | None, int | None, int | None]
    ) -> dict[str, int]:
        """Observed count of each kind: the wanted one, or this scenario's if enough are present."""
        usual = (self.obstacles_seen, self.adversaries_seen, self.prey_seen)
        return {
            name: bounded_or_default(f"{name}_seen", wish, 0, most, min(row, most))
            for (name, most), wish, row in zip(counts.items(), wanted, usual, strict=True)
        }


SIZES = {
    3: PreyPredatorSizes(1, 2, 1.0, 0.075, 0.05, 0.2, 2, 2, 1),
    6: PreyPredatorSizes(2, 3, 1.5, 0.075, 0.05, 0.2, 3, 5, 2),
    15: PreyPredatorSizes(5, 5, 1.0, 0.02, 0.01, 0.1, 3, 6, 3),
    30: PreyPredatorSizes(10, 10, 1.0, 0.01, 0.005, 0.05, 5, 5, 5),
    100: PreyPredatorSizes(30, 20, 1.0, 0.01, 0.005, 0.05, 5, 0, 5),
}


class PreyPredator(Particle):
    r"""Prey and predator (tag) of PIC, VPP and IP; the agents are the adversaries.

    The team reward of each step is

    .. math:: G = \sum_{i} \Big( -0.1 \min_p |x_i - x_p| + 10\, |\{p : |x_i - x_p| < r_i + r_p\}|
        \Big)

    over adversaries i and prey p. Adversaries have full force 3 and maximum speed 1, prey 4 and
    1.3; obstacles do not move, and all entities collide. Unlike the paper, whose prey is a trained
    network, prey are scripted: `flight.flee` moves each away from the three nearest adversaries,
    and inwards near the border. There is no difference reward: an agent's action affects only its
    own term of G, so it would equal `agent`.

    Liu et al., `PIC: Permutation Invariant Critic for Multi-Agent Deep Reinforcement Learning
    <https://arxiv.org/abs/1911.00025>`_

    Args:
        num_agents: adversaries, N. Scenarios exist for 3, 6, 15, 30 and 100; other N use the next
            larger one, and more than 100 that of 100.
        num_prey: number of prey; by default the scenario's 1, 2, 5, 10 or 30.
        num_obstacles: number of obstacles; by default the scenario's 2, 3, 5, 10 or 20.
        half_width: half width of the square of initial positions; the scenario's by default.
        obstacles_seen: nearest obstacles in an observation; the scenario's by default.
        adversaries_seen: nearest other adversaries in an observation; the scenario's by default.
            For 100 that is 0, which gives the papers' 34 numbers; 5 gives the public scenario's 44.
        prey_seen: nearest prey in an observation, with velocities; the scenario's by default.
        reward: `team` pays each agent G / N, `agent` its own term of G.
        action: five `discrete` actions, or `continuous` ones, two reals in [-1, 1].
        quirks: reproduce the public scenarios, in which every pair, obstacles included, repels at
            the distance of two adversaries; contacts are counted by the right radii.
        horizon: steps after which an episode is truncated.
        num_envs: copies, B.
        device: where the tensors are.
        compiled: compile the step: yes, no, or `auto`, in runs of 200,000 steps of each copy.

    Shapes:
        obs (B, N, 34): own velocity and position, gaps to obstacles, other adversaries and prey,
        each nearest first, then the velocities of those prey. state: positions of adversaries, prey
        and obstacles, then velocities of the first two. Metrics: `team_return`, the sum of G in
        this episode; `contacts` between adversaries and prey per adversary and step, mean over this
        episode; `distance` from an adversary to its closest prey.

    Raises:
        ValueError: a value is not allowed.
    """

    contacts: Float[Tensor, " env"]

    def __init__(
        self,
        num_agents: Agents = 100,
        num_prey: Agents | None = None,
        num_obstacles: Annotated[int, Range(low=0, high=10_000)] | None = None,
        half_width: PositiveFloat | None = None,
        obstacles_seen: NonNegativeInt | None = None,
        adversaries_seen: NonNegativeInt | None = None,
        prey_seen: NonNegativeInt | None = None,
        reward: Literal["team", "agent"] = "team",
        action: ActionKind = "discrete",
        quirks: bool = False,
        horizon: PositiveInt = 25,
        num_envs: Copies = 16,
        device: Device = "cpu",
        compiled: Compiled = "auto",
    ) -> None:
        size = row_for(SIZES, num_agents)
        prey = bounded_or_default("num_prey", num_prey, 1, 10_000, size.num_prey)
        obstacles = bounded_or_default(
            "num_obstacles", num_obstacles, 0, 10_000, size.num_obstacles
        )
        width = size.half_width if half_width is None else half_width
        if width <= INSET:
            raise ValueError(f"half_width is {width}; it must be more than {INSET}")
        counts = {"obstacles": obstacles, "adversaries": num_agents - 1, "prey": prey}
        wanted = (obstacles_seen, adversaries_seen, prey_seen)
        self._sight = size.sight(counts, wanted)
        physics = self._physics(size, num_agents, prey, obstacles, quirks, device)
        properties = AgentProperties([size.adversary] * num_agents, [ADVERSARY_FORCE] * num_agents)
        widths = {name: 2 * number for name, number in self._sight.items()}
        layout = parts(velocity=2, position=2, **widths, prey_velocity=widths["prey"])
        state_size = 4 * (num_agents + prey) + 2 * obstacles
        world = (width, layout, state_size, action, horizon, num_envs, device, compiled)
        super().__init__(physics, properties, *world)
        self._paid, self._touch = reward, size.adversary + size.prey
        last = num_agents + prey
        self._adversaries, self._prey = slice(0, num_agents), slice(num_agents, last)
        self._obstacles = slice(last, last + obstacles)

    @staticmethod
    def _physics(
        size: PreyPredatorSizes, agents: int, prey: int, obstacles: int, quirks: bool, device: str
    ) -> Physics:
        def each(*values: float) -> list[float]:
            numbers = (agents, prey, obstacles)
            return [v for v, many in zip(values, numbers, strict=True) for _ in range(many)]

        return Physics(
            each(size.adversary, size.prey, size.obstacle),
            max_speed=each(ADVERSARY_SPEED, PREY_SPEED, torch.inf),
            moves=[bool(moves) for moves in each(1, 1, 0)],
            contact_distance=2 * size.adversary if quirks else None,
            device=device,
        )

    def begin(self) -> dict[str, Tensor]:
        """Sample all entities at rest, obstacles away from the border."""
        obstacles = self._obstacles.stop - self._obstacles.start
        moving = self.square(self._obstacles.start, self.half_width)
        return {
            "position": torch.cat([moving, self.square(obstacles, self.half_width - INSET)], 1),
            "velocity": self._still,
            "team_return": self.zeros[:, 0],
            "contacts": self.zeros[:, 0],
        }

    def drive(self) -> Float[Tensor, "env prey 2"]:
        """Actions of the prey, as shares of their full force."""
        prey = self.position[:, self._prey]
        return flee(prey, self.gaps().part(self._prey, self._adversaries), self.half_width)

    def advance(self, action: Tensor) -> tuple[Float[Tensor, "env agent"], Bool[Tensor, " env"]]:
        """Move adversaries and prey, then reward proximity and contacts."""
        still = self._others[:, self._prey.stop - self._prey.start :]
        self.move(action, torch.cat([PREY_FORCE * self.drive(), still], 1))
        distance = self.gaps().squared[:, self._adversaries, self._prey].sqrt()
        contacts = (distance < self._touch).sum(2).float()
        self.contacts = self.contacts + contacts.sum(1)
        own = 10 * contacts - 0.1 * distance.amin(2)
        team = own.sum(1)
        return self.pay(self.shared(team) if self._paid == "team" else own, team), self.none_ended

    def observe(self) -> dict[str, Any]:
        """Own velocity and position, then obstacles, other adversaries and prey."""
        groups = {
            "obstacles": self._obstacles,
            "adversaries": self._adversaries,
            "prey": self._prey,
        }
        seen, nearest = self.own(), torch.empty(0)
        for name, group in groups.items():
            part = self.gaps().part(self._adversaries, group)
            nearest = part.nearest(self._sight[name])
            seen.append(part.to(nearest))
        velocity = self.velocity[:, self._prey]
        which = nearest.flatten(1).unsqueeze(2).expand(-1, -1, 2)
        seen.append(velocity.gather(1, which).view_as(seen[-1]))
        found = self.everything()
        moving = [self.position, self.velocity[:, : self._obstacles.start]]
        found["state"] = torch.cat([part.flatten(1) for part in moving], 1)
        closest = self.gaps().squared[:, self._adversaries, self._prey].amin(2).sqrt()
        return found | {
            "obs": torch.cat(seen, 2),
            "info": {
                "team_return": self.team_return,
                "contacts": self.mean_of(self.contacts),
                "distance": closest.mean(1),
            },
        }

    def scene(self, env: int) -> Scene:
        """Prey and obstacles."""
        place = self.position[env]
        return self.scene_of(env, prey=place[self._prey], obstacles=place[self._obstacles])
