"""Learners: the training algorithms, as Lightning modules."""

from graphmarl.learners.a2c import A2C
from graphmarl.learners.base import Learner, Stage, polyak_update
from graphmarl.learners.ddpg import DDPG
from graphmarl.learners.dreamer import Dreamer
from graphmarl.learners.off_policy import OffPolicy, team_reward
from graphmarl.learners.ppo import PPO, Reward
from graphmarl.learners.q_learning import QLearning
from graphmarl.learners.sac import SAC

__all__ = [
    "A2C",
    "DDPG",
    "Learner",
    "OffPolicy",
    "PPO",
    "Reward",
    "SAC",
    "Stage",
    "QLearning",
    "Dreamer",
    "polyak_update",
    "team_reward",
]
