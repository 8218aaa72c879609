"""Scripted baseline of Gather with access to the full state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from graphmarl.envs.magent.gather import Gather
from graphmarl.envs.magent.window import circle
from graphmarl.step import Step


@dataclass(frozen=True)
class GatherState:
    """Full state of B copies of Gather.

    Args:
        position: cells of the omnivores.
        alive: whether each omnivore is alive.
        food: cells of the foods.
        food_hp: hit points of the foods as a fraction, 0 for eaten food.
    """

    position: Float[Tensor, "env agent 2"]
    alive: Bool[Tensor, "env agent"]
    food: Float[Tensor, "env food 2"]
    food_hp: Float[Tensor, "env food"]


class ScriptedGatherer:
    """Greedy baseline: attack the weakest adjacent food, else move towards the nearest food.

    Agents choose in order, and none moves to a cell that an earlier agent has chosen. Ties between
    foods and between cells are broken at random.

    Args:
        size: cells along a side of the map.
        seed: seed of the tie-breaking.
    """

    def __init__(self, size: int, seed: int = 0) -> None:
        self.size = size
        self.moves = torch.from_numpy(circle(3))
        self.attacks = torch.from_numpy(circle(1, centre=False))
        self.stay = len(self.moves) // 2
        self.generator = torch.Generator().manual_seed(seed)

    def __call__(self, state: GatherState) -> Int[Tensor, "env agent"]:
        """Actions of all agents; dead agents stay."""
        hit, can_hit = self._attack(state)
        movers = state.alive & ~can_hit
        action = torch.where(can_hit & state.alive, hit, self.stay)
        return torch.where(movers, self._move(state, movers), action)

    def _flat(self, cells: Tensor) -> Tensor:
        return cells[..., 0].long() * self.size + cells[..., 1].long()

    def _grid(self, cells: Tensor, value: Tensor) -> Float[Tensor, "env cell"]:
        grid = value.new_zeros(len(value), self.size**2)
        return grid.scatter_reduce_(1, self._flat(cells), value, "amax")

    def _attack(self, state: GatherState) -> tuple[Tensor, Tensor]:
        cells = self._flat(state.position[:, :, None] + self.attacks)
        grid = self._grid(state.food, state.food_hp)
        hp = grid.gather(1, cells.flatten(1)).view_as(cells)
        weakest, choice = hp.masked_fill(hp <= 0, torch.inf).min(-1)
        return choice + len(self.moves), weakest < torch.inf

    def _noise(self, distance: Tensor) -> Tensor:
        # Distances between cells differ by far more than this, unless they are equal.
        return distance + 1e-3 * torch.rand(distance.shape, generator=self.generator)

    def _nearest(self, state: GatherState) -> Float[Tensor, "env agent 2"]:
        distance = self._noise(torch.cdist(state.position, state.food))
        distance = distance.masked_fill((state.food_hp <= 0)[:, None], torch.inf)
        return state.food.gather(1, distance.argmin(-1)[..., None].expand(-1, -1, 2))

    def _move(self, state: GatherState, movers: Tensor) -> Tensor:
        cells = state.position[:, :, None] + self.moves
        inside = ((cells > 0) & (cells < self.size - 1)).all(-1)
        flat = self._flat(cells.clamp(0, self.size - 1))
        objects = torch.cat((state.position, state.food), 1)
        present = torch.cat((state.alive, state.food_hp > 0), 1).float()
        taken = self._grid(objects, present).gather(1, flat.flatten(1)).view_as(flat) > 0
        taken[..., self.stay] = False
        left = self._noise((cells - self._nearest(state)[:, :, None]).norm(dim=-1))
        return self._claim(left.masked_fill(taken | ~inside, torch.inf), flat, movers)

    def _claim(self, left: Tensor, flat: Tensor, movers: Tensor) -> Tensor:
        """Assign each agent its best cell; a contested cell goes to the first agent in order.

        The others take their next best cell until no conflict is left, which gives the same result
        as sequential choice. Staying is always possible, as no other agent can claim that cell.
        """
        number = torch.arange(movers.shape[1]).expand_as(movers)
        while True:
            choice = left.argmin(-1, keepdim=True)
            cell = flat.gather(-1, choice).squeeze(-1)
            first = torch.full((len(cell), self.size**2), movers.shape[1])
            wants = torch.where(movers, number, movers.shape[1])
            first.scatter_reduce_(1, cell, wants, "amin")
            loses = movers & (first.gather(1, cell) < number)
            if not loses.any():
                return choice.squeeze(-1)
            left = left.scatter(
                -1, choice, torch.where(loses[..., None], torch.inf, left.gather(-1, choice))
            )


def gather_state(env: Gather, step: Step) -> GatherState:
    """Current full state of an environment."""
    assert step.position is not None, "gather has positions"
    return GatherState(step.position, step.alive, *env.foods())


def scripted_policy(env: Gather, seed: int = 0) -> Callable[[Step], Tensor]:
    """Scripted baseline as a policy for this environment."""
    script = ScriptedGatherer(env.size, seed)
    return lambda step: script(gather_state(env, step))
