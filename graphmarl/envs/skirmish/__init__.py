"""Combat of two armies by the rules of SMAC, in batched tensors."""

from graphmarl.envs.skirmish.environment import Skirmish
from graphmarl.envs.skirmish.maps import MAPS

__all__ = ["MAPS", "Skirmish"]
