"""PIC: Liu et al. 2019, "PIC: Permutation Invariant Critic for Multi-Agent Deep RL"."""

from __future__ import annotations

from typing import Any

from graphmarl.learners import DDPG
from graphmarl.nn import Actor, PooledCritic
from graphmarl.step import Spec


class PIC(DDPG):
    """MADDPG with a critic of graph convolutions, which has no order of agents and any number.

    Unlike the paper, the critic's graph is the builder's; `complete` is the paper's.

    Args:
        spec: shapes of the environment.
        hidden: width of every layer.
        layers: graph convolutions of the critic.
        normalise: divide each of them by the number of agents, as the paper's code does.
        learner: arguments of `DDPG` and `OffPolicy`.
    """

    default_graph = "complete"

    def __init__(
        self,
        spec: Spec,
        hidden: int = 128,
        layers: int = 2,
        normalise: bool = True,
        **learner: Any,
    ) -> None:
        if layers < 1:
            raise ValueError(f"layers is {layers}; allowed are 1 and more convolutions")
        actor = Actor(spec.obs_size, spec.num_actions, spec.action, hidden=hidden)
        critic = PooledCritic(
            spec.obs_size, spec.num_actions, len(spec.kinds), hidden, layers, normalise=normalise
        )
        super().__init__(actor, critic, **learner)
