"""Scripted baseline of Flatland."""

from __future__ import annotations

import torch
from jaxtyping import Int
from torch import Tensor

from graphmarl.envs.flatland.environment import Flatland
from graphmarl.envs.flatland.tree import FEATURES
from graphmarl.step import Step

LEFT, RIGHT, STOP = 0, 1, 2
# Features of a node: exists, distance to the target through its end, an oncoming train.
REAL, LATER, AGAINST = 0, 5, 8


class ShortestPath:
    """Shortest-path baseline: depart at once and take the branch with the shorter path.

    Uses only the tree observation: of the one or two segments ahead, the one with the shorter
    path to the target through its end; the left one of equal ones.

    Args:
        env: environment to act in.
        wait: stop before a segment with an oncoming train.
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
