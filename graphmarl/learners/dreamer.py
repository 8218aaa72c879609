"""PPO on rollouts imagined by a world model."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch_geometric.data import Data

from graphmarl.functional import clipped_surrogate, masked_mean, masked_standardise
from graphmarl.functional.ranks import minibatches, share
from graphmarl.learners.imagination import (
    ImaginedActions,
    ImaginedReward,
    ImaginedRollout,
    imagine_rollout,
)
from graphmarl.learners.model_based import ModelBased
from graphmarl.learners.sequences import adjacency_over, unroll
from graphmarl.nn import BlockMask, LatentAgent, LatentCritic, action_log_prob, choose_action
from graphmarl.ranges import (
    LearningRate,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    PositiveShare,
    UnitInterval,
)


class Dreamer(ModelBased):
    """PPO on rollouts imagined by a world model (MAMBA, Section 4).

    Each policy update imagines a new rollout of a fixed horizon from the non-terminal states of a
    batch of sequences.

    Args:
        network: world model and policy.
        critic: value of latent states.
        actor_learning_rate: learning rate of the policy.
        critic_learning_rate: learning rate of the critic.
        weight_decay: weight decay of the policy.
        critic_weight_decay: weight decay of the critic; none in the paper's code.
        imagination_starts: maximum number of initial joint states of a rollout, sampled at random;
            0 for all.
        imagination_horizon: steps of an imagined rollout.
        gamma: discount.
        gae_lambda: lambda of the returns.
        reward: imagined reward: `team` is the mean over agents, `agent` each agent's own;
            `team_to_end` is the mean, which dead agents receive too until all agents have ended.
        imagined_actions: available discrete actions in imagination: `drawn` from their predicted
            probabilities, or the `likely` ones of probability 1/2 or more, so that the policy does
            not rely on actions that are rarely available.
        normalize_advantage: standardise the advantages of a rollout, as in the paper's code on SMAC
            but not on Flatland, where most imagined rollouts have no rewards.
        clip_range: clip range of the probability ratio.
        entropy_coef: weight of the entropy bonus.
        entropy_decay: factor on `entropy_coef` with each minibatch.
        epochs: epochs over each imagined rollout.
        minibatch_size: joint states per optimiser step of policy and critic.
        model: arguments of `ModelBased`.

    Raises:
        ValueError: a number out of range.
    """

    policy_metric_names = (
        "policy_loss",
        "value_loss",
        "entropy",
        "imagined_return",
        "imagined_life",
    )

    def __init__(
        self,
        network: LatentAgent,
        critic: LatentCritic,
        *,
        actor_learning_rate: LearningRate = 5e-4,
        critic_learning_rate: LearningRate = 5e-4,
        weight_decay: NonNegativeFloat = 1e-5,
        critic_weight_decay: NonNegativeFloat = 0.0,
        imagination_starts: NonNegativeInt = 0,
        imagination_horizon: PositiveInt = 15,
        gamma: UnitInterval = 0.99,
        gae_lambda: UnitInterval = 0.95,
        reward: ImaginedReward = "team",
        imagined_actions: ImaginedActions = "drawn",
        normalize_advantage: bool = True,
        clip_range: PositiveFloat = 0.2,
        entropy_coef: NonNegativeFloat = 1e-3,
        entropy_decay: PositiveShare = 0.99998,
        epochs: PositiveInt = 5,
        minibatch_size: PositiveInt = 2000,
        **model: Any,
    ) -> None:
        super().__init__(network, **model)
        self.critic = critic
        self.learning_rates = (actor_learning_rate, critic_learning_rate)
        self.weight_decays = (weight_decay, critic_weight_decay)
        self.imagination_starts, self.imagination_horizon = imagination_starts, imagination_horizon
        self.gamma, self.gae_lambda = gamma, gae_lambda
        self.reward: ImaginedReward = reward
        self.imagined_actions: ImaginedActions = imagined_actions
        self.normalize_advantage = normalize_advantage
        self.clip_range, self.entropy_coef = clip_range, entropy_coef
        self.entropy_decay = entropy_decay
        self.epochs, self.minibatch_size = epochs, minibatch_size
        self.register_buffer("minibatches", torch.zeros((), dtype=torch.long))
        self.minibatches: Tensor

    def configure_optimizers(self) -> Any:
        """Separate optimisers of world model, policy and critic."""
        modules = (self.network.actor, self.critic)
        each = zip(modules, self.learning_rates, self.weight_decays, strict=True)
        return super().configure_optimizers() + [
            torch.optim.Adam(part.parameters(), lr=rate, weight_decay=decay, fused=True)
            for part, rate, decay in each
        ]

    def act(
        self, graph: Data, memory: Float[Tensor, "row memory"], greedy: bool = False
    ) -> tuple[Tensor, dict[str, Tensor], Float[Tensor, "row memory"]]:
        """Sample from posterior and policy, or take the mode of both."""
        output, memory = self.network(graph, memory, sample=not greedy)
        policy = output.distribution
        assert policy is not None, "an actor has a policy"
        return choose_action(policy, greedy)[0], {}, memory

    def learn_policy(self) -> Tensor:
        """One imagined rollout, and several epochs of PPO over it; returns metrics."""
        imagined = self.imagine()
        with self.timer.part("policy"):
            advantage = imagined.target - imagined.value
            if self.normalize_advantage:
                advantage = masked_standardise(advantage, imagined.alive)
            states = imagined.alive.any(-1).nonzero().flatten()
            rows = []
            for _ in range(self.epochs):
                order = states[torch.randperm(len(states)).to(states.device)]
                rows += [
                    self._update_policy(imagined, advantage, x)
                    for x in minibatches(order, self.minibatch_size)
                ]
            alive = imagined.alive.float().mean()
            rollout = torch.stack([masked_mean(imagined.target, imagined.alive), alive])
        return torch.cat([torch.stack(rows).mean(0), rollout])

    @torch.no_grad()
    def imagine(self) -> ImaginedRollout:
        """Imagine a rollout from the non-terminal states of a batch."""
        batch, seq = self.draw()
        with self.timer.part("imagination"):
            features = unroll(self.network.model, seq).latent.features
            features = features.unflatten(1, (-1, seq.num_agents)).flatten(0, 1)
            pick = seq.start.flatten().nonzero().flatten()
            if self.imagination_starts:
                count = share("imagination_starts", self.imagination_starts)
                pick = pick[torch.randperm(len(pick)).to(pick.device)[:count]]
            alive = seq.alive.flatten(0, 1)[pick] | self.absorbing
            masked = self.masked_training
            adjacency = adjacency_over(batch, pick) if masked else BlockMask.complete(alive)
            start = features[pick], alive, adjacency
            returns = self.gamma, self.gae_lambda, self.reward, self.imagined_actions
            length = self.imagination_horizon
            return imagine_rollout(
                self.network, self.critic, *start, length, *returns, self.absorbing
            )

    def _update_policy(self, imagined: ImaginedRollout, advantage: Tensor, pick: Tensor) -> Tensor:
        """One optimiser step of policy and critic on a minibatch of joint states."""
        features, alive = imagined.features[pick], imagined.alive[pick]
        available = None if imagined.available is None else imagined.available[pick]
        policy = self.network.policy(features, available)
        action = imagined.action[pick]
        log_ratio = action_log_prob(policy, action, action) - imagined.log_prob[pick]
        gain = masked_mean(clipped_surrogate(log_ratio, advantage[pick], self.clip_range), alive)
        entropy = masked_mean(policy.entropy(), alive)
        bonus = self.entropy_coef * self.entropy_decay ** int(self.minibatches)
        self.step(1, -gain - bonus * entropy, list(self.network.actor.parameters()))
        error = (self.critic(features, alive) - imagined.target[pick]) ** 2
        error = 0.5 * masked_mean(error, alive)
        self.step(2, error, list(self.critic.parameters()))
        self.minibatches += 1
        return torch.stack([-gain, error, entropy]).detach()
