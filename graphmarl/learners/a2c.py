"""Advantage actor-critic: the on-policy learner without what makes it PPO."""

from __future__ import annotations

from typing import Any

from graphmarl.learners.ppo import PPO
from graphmarl.nn import AgentNetwork


class A2C(PPO):
    """A2C (Mnih et al. 2016): one step on each trajectory, and advantages as they are.

    Args:
        network: policy and value of every agent.
        gamma: discount.
        gae_lambda: lambda of the advantage; 1 is the return less the value.
        clip_range: None; a number makes the policy's steps those of PPO.
        epochs: times that each trajectory is seen.
        minibatch_size: agent slots in each optimiser step; the default takes most trajectories
            whole.
        normalize_advantage: shift and scale the advantages of a trajectory to mean 0 and variance
            1.
        reward_scale: factor on every reward before learning.
        final_learning_rate: share of the learning rate that is left at the end of the run.
        final_entropy_coef: share of the entropy bonus that is left at the end of the run.
        learner: other arguments of `PPO`.
    """

    def __init__(
        self,
        network: AgentNetwork,
        *,
        gamma: float = 0.99,
        gae_lambda: float = 1.0,
        clip_range: float | None = None,
        epochs: int = 1,
        minibatch_size: int = 16_384,
        normalize_advantage: bool = False,
        reward_scale: float = 1.0,
        final_learning_rate: float = 1.0,
        final_entropy_coef: float = 1.0,
        **learner: Any,
    ) -> None:
        super().__init__(
            network,
            gamma=gamma,
            gae_lambda=gae_lambda,
            clip_range=clip_range,
            epochs=epochs,
            minibatch_size=minibatch_size,
            normalize_advantage=normalize_advantage,
            reward_scale=reward_scale,
            final_learning_rate=final_learning_rate,
            final_entropy_coef=final_entropy_coef,
            **learner,
        )
