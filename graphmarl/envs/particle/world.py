"""Base class of the particle tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import embedding

from graphmarl.envs.batched import Batched
from graphmarl.envs.particle.physics import Gaps, Physics, planes
from graphmarl.ranges import Compiled, Copies, Device, PositiveFloat, PositiveInt
from graphmarl.step import Scene, Spec

Row = TypeVar("Row")
ActionKind = Literal["discrete", "continuous"]
DIRECTIONS = ((0.0, 0.0), (1.0, 0.0), (-1.0, 0.0), (0.0, 1.0), (0.0, -1.0))
SENSITIVITY = 5.0


def row_for(table: Mapping[int, Row], number: int) -> Row:
    """Table entry of a number, of the next larger key, or of the largest key beyond it."""
    if number < 1:
        raise ValueError(f"num_agents is {number}; there must be at least 1")
    return table[min((key for key in table if key >= number), default=max(table))]


def parts(**widths: int) -> dict[str, slice]:
    """Layout of an observation whose parts have these widths; empty parts are omitted."""
    layout, start = {}, 0
    for name, width in widths.items():
        if width:
            layout[name] = slice(start, start + width)
        start += width
    return layout


@dataclass(frozen=True)
class AgentProperties:
    """Physical properties of the agents, one entry per agent.

    Args:
        size: radius.
        sensitivity: full force.
        max_speed: maximum speed, or None for no limit.
        kinds: names of the kinds of agents.
        kind: kind of each agent, empty where there is only one.
    """

    size: Sequence[float]
    sensitivity: Sequence[float]
    max_speed: Sequence[float] | None = None
    kinds: tuple[str, ...] = ("agent",)
    kind: tuple[int, ...] = ()

    @classmethod
    def alike(cls, number: int, size: float) -> AgentProperties:
        """Identical agents of one size with default properties."""
        return cls([size] * number, [SENSITIVITY] * number)


class Particle(Batched):
    """Base class of particle tasks; the agents are the first N of E entities.

    The five discrete actions are no force, or full force to the right, left, up or down; continuous
    actions are two reals in [-1, 1], the share of the full force to the right and upwards.

    Args:
        physics: physics of all E entities.
        properties: properties of the agents.
        half_width: half width of the square of initial positions.
        layout: slices of the parts of an observation.
        state_size: size of the global state.
        action: `discrete` or `continuous`.
        horizon: steps in an episode.
        num_envs: copies, B.
        device: where the tensors are.
        compiled: compile the step; see `Batched`.

    Attributes:
        position: positions of all entities.
        velocity: velocities of all entities.
        team_return: sum of team rewards in the episode, independent of the `reward` option.
    """

    position: Float[Tensor, "env entity 2"]
    velocity: Float[Tensor, "env entity 2"]
    team_return: Float[Tensor, " env"]
    # A compilation takes 10 seconds and wins 50 microseconds a step.
    compile_from = 200_000

    def __init__(
        self,
        physics: Physics,
        properties: AgentProperties,
        half_width: PositiveFloat,
        layout: Mapping[str, slice],
        state_size: int,
        action: ActionKind,
        horizon: PositiveInt,
        num_envs: Copies,
        device: Device,
        compiled: Compiled,
    ) -> None:
        spec = Spec(
            num_agents=len(properties.sensitivity),
            obs_shape=(max(part.stop for part in layout.values()),),
            num_actions=len(DIRECTIONS) if action == "discrete" else 2,
            horizon=horizon,
            action=action,
            layout=layout,
            kinds=properties.kinds,
            kind=properties.kind,
            state_size=state_size,
        )
        super().__init__(spec, num_envs, device, compiled)
        self.physics, self.half_width = physics, half_width
        self.sensitivity = torch.tensor(properties.sensitivity, device=self.device).unsqueeze(1)
        # Forces of the discrete actions, one row for each pair of agent and action.
        force = torch.tensor(DIRECTIONS, device=self.device) * self.sensitivity.unsqueeze(1)
        self._forces = force.flatten(0, 1)
        agents = torch.arange(spec.num_agents, device=self.device)
        self._first_force = agents * len(DIRECTIONS)
        self._num_entities = len(physics.contact)
        self._still = torch.zeros(num_envs, self._num_entities, 2, device=self.device)
        self._others = self._still[:, self.spec.num_agents :]
        self._whole = self._num_entities == spec.num_agents
        self._seen: tuple[Tensor, Tensor, Gaps] | None = None

    def square(self, number: int, half_width: float) -> Float[Tensor, "env number 2"]:
        """Uniform points in a square around 0."""
        return (2 * self.uniform(number, 2) - 1) * half_width

    def gaps(self) -> Gaps:
        """Displacements between all entities, cached for each state."""
        return self._look()[2]

    def _look(self) -> tuple[Tensor, Tensor, Gaps]:
        """Positions, their planes and the displacements between them, cached for each state."""
        held = self._seen
        if held is None or held[0] is not self.position:
            here = planes(self.position)
            gaps = Gaps.of(here, here)
            gaps.squared.add_(self.physics.itself)
            self._seen = held = (self.position, here, gaps)
        return held

    def move(self, action: Tensor, others: Float[Tensor, "env other 2"] | None = None) -> None:
        """Advance the physics by the agents' actions and the forces on other entities."""
        if self.spec.action == "continuous":
            force = action * self.sensitivity
        else:
            force = embedding(action + self._first_force, self._forces)
        if not self._whole:
            force = torch.cat([force, self._others if others is None else others], 1)
        now = (self.position, self.velocity)
        self.position, self.velocity = self.physics.step(*now, force, self.push())

    def push(self) -> Float[Tensor, "env entity 2"] | None:
        """Forces of contacts, or None if there are none."""
        return self.physics.push(self.gaps(), dense=self.data_free)

    def pay(
        self, reward: Float[Tensor, "env agent"], team: Float[Tensor, " env"]
    ) -> Float[Tensor, "env agent"]:
        """Add the team reward to `team_return`; returns the agents' rewards."""
        self.team_return = self.team_return + team
        return reward

    def own(self) -> list[Float[Tensor, "env agent 2"]]:
        """Velocities and positions of the agents, the first parts of every observation."""
        return [self._of_agents(self.velocity), self._of_agents(self.position)]

    def _of_agents(self, values: Float[Tensor, "env entity 2"]) -> Float[Tensor, "env agent 2"]:
        return values if self._whole else values[:, : self.spec.num_agents]

    def scene_of(self, env: int, **groups: Float[Tensor, "entity 2"]) -> Scene:
        """Scene with groups of points in a square that contains all entities."""
        points = {name: (place.cpu(), torch.ones(len(place))) for name, place in groups.items()}
        far = max(self.half_width, float(self.position[env].abs().max()))
        return Scene((-far, -far), (far, far), points, int(self.time[env]))

    def mean_of(self, total: Float[Tensor, " env"]) -> Float[Tensor, " env"]:
        """Mean over the steps so far, from their sum; 0 at the start of an episode."""
        return total / self.time.clamp(min=1)

    def everything(self, *more: Float[Tensor, "env entities 2"]) -> dict[str, Any]:
        """Positions of agents, and the state: positions, velocities and further points."""
        return {
            "position": self._of_agents(self.position),
            "state": torch.cat([self.position, self.velocity, *more], 1).flatten(1),
        }
