"""Base class of the navigation tasks, in which agents cover landmarks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from graphmarl.checks import bounded_or_default
from graphmarl.envs.particle.neighbors import SEARCHED_FROM, Neighbors, Points
from graphmarl.envs.particle.physics import Gaps, Physics, planes
from graphmarl.envs.particle.placement import check_room, poisson_disc
from graphmarl.envs.particle.world import AgentProperties, Particle, parts
from graphmarl.ranges import NonNegativeInt, PositiveFloat
from graphmarl.step import Scene

CoverReward = Literal["team", "agent", "difference"]
DOMINANCE = 10.0


class Cover(NamedTuple):
    """Coverage of the landmarks.

    Args:
        distance: from each landmark to its closest agent.
        total: sum of the distances.
        agent: index of that agent, or None where it is not needed.
        second: distance to the second closest agent, or None where it is not needed.
    """

    distance: Float[Tensor, "env landmark"]
    total: Float[Tensor, " env"]
    agent: Int[Tensor, "env landmark"] | None = None
    second: Float[Tensor, "env landmark"] | None = None

    @classmethod
    def of(cls, squared: Float[Tensor, "env agent landmark"], paid: CoverReward) -> Cover:
        """Compute what a reward needs of the coverage from squared distances."""
        if paid == "team":
            distance = squared.amin(1).sqrt_()
            return cls(distance, distance.sum(1))
        least, agent = squared.min(1)
        distance = least.sqrt_()
        total = distance.sum(1)
        if paid == "agent":
            return cls(distance, total, agent)
        others = squared.scatter(1, agent.unsqueeze(1), torch.inf)
        return cls(distance, total, agent, others.amin(1).sqrt())

    @classmethod
    def of_nearest(cls, near: Neighbors, paid: CoverReward) -> Cover:
        """Compute the same from a search.

        Args:
            near: from the landmarks to the agents.
            paid: the reward.
        """
        agent = near.nearest(2 if paid == "difference" else 1)
        distance, *second = near.squared_to(agent).sqrt().unbind(2)
        return cls(distance, distance.sum(1), agent[..., 0], *second)

    def charge(
        self, cost: Float[Tensor, "env landmark"], like: Float[Tensor, "env agent"]
    ) -> Float[Tensor, "env agent"]:
        """Cost of each agent if each landmark's cost is charged to its closest agent."""
        assert self.agent is not None, "the reward of an agent needs the closest one"
        return torch.zeros_like(like).scatter_add(1, self.agent, cost)


def mean_log_distance(width: float, cells: int = 300) -> float:
    """Mean of log(1 + d) for the distance d of two uniform points in a square.

    Their differences along each axis, as shares of the side, have density 2 (1 - x); the double
    integral is computed by the midpoint rule.

    Args:
        width: side of the square.
        cells: grid points per axis.
    """
    middle = (torch.arange(cells, dtype=torch.float64) + 0.5) / cells
    weight = 2 * (1 - middle) / cells
    distance = width * (middle[:, None].square() + middle.square()).sqrt()
    return float(weight @ distance.log1p() @ weight)


