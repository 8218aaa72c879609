"""An environment that breaks its promise after a while, and a builder that does nothing."""

import torch
from toy import Toy

from graphmarl.graphs import NoEdges
from graphmarl.step import Step


class Broken(Toy):
    """Pays NaN in the third step."""

    def step(self, action: torch.Tensor) -> Step:
        step = super().step(action)
        return step.replace(reward=step.reward / 0 * 0) if (step.time == 3).any() else step


class Ring(NoEdges):
    """A builder from outside the library."""
