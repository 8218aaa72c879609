"""Battle of MAgent: two armies of equal units."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from graphmarl.checks import check_choice
from graphmarl.envs.magent import maps
from graphmarl.envs.magent.rewards import Rewards
from graphmarl.envs.magent.window import CHANNELS, CircleView, Density, circle
from graphmarl.envs.magent.world import UnitType, World, load_engine
from graphmarl.envs.vector import Vector
from graphmarl.envs.workers import EngineStep, SingleEngine
from graphmarl.ranges import Agents, Copies, NonNegativeInt, PositiveInt, Size
from graphmarl.step import Scene, Spec

RADIUS, BLOCKS = 6, 10
CELLS = len(circle(RADIUS))
MOVES, ATTACKS = circle(2), circle(1.5, centre=False)
REWARDS = Rewards(step=-0.005, attack=-0.1, hit=0.2, kill=5.0, dead=-0.1)
OPPONENTS = ("random", "scripted", "self")


def scripted_soldier(
    own: NDArray[Any], enemy: NDArray[Any], hp: NDArray[Any], size: int
) -> NDArray[np.int64]:
    """Attack the weakest enemy within reach; without one, move towards the nearest.

    Args:
        own: cells of the soldiers, (n, 2).
        enemy: cells of the live enemies, (m, 2).
        hp: their hit points, (m,).
        size: cells along a side of the map.
    """
    grid = np.full((size, size), np.inf)
    grid[enemy[:, 0], enemy[:, 1]] = hp
    reach = own[:, None] + ATTACKS
    weakest = grid[reach[..., 0], reach[..., 1]]
    distance = ((own[:, None] - enemy) ** 2).sum(-1)
    target = enemy[distance.argmin(1)]
    grid[own[:, 0], own[:, 1]] = 0
    cells = own[:, None] + MOVES
    inside = ((cells > 0) & (cells < size - 1)).all(-1)
    cells = cells.clip(0, size - 1)
    free = inside & np.isinf(grid[cells[..., 0], cells[..., 1]])
    free[:, len(MOVES) // 2] = True
    left = np.where(free, ((cells - target[:, None]) ** 2).sum(-1), np.inf)
    hit = weakest.argmin(1) + len(MOVES)
    return np.where(np.isfinite(weakest.min(1)), hit, left.argmin(1))


@dataclass
class BattleEngine:
    """One copy of Battle; the arguments are those of `Battle`."""

    opponent: str
    army: int
    size: int
    horizon: int

    def __post_init__(self) -> None:
        soldier = UnitType(10.0, 2.0, RADIUS, 1.5, damage=2.0, recover=0.1)
        self.world = World(self.size, [soldier, soldier])
        self.teams = 2 if self.opponent == "self" else 1
        self.views = [CircleView(self.world, team) for team in range(self.teams)]
        self.density, self.table, self.time = Density(self.size, BLOCKS), REWARDS.table(), 0
        self.rng = np.random.default_rng(0)

    def reset(self, seed: int, out: EngineStep) -> None:
        """Place the armies."""
        self.world.reset(seed, maps.two_armies(self.size, self.army))
        self.rng, self.time = np.random.default_rng(seed), 0
        self._write(out)

    def step(self, action: NDArray[Any], out: EngineStep) -> tuple[bool, bool]:
        """Advance; the episode terminates when one army is gone."""
        world, army = self.world, self.army
        enemy = action[army:] if self.teams == 2 else self._enemy()
        before = world.alive[: self.teams]
        world.step([action[:army], enemy])
        self.time += 1
        for team, alive in enumerate(before):
            rows = slice(team * army, (team + 1) * army)
            out.reward[rows] = REWARDS.pay(self.table, world.events[team]) * alive
        self._write(out)
        return not (len(world.slots[0]) and len(world.slots[1])), False

    def _enemy(self) -> NDArray[np.int64]:
        world = self.world
        if self.opponent == "random":
            return self.rng.integers(0, world.num_actions[1], self.army)
        own, enemy = world.position[1], world.position[0]
        action = np.zeros(self.army, np.int64)
        slots, targets = world.slots[1], world.slots[0]
        hp = world.hp(0)[targets]
        action[slots] = scripted_soldier(own[slots], enemy[targets], hp, self.size)
        return action

    def _write(self, out: EngineStep) -> None:
        world, density, army = self.world, self.density, self.army
        assert out.position is not None and out.state is not None, "battle has both"
        for team, view in enumerate(self.views):
            rows = slice(team * army, (team + 1) * army)
            view.write(out.obs[rows])
            out.alive[rows], out.position[rows] = world.alive[team], world.position[team]
        for team in range(2):
            cells = world.position[team][world.slots[team]]
            part = slice(team * BLOCKS**2, (team + 1) * BLOCKS**2)
            out.state[part] = density.of(density.block(cells))
        out.state[-1] = self.time / self.horizon
        red, blue = len(world.slots[0]), len(world.slots[1])
        out.info["red"][...], out.info["blue"][...] = red, blue
        out.info["won"][...] = red > 0 and blue == 0

    def scene(self) -> Scene:
        """Units of the scripted army, weighted by hit points."""
        points = {}
        if self.teams == 1:
            hp = self.world.hp(1)
            cells = torch.from_numpy(self.world.position[1][hp > 0]).float()
            points["blue"] = (cells, torch.from_numpy(hp[hp > 0]))
        edge = float(self.size - 1)
        return Scene((0.0, 0.0), (edge, edge), points, self.time)

    def close(self) -> None:
        """Free the engine."""
        self.world.close()


class Battle(Vector):
    """Battle of MAgent, as in mean-field Q-learning: two armies of 64 on a 40 x 40 map.

    `Mean Field Multi-Agent Reinforcement Learning <https://arxiv.org/abs/1802.05438>`_

    Soldiers (10 hit points, regaining 0.1 a step) move up to 2 cells or hit one of the 8 cells
    around them for 2. Rewards: hit 0.2, kill 5, attack -0.1, death -0.1, step -0.005. The
    episode terminates when one army is gone.

    Args:
        opponent: `random`, `scripted` (attacks the weakest within reach, else moves to the
            nearest), or `self`: both armies are agents, of the kinds red and blue.
        army: soldiers of each side, a square number.
        size: cells along a side of the map, walls included.
        num_envs: copies, B.
        horizon: steps after which an episode is truncated.
        workers: worker processes; 0 steps all copies in this process.

    Shapes:
        obs (B, N, 567): for each of the 113 cells of the view, row by row, whether there is a wall,
        an ally, its hit points, an enemy, its hit points; then own (x, y) as a share of the map.
        state (B, 201): red and blue per cell on a grid of 10 x 10 blocks, then time as a share of
        the horizon. Metrics `red`, `blue` (units alive) and `won` (blue is eliminated).

    Raises:
        ImportError: MAgent2 is missing.
        ValueError: the opponent is unknown or the armies do not fit on the map.
    """

    def __init__(
        self,
        opponent: str = "scripted",
        army: Agents = 64,
        size: Size = 40,
        num_envs: Copies = 16,
        horizon: PositiveInt = 400,
        workers: NonNegativeInt = 0,
    ) -> None:
        load_engine("Battle")
        check_choice("opponent", opponent, OPPONENTS)
        maps.two_armies(size, army)
        self.opponent, self.army, self.size = opponent, army, size
        both, split = opponent == "self", CELLS * CHANNELS
        spec = Spec(
            num_agents=2 * army if both else army,
            obs_shape=(split + 2,),
            num_actions=len(MOVES) + len(ATTACKS),
            horizon=horizon,
            layout={"view": slice(0, split), "position": slice(split, split + 2)},
            kinds=("red", "blue") if both else ("red",),
            kind=(0,) * army + (1,) * army if both else (),
            state_size=2 * BLOCKS**2 + 1,
        )
        super().__init__(spec, num_envs, workers, info=("red", "blue", "won"))

    def engine_maker(self) -> Callable[[], SingleEngine]:
        """One copy of the task."""
        return partial(BattleEngine, self.opponent, self.army, self.size, self.spec.horizon)
