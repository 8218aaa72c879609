"""Advantage actor-critic: the on-policy learner without what makes it PPO."""

from __future__ import annotations

from typing import Any

from graphmarl.learners.on_policy import OnPolicy
from graphmarl.nn import AgentNetwork


class AdvantageActorCritic(OnPolicy):
    """A2C (Mnih et al. 2016): one step on each trajectory, and advantages as they are.

    Args:
        network: policy and value of every agent.
        gamma: discount.
        gae_lambda: lambda of the advantage; 1 is the return less the value.
        clip: None; a number makes the policy's steps those of PPO.
        epochs: times that each trajectory is seen.
        minibatch: agent slots in each optimiser step; the default takes most trajectories whole.
        standardise: shift and scale the advantages of a trajectory to mean 0 and variance 1.
        reward_scale: factor on every reward before learning.
        final_learning_rate: share of the learning rate that is left at the end of the run.
        final_entropy: share of the entropy bonus that is left at the end of the run.
        learner: other arguments of `OnPolicy`.
    """

    def __init__(
        self,
        network: AgentNetwork,
        *,
        gamma: float = 0.99,
        gae_lambda: float = 1.0,
        clip: float | None = None,
        epochs: int = 1,
        minibatch: int = 16_384,
        standardise: bool = False,
        reward_scale: float = 1.0,
        final_learning_rate: float = 1.0,
        final_entropy: float = 1.0,
        **learner: Any,
    ) -> None:
        super().__init__(
            network,
            gamma=gamma,
            gae_lambda=gae_lambda,
            clip=clip,
            epochs=epochs,
            minibatch=minibatch,
            standardise=standardise,
            reward_scale=reward_scale,
            final_learning_rate=final_learning_rate,
            final_entropy=final_entropy,
            **learner,
        )
