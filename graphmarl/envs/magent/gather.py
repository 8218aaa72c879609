"""Gather of MAgent: omnivores eat a fixed number of foods."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Literal

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from graphmarl.envs.magent import maps
from graphmarl.envs.magent.rewards import Rewards
from graphmarl.envs.magent.window import CHANNELS, CircleView, Density, circle
from graphmarl.envs.magent.world import UnitType, World, load_engine
from graphmarl.envs.vector import Vector
from graphmarl.envs.workers import EngineStep, SingleEngine
from graphmarl.ranges import Copies, NonNegativeInt, PositiveFloat, PositiveInt, Range
from graphmarl.step import Scene, Spec

BLOCKS = 12
REWARDS = {
    "calibrated": Rewards(step=-0.05, attack=-0.1, hit=1.0, kill=5.0, dead=-1.0),
    "magent": Rewards(step=-0.01, attack=-0.1, hit=0.5, kill=5.0, dead=-1.0),
}


@dataclass
class GatherEngine:
    """One copy of Gather; the arguments are those of `Gather`."""

    map: str
    size: int
    view_radius: int
    hp: float
    horizon: int
    rewards: Rewards
    blank_only: bool

    def __post_init__(self) -> None:
        omnivore = UnitType(self.hp, 3.0, self.view_radius, 1.0, damage=6.0, attack_in_group=True)
        self.world = World(self.size, [omnivore, UnitType(hp=25.0)])
        self.view = CircleView(self.world, 0)
        self.density = Density(self.size, BLOCKS)
        self.table = self.rewards.table(self.blank_only)
        self.food_hp = np.zeros(0, np.float32)
        self.time = 0

    def reset(self, seed: int, out: EngineStep) -> None:
        """Place omnivores and food."""
        if self.map == "normal":
            places = maps.normal_map(self.size)
        else:
            places = maps.random_map(self.size, np.random.default_rng(seed))
        self.world.reset(seed, places)
        self.food_block = self.density.block(places[1])
        self.time = 0
        self._write(out)

    def step(self, action: NDArray[Any], out: EngineStep) -> tuple[bool, bool]:
        """Advance; the episode terminates when all food is eaten or all omnivores are dead."""
        before = self.world.alive[0]
        self.world.step([action, None])
        self.time += 1
        out.reward[...] = self.rewards.pay(self.table, self.world.events[0]) * before
        self._write(out)
        return not (len(self.world.slots[0]) and len(self.world.slots[1])), False

    def _write(self, out: EngineStep) -> None:
        world, density = self.world, self.density
        omnivores, foods = world.slots
        assert out.position is not None and out.state is not None, "gather has both"
        self.view.write(out.obs)
        out.alive[...], out.position[...] = world.alive[0], world.position[0]
        self.food_hp = world.hp(1)
        agents, food = out.state[: BLOCKS**2], out.state[BLOCKS**2 : -1]
        agents[...] = density.of(density.block(world.position[0][omnivores]))
        food[...] = density.of(self.food_block, self.food_hp)
        out.state[-1] = self.time / self.horizon
        out.info["food"][...], out.info["living"][...] = len(foods), len(omnivores)

    def foods(self) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Cells (food, 2) and hit points as a fraction (food,), 0 for eaten food."""
        return self.world.position[1], self.food_hp

    def scene(self) -> Scene:
        """Food, weighted by hit points; the walls are the border."""
        left = self.food_hp > 0
        cells = torch.from_numpy(self.world.position[1][left]).float()
        edge = float(self.size - 1)
        points = {"food": (cells, torch.from_numpy(self.food_hp[left]))}
        return Scene((0.0, 0.0), (edge, edge), points, self.time)

    def close(self) -> None:
        """Free the engine."""
        self.world.close()


class Gather(Vector):
    """Gather of MAgent on the maps of NVIF (Table I).

    Omnivores on a walled grid observe a circle around them, and move up to 3 cells or attack one of
    the 4 adjacent cells. A food is eaten at the fifth hit. The episode terminates when all food is
    eaten or all omnivores are dead.

    The paper does not print its rewards; `calibrated` are the round numbers that reproduce the
    returns of its Table II under the engine's rules. The positions of the food block and of the
    omnivores on random maps are not given either: see `maps`.

    Args:
        map: `normal` (food on rings in the middle) or `random` (a block of food at random).
        size: cells along a side: 24, 48 or 96.
        num_envs: copies, B.
        view_radius: radius of the view in cells, 1 to 7.
        rewards: `calibrated` or `magent` (MAgent2's own).
        penalise: `attack` charges every attack, `blank` only those on an empty cell.
        horizon: steps after which an episode is truncated.
        hp: hit points of an omnivore; an attack takes 6.
        workers: worker processes; 0 steps all copies in this process.

    Shapes:
        obs (B, N, cells * 5 + 2): for each cell of the view, row by row, whether there is a wall,
        an omnivore, its hit points, food, its hit points; then own (x, y) as a share of the map.
        position (B, N, 2): own cell (x, y). state (B, 289): live omnivores and food hit points
        per cell on a grid of 12 x 12 blocks, then time as a share of the horizon.

    Raises:
        ImportError: MAgent2 is missing.
        ValueError: an option is not allowed.
    """

    def __init__(
        self,
        map: Literal["normal", "random"] = "normal",
        size: Literal[24, 48, 96] = 24,
        num_envs: Copies = 16,
        view_radius: Annotated[int, Range(low=1, high=7)] = 7,
        rewards: Literal["calibrated", "magent"] = "calibrated",
        penalise: Literal["attack", "blank"] = "attack",
        horizon: PositiveInt = 100,
        hp: PositiveFloat = 3.0,
        workers: NonNegativeInt = 0,
    ) -> None:
        load_engine("Gather")
        self.map, self.size, self.view_radius, self.hp = map, size, view_radius, float(hp)
        self.rewards, self.blank_only = REWARDS[rewards], penalise == "blank"
        self.cells = circle(view_radius)
        normal = map == "normal"
        split = len(self.cells) * CHANNELS
        spec = Spec(
            num_agents=len(maps.normal_map(size)[0]) if normal else maps.RANDOM_OMNIVORES[size],
            obs_shape=(split + 2,),
            num_actions=33,
            horizon=horizon,
            layout={"view": slice(0, split), "position": slice(split, split + 2)},
            kinds=("omnivore",),
            state_size=2 * BLOCKS**2 + 1,
        )
        super().__init__(spec, num_envs, workers, info=("food", "living"))

    def engine_maker(self) -> Callable[[], SingleEngine]:
        """One copy of the task."""
        options = (self.map, self.size, self.view_radius, self.hp, self.spec.horizon)
        return partial(GatherEngine, *options, self.rewards, self.blank_only)

    def view_image(
        self, view: Float[Tensor, "*batch cell"]
    ) -> Float[Tensor, "*batch row column channel"]:
        """Part `view` of observations as images, zero outside the circle."""
        window = 2 * self.view_radius + 1
        image = view.new_zeros(*view.shape[:-1], window, window, CHANNELS)
        column, row = torch.from_numpy(self.cells + self.view_radius).unbind(1)
        image[..., row, column, :] = view.unflatten(-1, (-1, CHANNELS))
        return image

    def foods(self) -> tuple[Float[Tensor, "env food 2"], Float[Tensor, "env food"]]:
        """Cells of all foods and their hit points as a fraction, 0 for eaten food."""
        cells, hp = zip(*self.env_method("foods"), strict=True)
        return torch.from_numpy(np.stack(cells)).float(), torch.from_numpy(np.stack(hp))
