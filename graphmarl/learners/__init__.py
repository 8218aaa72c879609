"""How a method learns: Lightning modules that know no method and no environment."""

from graphmarl.learners.advantage import AdvantageActorCritic
from graphmarl.learners.base import Learner, Stage, approach
from graphmarl.learners.off_policy import OffPolicy, team_reward
from graphmarl.learners.on_policy import OnPolicy
from graphmarl.learners.value import ValueBased

__all__ = [
    "AdvantageActorCritic",
    "Learner",
    "OffPolicy",
    "OnPolicy",
    "Stage",
    "ValueBased",
    "approach",
    "team_reward",
]
