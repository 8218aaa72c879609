"""Advantage actor-critic."""

from __future__ import annotations

from typing import Any

from graphmarl.learners.ppo import PPO
from graphmarl.nn import AgentNetwork
from graphmarl.ranges import NonNegativeFloat, PositiveFloat, PositiveInt, UnitInterval


class A2C(PPO):
    """Advantage actor-critic (A2C: Mnih et al. 2016): PPO with one epoch and no clipping.

    Args:
        network: actor-critic of every agent.
        gamma: discount.
        gae_lambda: lambda of generalised advantage estimation; 1 is the return minus the value.
        clip_range: clip range of the probability ratio, as in PPO; None for no clipping.
        epochs: epochs over each trajectory.
        minibatch_size: agent slots per optimiser step; the default fits most trajectories, so that
            there is one step per trajectory.
        normalize_advantage: standardise the advantages of each trajectory.
        reward_scale: factor on all rewards.
        final_learning_rate: learning rate at the end of the run, relative to its start.
        final_entropy_coef: entropy coefficient at the end of the run, relative to its start.
        learner: other arguments of `PPO`.
    """

    def __init__(
        self,
        network: AgentNetwork,
        *,
        gamma: UnitInterval = 0.99,
        gae_lambda: UnitInterval = 1.0,
        clip_range: PositiveFloat | None = None,
        epochs: PositiveInt = 1,
        minibatch_size: PositiveInt = 16_384,
        normalize_advantage: bool = False,
        reward_scale: PositiveFloat = 1.0,
        final_learning_rate: NonNegativeFloat = 1.0,
        final_entropy_coef: NonNegativeFloat = 1.0,
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
