"""Proximal policy optimisation in what a world model imagines."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch_geometric.data import Data

from graphmarl.functional import clipped_surrogate, masked_mean, masked_standardise
from graphmarl.learners.imagination import Dream, Legal, Paid, dream
from graphmarl.learners.model_based import ModelBased, check_whole
from graphmarl.learners.sequences import hearing_over, unroll
from graphmarl.nn import Cliques, LatentAgent, LatentCritic


class WorldModelLearner(ModelBased):
    """A policy and values that learn by PPO from imagined play alone (MAMBA, Section 4).

    Each update of the policy has a dream of its own: some steps from every state of a batch of
    sequences from which something followed.

    Args:
        network: world model and policy.
        critic: values in imagination.
        actor_rate: learning rate of the policy.
        critic_rate: learning rate of the values.
        weight_decay: of policy and values.
        starts: joint states at most from which a dream begins, drawn at random; 0 for all.
        horizon: steps that are imagined.
        gamma: discount.
        gae_lambda: lambda of the returns.
        reward: in imagination, `team` pays everyone the mean over agents, `agent` each its own;
            `team_to_end` pays the mean even after one's death, until nobody goes on, so that it is
            worth dying for.
        legal: in imagination, legal actions are `drawn` from their predicted probabilities, or the
            ones that are `likely`, of 1/2 and more, so that a policy does not count on being able
            to do now and then what cannot be done.
        standardise: shift and scale the advantages of a dream to mean 0 and variance 1, as the
            paper's code does on SMAC but not on Flatland, where in most dreams nothing happens.
        clip: clip range of the probability ratio.
        entropy: weight of the entropy bonus.
        entropy_decay: factor on it with each minibatch.
        epochs: times that each dream is seen.
        minibatch: joint states in each step of the policy.
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
        actor_rate: float = 5e-4,
        critic_rate: float = 5e-4,
        weight_decay: float = 1e-5,
        starts: int = 0,
        horizon: int = 15,
        gamma: float = 0.99,
        gae_lambda: float = 0.95,
        reward: Paid = "team",
        legal: Legal = "drawn",
        standardise: bool = True,
        clip: float = 0.2,
        entropy: float = 1e-3,
        entropy_decay: float = 0.99998,
        epochs: int = 5,
        minibatch: int = 2000,
        **model: Any,
    ) -> None:
        super().__init__(network, **model)
        check_whole(horizon=horizon, epochs=epochs, minibatch=minibatch)
        check_whole(0, starts=starts)
        self.critic = critic
        self.actor_rate, self.critic_rate = actor_rate, critic_rate
        self.weight_decay = weight_decay
        self.starts, self.horizon = starts, horizon
        self.gamma, self.gae_lambda = gamma, gae_lambda
        self.reward: Paid = reward
        self.legal: Legal = legal
        self.standardise = standardise
        self.clip, self.entropy, self.entropy_decay = clip, entropy, entropy_decay
        self.epochs, self.minibatch = epochs, minibatch
        self.register_buffer("minibatches", torch.zeros((), dtype=torch.long))
        self.minibatches: Tensor

    def configure_optimizers(self) -> Any:
        """One optimiser each for the model, the policy and the values."""
        rates = ((self.network.actor, self.actor_rate), (self.critic, self.critic_rate))
        decay = self.weight_decay
        return super().configure_optimizers() + [
            torch.optim.Adam(part.parameters(), lr=rate, weight_decay=decay, fused=True)
            for part, rate in rates
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
            if self.standardise:
                advantage = masked_standardise(advantage, imagined.alive)
            units = imagined.alive.any(-1).nonzero().flatten()
            rows = []
            for _ in range(self.epochs):
                order = units[torch.randperm(len(units)).to(units.device)]
                rows += [self._learn(imagined, advantage, x) for x in order.split(self.minibatch)]
            life = imagined.alive.float().mean()
            seen = torch.stack([masked_mean(imagined.target, imagined.alive), life])
        return torch.cat([torch.stack(rows).mean(0), seen])

    @torch.no_grad()
    def imagine(self) -> Dream:
        """Play in the model, from states of a batch from which something followed."""
        batch, seq = self.draw()
        with self.timer.part("imagination"):
            features = unroll(self.network.model, seq).latent.features
            features = features.unflatten(1, (-1, seq.num_agents)).flatten(0, 1)
            pick = seq.start.flatten().nonzero().flatten()
            if self.starts:
                pick = pick[torch.randperm(len(pick)).to(pick.device)[: self.starts]]
            alive = seq.alive.flatten(0, 1)[pick]
            masked = self.masked_training
            hearing = hearing_over(batch, pick) if masked else Cliques.living(alive)
            start = features[pick], alive, hearing
            returns = self.gamma, self.gae_lambda, self.reward, self.legal
            return dream(self.network, self.critic, *start, self.horizon, *returns)

    def _learn(self, imagined: Dream, advantage: Tensor, pick: Tensor) -> Tensor:
        """One step of policy and values on some joint states."""
        features, alive = imagined.features[pick], imagined.alive[pick]
        available = None if imagined.available is None else imagined.available[pick]
        policy = self.network.policy(features, available)
        log_ratio = policy.log_prob(imagined.action[pick]) - imagined.log_prob[pick]
        gain = masked_mean(clipped_surrogate(log_ratio, advantage[pick], self.clip), alive)
        entropy = masked_mean(policy.entropy(), alive)
        bonus = self.entropy * self.entropy_decay ** int(self.minibatches)
        self.step(1, -gain - bonus * entropy, list(self.network.actor.parameters()))
        error = (self.critic(features, alive) - imagined.target[pick]) ** 2
        error = 0.5 * masked_mean(error, alive)
        self.step(2, error, list(self.critic.parameters()))
        self.minibatches += 1
        return torch.stack([-gain, error, entropy]).detach()