class Covering(Particle):
    """Base class: N agents cover N landmarks without colliding.

    Args:
        properties: properties of the agents.
        price: cost for agent i of a collision with agent j; one number, or a matrix.
        apart: minimum distance between landmarks.
        half_width: half width of the square of initial positions.
        landmarks_seen: nearest landmarks in an observation; min(6, N) by default.
        agents_seen: nearest other agents in an observation; min(5, N - 1) by default.
        reward: `team`, `agent` or `difference`.
        spread: weight of the sum of log(1 + d_ij) over ordered pairs; 0 for none.
        quirk: select the nearest by the public scenarios' wrong distance.
        contact_distance: contact distance of every pair; the sum of the radii by default.
        world: action, horizon, num_envs, device and compiled.
    """

    landmarks: Float[Tensor, "env landmark 2"]
    collided: Float[Tensor, " env"]
    # Landmarks are drawn until there are enough.
    compiled_begin = False
    # What was computed for the last state.
    _covered: tuple[Tensor, Tensor, Gaps | Neighbors, Cover] | None = None
    _found: Neighbors | None = None
    _places: Points | None = None
    _fixed: tuple[Tensor, Tensor] | None = None

    def __init__(
        self,
        properties: AgentProperties,
        price: float | Tensor,
        apart: float,
        half_width: PositiveFloat,
        landmarks_seen: NonNegativeInt | None,
        agents_seen: NonNegativeInt | None,
        reward: CoverReward,
        spread: float,
        quirk: bool = False,
        contact_distance: float | None = None,
        **world: Any,
    ) -> None:
        count = len(properties.size)
        if reward == "difference" and count < 2:
            raise ValueError("reward is 'difference' with 1 agent; without it there is no team")
        check_room(count, half_width, apart)
        seen = bounded_or_default("landmarks_seen", landmarks_seen, 0, count, min(6, count))
        met = bounded_or_default("agents_seen", agents_seen, 0, count - 1, min(5, count - 1))
        self._sight = (seen, met)
        layout = parts(velocity=2, position=2, landmarks=2 * seen, agents=2 * met)
        physics = Physics(
            properties.size,
            max_speed=properties.max_speed,
            contact_distance=contact_distance,
            device=world["device"],
        )
        super().__init__(physics, properties, half_width, layout, 6 * count, **world)
        sizes = torch.tensor(properties.size, device=self.device)
        self._touch = (sizes[:, None] + sizes).square()
        self._price = price.to(self.device) if isinstance(price, Tensor) else price
        self._apart, self.spread, self._quirk = apart, spread, quirk
        self._paid: CoverReward = reward
        # The sum over ordered pairs needs all of them.
        self._large = count >= SEARCHED_FROM and not spread and self.device.type == "cpu"
        if self._large:
            self.compile_from = None  # compiled, it takes all distances
        self._reach = max(self.physics.reach, float(2 * sizes.max()))

    def begin(self) -> dict[str, Tensor]:
        """Sample agents at rest, and landmarks with a minimum distance."""
        count = self.spec.num_agents
        return {
            "position": self.square(count, self.half_width),
            "velocity": self._still,
            "team_return": self.zeros[:, 0],
            "collided": self.zeros[:, 0],
            "landmarks": poisson_disc(self.uniform, count, self.half_width, self._apart),
        }

    def advance(self, action: Tensor) -> tuple[Float[Tensor, "env agent"], Bool[Tensor, " env"]]:
        """Move, then charge distances and collisions."""
        self.move(action)
        cover = self.cover()[1]
        collisions = self._touching()
        all_collisions = collisions.sum(1)
        self.collided = self.collided + all_collisions / self.spec.num_agents
        fines, all_fines = collisions, all_collisions
        if isinstance(self._price, Tensor):
            fines = self._touching(self._price)
            all_fines = fines.sum(1)
        team = -cover.total - all_fines
        bonus = None
        if self.spread:
            squared = self.gaps().squared
            # Distances to oneself are infinite; they are no pairs.
            far = squared.masked_fill(squared == torch.inf, 0).sqrt().log1p().sum(2)
            bonus = self.spread * far
            team = team + bonus.sum(1)
        return self.pay(self._share(cover, fines, bonus, team), team), self.none_ended

    def _touching(self, price: Tensor | None = None) -> Float[Tensor, "env agent"]:
        """Number of agents that each agent touches, or their cost."""
        if self._searched:
            near, both = self._near(), self._near().pairs.both
            touching = (near.pairs.squared < self._touch.flatten()[both]).float()
            return near.sum(touching if price is None else touching * price.flatten()[both])
        touching = (self.gaps().squared < self._touch).float()
        return (touching if price is None else touching * price).sum(2)

    def push(self) -> Float[Tensor, "env entity 2"] | None:
        """Forces of contacts, or None if there are none."""
        return self.physics.push_of(self._near()) if self._searched else super().push()

    @property
    def _searched(self) -> bool:
        """Whether near agents and landmarks are searched instead of taken from all pairs."""
        return self._large and not self.data_free

    def _near(self) -> Neighbors:
        """Near agents of each agent, cached for each state."""
        held = self._found
        if held is None or held.here is not self.position:
            here = Points(self.position)
            self._found = held = Neighbors(here, here, self._reach)
        return held

    def _share(
        self, cover: Cover, fines: Tensor, bonus: Tensor | None, team: Tensor
    ) -> Float[Tensor, "env agent"]:
        if self._paid == "team":
            return self.shared(team)
        # Removing an agent removes both ordered pairs with each other agent.
        halves = 1 if cover.second is None else 2
        cost = cover.distance if cover.second is None else cover.distance - cover.second
        share = -cover.charge(cost, fines) - halves * fines
        return share if bonus is None else share + halves * bonus

    def cover(self) -> tuple[Gaps | Neighbors, Cover]:
        """Gaps from agents to landmarks and their coverage, cached for each state."""
        held = self._covered
        if held is None or held[0] is not self.position or held[1] is not self.landmarks:
            if self._searched:
                here, there = self._near().points, self._landmark_points()
                gaps = Neighbors(here, there)
                cover = Cover.of_nearest(Neighbors(there, here), self._paid)
            else:
                gaps = Gaps.of(self._look()[1], self._landmark_planes())
                cover = Cover.of(gaps.squared, self._paid)
            self._covered = held = (self.position, self.landmarks, gaps, cover)
        return held[2], held[3]

    def _landmark_points(self) -> Points:
        held = self._places
        if held is None or held.place is not self.landmarks:
            self._places = held = Points(self.landmarks)
        return held

    def _landmark_planes(self) -> Tensor:
        held = self._fixed
        if held is None or held[0] is not self.landmarks:
            self._fixed = held = (self.landmarks, planes(self.landmarks))
        return held[1]

    def observe(self) -> dict[str, Any]:
        """Own velocity and position, the nearest landmarks and the nearest other agents."""
        gaps, cover = self.cover()
        others = self._near() if self._searched else self.gaps()
        seen = self.own()
        for offsets, number in zip((gaps, others), self._sight, strict=True):
            wrong = (self.position,) if self._quirk and isinstance(offsets, Gaps) else ()
            seen.append(offsets.to(offsets.nearest(number, *wrong)))
        return self.everything(self.landmarks) | {
            "obs": torch.cat(seen, 2),
            "info": {
                "team_return": self.team_return,
                "distance": cover.total / self.spec.num_agents,
                "collisions": self.mean_of(self.collided),
            },
        }

    def scene(self, env: int) -> Scene:
        """Landmarks."""
        return self.scene_of(env, landmarks=self.landmarks[env])


