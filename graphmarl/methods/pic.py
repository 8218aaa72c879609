"""PIC: Liu et al. 2019, "PIC: Permutation Invariant Critic for Multi-Agent Deep RL"."""

from __future__ import annotations

from typing import Any

from graphmarl.learners import DDPG
from graphmarl.methods.base import Method
from graphmarl.nn import Actor, Encoder, PooledCritic
from graphmarl.ranges import Layers, Width
from graphmarl.step import Spec


class PIC(Method, DDPG):
    """MADDPG with a permutation-invariant graph-convolutional critic.

    The critic takes any number of agents. Unlike the paper, it runs on the agent graph, which is
    complete in the paper.

    Args:
        spec: specification of the environment.
        hidden: width of every layer.
        layers: number of graph convolutions of the critic.
        normalise: divide each convolution by the number of agents, as in the paper's code.
        encoder: `mlp` reads flattened observations, `cnn` reads pictures by convolutions first, of
            which the actor shares those of the critic.
        learner: arguments of `DDPG` and `OffPolicy`.
    """

    default_graph = "complete"
    continuous = True
    pictures = "option"

    def __init__(
        self,
        spec: Spec,
        hidden: Width = 128,
        layers: Layers = 2,
        normalise: bool = True,
        encoder: Encoder = "mlp",
        **learner: Any,
    ) -> None:
        self.check_spec(spec)
        obs_size = self.observed(spec, encoder)
        actor = Actor(obs_size, spec.num_actions, spec.action, hidden=hidden)
        critic = PooledCritic(
            obs_size, spec.num_actions, len(spec.kinds), hidden, layers, normalise=normalise
        )
        super().__init__(actor, critic, **learner)
        if encoder == "cnn":
            self.share_encoder()
