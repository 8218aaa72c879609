"""Skirmish: SMAC-style combat in batched tensors."""

from graphmarl.envs.skirmish.environment import Skirmish
from graphmarl.envs.skirmish.maps import MAPS

__all__ = ["MAPS", "Skirmish"]
