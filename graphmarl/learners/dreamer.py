"""Proximal policy optimisation in what a world model imagines."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch_geometric.data import Data

from graphmarl.checks import check_at_least
from graphmarl.functional import clipped_surrogate, masked_mean, masked_standardise
from graphmarl.learners.imagination import (
    ImaginedActions,
    ImaginedReward,
    ImaginedRollout,
    imagine_rollout,
)
from graphmarl.learners.model_based import ModelBased
from graphmarl.learners.sequences import adjacency_over, unroll
from graphmarl.nn import BlockMask, LatentAgent, LatentCritic


class Dreamer(ModelBased):
    """A policy and values that learn by PPO from imagined play alone (MAMBA, Section 4).

    Each update of the policy has a dream of its own: some steps from every state of a batch of
    sequences from which something followed.

    Args:
        network: world model and policy.
        critic: values in imagination.
        actor_learning_rate: learning rate of the policy.
        critic_learning_rate: learning rate of the values.
        weight_decay: of policy and values.
        imagination_starts: joint states at most from which a dream begins, drawn at random; 0 for
            all.
        imagination_horizon: steps that are imagined.
        gamma: discount.
        gae_lambda: lambda of the returns.
        reward: in imagination, `team` pays everyone the mean over agents, `agent` each its own;
            `team_to_end` pays the mean even after one's death, until nobody goes on, so that it is
            worth dying for.
        imagined_actions: in imagination, legal actions are `drawn` from their predicted
            probabilities, or the ones that are `likely`, of 1/2 and more, so that a policy does not
            count on being able to do now and then what cannot be done.
        normalize_advantage: shift and scale the advantages of a dream to mean 0 and variance 1, as
            the paper's code does on SMAC but not on Flatland, where in most dreams nothing happens.
        clip_range: clip range of the probability ratio.
        entropy_coef: weight of the entropy bonus.
        entropy_decay: factor on it with each minibatch.
        epochs: times that each dream is seen.
        minibatch_size: joint states in each step of the policy.
        model: arguments of `ModelBased`.

    Raises:
        ValueError: a number out of range.
    """

    policy_measures = ("policy_loss", "value_loss", "entropy", "imagined_return", "imagined_life")

    def __init__(
        self,
        network: LatentAgent,
        critic: LatentCritic,
        *,
        actor_learning_rate: float = 5e-4,
        critic_learning_rate: float = 5e-4,
        weight_decay: float = 1e-5,
        imagination_starts: int = 0,
        imagination_horizon: int = 15,
        gamma: float = 0.99,
        gae_lambda: float = 0.95,
        reward: ImaginedReward = "team",
        imagined_actions: ImaginedActions = "drawn",
        normalize_advantage: bool = True,
        clip_range: float = 0.2,
        entropy_coef: float = 1e-3,
        entropy_decay: float = 0.99998,
        epochs: int = 5,
        minibatch_size: int = 2000,
        **model: Any,
    ) -> None:
        super().__init__(network, **model)
        check_at_least(
            1, imagination_horizon=imagination_horizon, epochs=epochs, minibatch_size=minibatch_size
        )
        check_at_least(0, imagination_starts=imagination_starts)
        self.critic = critic
        self.learning_rates = (actor_learning_rate, critic_learning_rate)
        self.weight_decay = weight_decay
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
        """One optimiser each for the model, the policy and the values."""
        modules, decay = (self.network.actor, self.critic), self.weight_decay
        return super().configure_optimizers() + [
            torch.optim.Adam(part.parameters(), lr=rate, weight_decay=decay, fused=True)
            for part, rate in zip(modules, self.learning_rates, strict=True)
        ]

    def act(
        self, graph: Data, memory: Float[Tensor, "row memory"], greedy: bool = False
    ) -> tuple[Tensor, dict[str, Tensor], Float[Tensor, "row memory"]]:
        """Draw from posterior and policy, or take the mode of both."""
        output, memory = self.network.see(graph, memory, sample=not greedy)
        policy = output.distribution
        assert policy is not None, "an actor has a policy"
        return policy.mode if greedy else policy.sample(), {}, memory

    def learn_policy(self) -> Tensor:
        """One update of policy and values: a dream, and several epochs over it."""
        imagined = self.imagine()
        with self.timer.part("policy"):
            advantage = imagined.target - imagined.value
            if self.normalize_advantage:
                advantage = masked_standardise(advantage, imagined.alive)
            units = imagined.alive.any(-1).nonzero().flatten()
            rows = []
            for _ in range(self.epochs):
                order = units[torch.randperm(len(units)).to(units.device)]
                rows += [
                    self._learn(imagined, advantage, x) for x in order.split(self.minibatch_size)
                ]
            life = imagined.alive.float().mean()
            seen = torch.stack([masked_mean(imagined.target, imagined.alive), life])
        return torch.cat([torch.stack(rows).mean(0), seen])

    @torch.no_grad()
    def imagine(self) -> ImaginedRollout:
        """Play in the model, from states of a batch from which something followed."""
        batch, seq = self.draw()
        with self.timer.part("imagination"):
            features = unroll(self.network.model, seq).latent.features
            features = features.unflatten(1, (-1, seq.num_agents)).flatten(0, 1)
            pick = seq.start.flatten().nonzero().flatten()
            if self.imagination_starts:
                pick = pick[torch.randperm(len(pick)).to(pick.device)[: self.imagination_starts]]
            alive = seq.alive.flatten(0, 1)[pick]
            masked = self.masked_training
            hearing = adjacency_over(batch, pick) if masked else BlockMask.living(alive)
            start = features[pick], alive, hearing
            returns = self.gamma, self.gae_lambda, self.reward, self.imagined_actions
            return imagine_rollout(
                self.network, self.critic, *start, self.imagination_horizon, *returns
            )

    def _learn(self, imagined: ImaginedRollout, advantage: Tensor, pick: Tensor) -> Tensor:
        """One step of policy and values on some joint states."""
        features, alive = imagined.features[pick], imagined.alive[pick]
        available = None if imagined.available is None else imagined.available[pick]
        policy = self.network.policy(features, available)
        log_ratio = policy.log_prob(imagined.action[pick]) - imagined.log_prob[pick]
        gain = masked_mean(clipped_surrogate(log_ratio, advantage[pick], self.clip_range), alive)
        entropy = masked_mean(policy.entropy(), alive)
        bonus = self.entropy_coef * self.entropy_decay ** int(self.minibatches)
        self.step(1, -gain - bonus * entropy, list(self.network.actor.parameters()))
        error = (self.critic(features, alive) - imagined.target[pick]) ** 2
        error = 0.5 * masked_mean(error, alive)
        self.step(2, error, list(self.critic.parameters()))
        self.minibatches += 1
        return torch.stack([-gain, error, entropy]).detach()
