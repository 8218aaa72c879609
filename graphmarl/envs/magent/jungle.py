"""Jungle of DGN: a mixed-motive task of eating food or attacking other agents."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from graphmarl.envs.magent import maps
from graphmarl.envs.magent.rewards import Rewards
from graphmarl.envs.magent.window import Density
from graphmarl.envs.magent.world import WAS_HIT, UnitType, World, load_engine
from graphmarl.envs.vector import Vector
from graphmarl.envs.workers import EngineStep, SingleEngine
from graphmarl.ranges import Agents, Copies, NonNegativeInt, PositiveInt, Size
from graphmarl.step import Scene, Spec

RADIUS, BLOCKS = 5, 10
CELLS = (2 * RADIUS + 1) ** 2
REWARDS = Rewards(attack=-0.01, hit=1.0, hit_own=2.0, was_hit=-4.0)
AGENT, FOOD = 1, 3  # channels of presence in the engine's view


@dataclass
class JungleEngine:
    """One copy of Jungle; the arguments are those of `Jungle`."""

    size: int
    num_agents: int
    num_foods: int
    horizon: int

    def __post_init__(self) -> None:
        agent = UnitType(400.0, 1.0, RADIUS, 1.0, damage=1.0, attack_in_group=True)
        self.world = World(self.size, [agent, UnitType(hp=500.0)])
        self.density, self.table, self.time = Density(self.size, BLOCKS), REWARDS.table(), 0

    def reset(self, seed: int, out: EngineStep) -> None:
        """Place agents and food at random."""
        numbers = (self.num_agents, self.num_foods)
        places = maps.scattered(self.size, numbers, np.random.default_rng(seed))
        self.world.reset(seed, places)
        self.time = 0
        self._write(out)

    def step(self, action: NDArray[Any], out: EngineStep) -> tuple[bool, bool]:
        """Advance; the episode terminates when all food or all agents are gone."""
        world, before = self.world, self.world.alive[0]
        world.step([action, None])
        self.time += 1
        out.reward[...] = REWARDS.pay(self.table, world.events[0]) * before
        self._write(out)
        return not (len(world.slots[0]) and len(world.slots[1])), False

    def _write(self, out: EngineStep) -> None:
        world, density = self.world, self.density
        slots, alive, position = world.slots[0], world.alive[0], world.position[0]
        assert out.position is not None and out.state is not None, "jungle has both"
        if len(slots) < len(alive):
            out.obs[~alive] = 0
        if len(slots):
            view = world.view(0)
            out.obs[slots, :CELLS] = (view[..., AGENT] - view[..., FOOD]).reshape(-1, CELLS)
            out.obs[slots, CELLS:] = position[slots] / np.float32(self.size)
        out.alive[...], out.position[...] = alive, position
        foods = world.position[1][world.slots[1]]
        out.state[: BLOCKS**2] = density.of(density.block(position[slots]))
        out.state[BLOCKS**2 : -1] = density.of(density.block(foods))
        out.state[-1] = self.time / self.horizon
        out.info["living"][...] = len(slots)
        out.info["damage"][...] = (world.events[0] // WAS_HIT).sum() / len(alive)

    def scene(self) -> Scene:
        """Food, weighted by hit points."""
        hp = self.world.hp(1)
        cells = torch.from_numpy(self.world.position[1][hp > 0]).float()
        edge = float(self.size - 1)
        points = {"food": (cells, torch.from_numpy(hp[hp > 0]))}
        return Scene((0.0, 0.0), (edge, edge), points, self.time)

    def close(self) -> None:
        """Free the engine."""
        self.world.close()


class Jungle(Vector):
    """Jungle of DGN: agents and a few foods that last longer than the episode.

    Hitting food pays 1; hitting an agent pays 2 but costs the victim 4; every attack costs 0.01.
    The team return is highest if all agents eat and none attacks another.

    `Graph Convolutional Reinforcement Learning <https://arxiv.org/abs/1810.09202>`_

    Args:
        num_agents: agents, N.
        num_foods: foods, of 500 hit points each.
        size: cells along a side of the map, walls included.
        num_envs: copies, B.
        horizon: steps after which an episode is truncated; DGN plays 120.
        workers: worker processes; 0 steps all copies in this process.

    Shapes:
        obs (B, N, 123): on the 11 x 11 window 1 for an agent and -1 for food, row by row, then own
        (x, y) as a share of the map. state (B, 201): agents and foods per cell on a grid of 10 x 10
        blocks, then time as a share of the horizon. Metric `damage`: hits taken, per agent.

    Raises:
        ImportError: MAgent2 is missing.
        ValueError: the units do not fit on the map.
    """

    def __init__(
        self,
        num_agents: Agents = 20,
        num_foods: Agents = 12,
        size: Size = 30,
        num_envs: Copies = 16,
        horizon: PositiveInt = 25,
        workers: NonNegativeInt = 0,
    ) -> None:
        load_engine("Jungle")
        if min(num_agents, num_foods) < 1 or size < 3:
            raise ValueError(
                f"{num_agents} agents, {num_foods} foods, size {size}; at least 1, 1 and 3"
            )
        maps.scattered(size, (num_agents, num_foods), np.random.default_rng(0))
        self.size, self.num_foods = size, num_foods
        spec = Spec(
            num_agents=num_agents,
            obs_shape=(CELLS + 2,),
            num_actions=9,
            horizon=horizon,
            layout={"view": slice(0, CELLS), "position": slice(CELLS, CELLS + 2)},
            state_size=2 * BLOCKS**2 + 1,
        )
        super().__init__(spec, num_envs, workers, info=("living", "damage"))

    def engine_maker(self) -> Callable[[], SingleEngine]:
        """One copy of the task."""
        spec = self.spec
        return partial(JungleEngine, self.size, spec.num_agents, self.num_foods, spec.horizon)
