"""How a method learns: Lightning modules that know no method and no environment."""

from graphmarl.learners.advantage import AdvantageActorCritic
from graphmarl.learners.base import Learner, Stage, approach
from graphmarl.learners.deterministic import Deterministic
from graphmarl.learners.off_policy import OffPolicy, team_reward
from graphmarl.learners.on_policy import OnPolicy, Reward
from graphmarl.learners.soft_actor_critic import SoftActorCritic
from graphmarl.learners.value import ValueBased
from graphmarl.learners.world_model import WorldModelLearner

__all__ = [
    "AdvantageActorCritic",
    "Deterministic",
    "Learner",
    "OffPolicy",
    "OnPolicy",
    "Reward",
    "SoftActorCritic",
    "Stage",
    "ValueBased",
    "WorldModelLearner",
    "approach",
    "team_reward",
]