def usual_width(table: Mapping[int, float], number: int) -> float:
    """Half width of the scenario for a number of agents; by default 1 agent per unit of area."""
    return table[number] if number in table else float(number) ** 0.5 / 2


def spread_weight(number: int, half_width: float, contact: float) -> float:
    r"""Weight of log(1 + d) of each ordered pair, so that their sum is 10 times the other reward.

    With N agents and N landmarks uniform in a square of side s, the closest agent to a
    point is :math:`s / (2 \sqrt N)` away on average (without borders), and two agents are nearer
    than c with probability :math:`\pi u^2 - \frac83 u^3 + \frac12 u^4,\; u = c / s`. So the reward
    of the first step is about

    .. math::
        r_1 = N \frac{s}{2 \sqrt N} + N (N - 1) (\pi u^2 - \tfrac83 u^3 + \tfrac12 u^4),

    and the weight is :math:`10\, r_1 / (N (N - 1)\, \mathrm{E} \log(1 + d))`.

    Args:
        number: agents, N.
        half_width: half width of the square, s / 2.
        contact: distance c at which two agents collide.
    """
    side, pairs = 2 * half_width, number * (number - 1)
    u = min(contact / side, 1.0)
    near = torch.pi * u**2 - 8 / 3 * u**3 + u**4 / 2
    first = number**0.5 * side / 2 + pairs * near
    return DOMINANCE * first / (pairs * mean_log_distance(side))
