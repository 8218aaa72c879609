"""MADDPG: Lowe et al. 2017, "Multi-Agent Actor-Critic for Mixed ... Environments"."""

from __future__ import annotations

from typing import Any

from graphmarl.learners import DDPG
from graphmarl.nn import Actor, ConcatCritic
from graphmarl.step import Spec


class MADDPG(DDPG):
    """Actors of their own observation under a critic of everybody's observations and actions.

    Reads no edges; the number of agents is fixed by the critic, though not by the actors. Unlike
    the paper, and as in the comparison of PIC, all agents share an actor and a critic.

    Args:
        spec: shapes of the environment.
        hidden: width of every layer.
        learner: arguments of `DDPG` and `OffPolicy`.
    """

    def __init__(self, spec: Spec, hidden: int = 128, **learner: Any) -> None:
        actor = Actor(spec.obs_size, spec.num_actions, spec.action, hidden=hidden)
        critic = ConcatCritic(spec.obs_size, spec.num_actions, spec.num_agents, hidden)
        super().__init__(actor, critic, **learner)


class MADDPGS(MADDPG):
    """MADDPG whose critic reads the agents in a new random order in each batch (as in PIC).

    Args:
        spec: shapes of the environment.
        hidden: width of every layer.
        shuffle: draw an order for each batch.
        learner: arguments of `DDPG` and `OffPolicy`.
    """

    def __init__(self, spec: Spec, hidden: int = 128, shuffle: bool = True, **learner: Any) -> None:
        super().__init__(spec, hidden, shuffle=shuffle, **learner)
