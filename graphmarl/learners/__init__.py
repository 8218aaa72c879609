"""How a method learns: Lightning modules that know no method and no environment."""

from graphmarl.learners.base import Learner, Stage
from graphmarl.learners.on_policy import OnPolicy

__all__ = ["Learner", "OnPolicy", "Stage"]
