"""Trains that need no learning: yardsticks for what is learned."""

from __future__ import annotations

import torch
from jaxtyping import Int
from torch import Tensor

from graphmarl.envs.flatland.environment import Flatland
from graphmarl.envs.flatland.tree import FEATURES
from graphmarl.step import Step

LEFT, RIGHT, STOP = 0, 1, 2
# Numbers of a node: real, what is left to the target over its end, somebody comes towards us.
REAL, LATER, AGAINST = 0, 5, 8


class ShortestPath:
    """Departs at once and always takes the way that is shortest if nobody is on it.

    It reads the tree alone: of the one or two segments ahead that with the shorter way to the
    target over its end; of equal ones the left.

    Args:
        env: what is played.
        wait: stop before a segment on which a train comes towards this one.
    """

    def __init__(self, env: Flatland, wait: bool = False) -> None:
        self.part, self.wait = env.spec.layout["tree"], wait

    def __call__(self, step: Step) -> Int[Tensor, "env agent"]:
        """Actions of all trains."""
        ahead = step.obs[..., self.part].unflatten(-1, (-1, FEATURES))[..., :2, :]
        way = ahead[..., LATER].masked_fill(ahead[..., REAL] == 0, torch.inf)
        action = torch.where(way[..., 1] < way[..., 0], RIGHT, LEFT)
        if not self.wait:
            return action
        chosen = ahead.gather(-2, action[..., None, None].expand(*action.shape, 1, FEATURES))
        return torch.where(chosen[..., 0, AGAINST] > 0, STOP, action)
