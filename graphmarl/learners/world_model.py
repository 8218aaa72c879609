"""Learning to act in a world model that is learned as well."""

from __future__ import annotations

from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.utils import clip_grad_norm_
from torch_geometric.data import Data

from graphmarl.data import Replay, Trajectory
from graphmarl.functional import clipped_surrogate, masked_mean, masked_standardise
from graphmarl.learners.base import Learner
from graphmarl.learners.imagination import Dream, dream
from graphmarl.learners.sequences import Sequences, hearing_over, model_losses, unroll
from graphmarl.nn import Cliques, LatentAgent, LatentCritic

POLICY = ("policy_loss", "value_loss", "entropy", "imagined_return", "imagined_life")


class WorldModelLearner(Learner):
    """A world model learns from a replay, and a policy by PPO in what it imagines (MAMBA).

    Learning comes in rounds, one for each `every` environment steps: updates of the model, then
    updates of the policy, each on a dream of its own.

    Args:
        network: world model and policy.
        critic: values in imagination.
        model_rate: learning rate of the world model.
        actor_rate: learning rate of the policy.
        critic_rate: learning rate of the values.
        weight_decay: of policy and values.
        max_gradient: largest norm of the gradient of each of the three.
        balance: share of the prior's training in the divergence; 0.5 is none.
        information: weight of the loss by which a state tells its previous action; 0 is none.
        masked_training: train and imagine over the edges that were used in play; otherwise everyone
            hears everyone there, as in the paper's code.
        horizon: steps that are imagined.
        gamma: discount.
        gae_lambda: lambda of the returns.
        reward: in imagination, `team` pays everyone the mean over agents, `agent` each its own.
        reward_scale: factor on every reward before learning.
        clip: clip range of the probability ratio.
        entropy: weight of the entropy bonus.
        entropy_decay: factor on it with each minibatch.
        epochs: times that each dream is seen.
        minibatch: joint states in each step of the policy.
        every: environment steps between rounds; in the paper about an episode.
        model_updates: of the model in each round.
        agent_updates: of the policy in each round.
        batch: sequences in each update.
        length: states in each sequence.
        replay: steps over all copies that are kept.
        warmup: environment steps before the first round.
        rollout: steps of each trajectory.

    Raises:
        ValueError: a number out of range.
    """

    network: LatentAgent

    def __init__(
        self,
        network: LatentAgent,
        critic: LatentCritic,
        *,
        model_rate: float = 2e-4,
        actor_rate: float = 5e-4,
        critic_rate: float = 5e-4,
        weight_decay: float = 1e-5,
        max_gradient: float = 100.0,
        balance: float = 0.8,
        information: float = 1.0,
        masked_training: bool = False,
        horizon: int = 15,
        gamma: float = 0.99,
        gae_lambda: float = 0.95,
        reward: Literal["team", "agent"] = "team",
        reward_scale: float = 1.0,
        clip: float = 0.2,
        entropy: float = 1e-3,
        entropy_decay: float = 0.99998,
        epochs: int = 5,
        minibatch: int = 2000,
        every: int = 30,
        model_updates: int = 60,
        agent_updates: int = 4,
        batch: int = 40,
        length: int = 20,
        replay: int = 250_000,
        warmup: int = 500,
        rollout: int = 10,
    ) -> None:
        super().__init__(network, rollout)
        whole = {"horizon": horizon, "epochs": epochs, "minibatch": minibatch, "every": every}
        whole |= {"model_updates": model_updates, "agent_updates": agent_updates, "batch": batch}
        _check(balance, reward, length, **whole)
        self.critic = critic
        self.rates = (model_rate, actor_rate, critic_rate)
        self.weight_decay, self.max_gradient = weight_decay, max_gradient
        self.balance, self.information = balance, information
        self.masked_training = masked_training
        self.horizon, self.gamma, self.gae_lambda = horizon, gamma, gae_lambda
        self.reward: Literal["team", "agent"] = reward
        self.reward_scale = reward_scale
        self.clip, self.entropy, self.entropy_decay = clip, entropy, entropy_decay
        self.epochs, self.minibatch = epochs, minibatch
        self.every, self.warmup = every, warmup
        self.model_updates, self.agent_updates = model_updates, agent_updates
        self.batch, self.length = batch, length
        self.replay = Replay(replay)
        self.register_buffer("rounds", torch.zeros((), dtype=torch.long))
        self.register_buffer("minibatches", torch.zeros((), dtype=torch.long))
        self.rounds: Tensor
        self.minibatches: Tensor

    def configure_optimizers(self) -> Any:
        """One optimiser for the model, one for the policy, one for the values."""
        model, actor, critic = self.rates
        decay = self.weight_decay
        return [
            torch.optim.Adam(self.network.model.parameters(), lr=model, fused=True),
            torch.optim.Adam(
                self.network.actor.parameters(), lr=actor, weight_decay=decay, fused=True
            ),
            torch.optim.Adam(self.critic.parameters(), lr=critic, weight_decay=decay, fused=True),
        ]

    def act(
        self, graph: Data, memory: Float[Tensor, "row memory"], greedy: bool = False
    ) -> tuple[Tensor, dict[str, Tensor], Float[Tensor, "row memory"]]:
        """Draw from posterior and policy, or take the mode of both."""
        output, memory = self.network.see(graph, memory, sample=not greedy)
        policy = output.distribution
        assert policy is not None, "an actor has a policy"
        return policy.mode if greedy else policy.sample(), {}, memory

    def training_step(self, batch: Trajectory, batch_idx: int) -> None:
        """One trajectory; the parts of an update are timed one by one."""
        self.metrics = self.update(batch)

    def update(self, trajectory: Trajectory) -> dict[str, float]:
        """Keep a trajectory and learn in the rounds that are due; returns means over them."""
        with self.timer.part("replay"):
            self.replay.add(trajectory)
        names = (*self.measures(), "gradient", *POLICY)
        rows = []
        while self._due(trajectory):
            model = torch.stack([self._learn_model() for _ in range(self.model_updates)])
            policy = torch.stack([self._learn_policy() for _ in range(self.agent_updates)])
            rows.append(torch.cat([model.mean(0), policy.mean(0)]))
            self.rounds += 1
        means = torch.stack(rows).mean(0).tolist() if rows else [float("nan")] * len(names)
        return dict(zip(names, means, strict=True))

    def measures(self) -> list[str]:
        """Names of the losses of the model, in order."""
        legal = ["available"] if self.network.model.available is not None else []
        return ["kl", "observation", "reward", "discount", *legal] + (
            ["information"] if self.information else []
        )

    def _due(self, trajectory: Trajectory) -> bool:
        """Whether a round is due by the number of environment steps."""
        played = trajectory.env_steps - self.warmup
        enough = self.replay.added - self.replay.oldest >= self.length
        return played >= 0 and enough and int(self.rounds) <= played // self.every

    def _draw(self) -> Trajectory:
        """A batch of sequences."""
        batch = self.replay.sequences(self.batch, self.length).to(self.device)
        batch.reward = batch.reward * self.reward_scale
        return batch

    def _learn_model(self) -> Tensor:
        """One update of the world model; returns its losses and the norm of the gradient."""
        with self.timer.part("replay"):
            seq = Sequences.of(self._draw(), self.masked_training)
        with self.timer.part("model"):
            model = self.network.model
            known = unroll(model, seq, drop=True)
            losses = model_losses(model, seq, known, self.balance, self.information)
            each = torch.stack(list(losses.values()))
            norm = self._step(0, each.sum(), list(model.parameters()))
        return torch.cat([each.detach(), norm[None]])

    def _step(self, number: int, loss: Tensor, parameters: list[torch.nn.Parameter]) -> Tensor:
        """One step of one of the optimisers; returns the norm of the gradient."""
        optimizer = self.optimizers()[number]  # type: ignore[index]
        optimizer.zero_grad()
        self.manual_backward(loss)
        norm = clip_grad_norm_(parameters, self.max_gradient)
        optimizer.step()
        return norm

    def _learn_policy(self) -> Tensor:
        """One update of policy and values: a dream, and several epochs over it."""
        imagined = self.imagine()
        with self.timer.part("policy"):
            advantage = masked_standardise(imagined.target - imagined.value, imagined.alive)
            units = imagined.alive.any(-1).nonzero().flatten()
            rows = []
            for _ in range(self.epochs):
                order = units[torch.randperm(len(units)).to(units.device)]
                rows += [
                    self._minibatch(imagined, advantage, x) for x in order.split(self.minibatch)
                ]
            life = imagined.alive.float().mean()
            seen = torch.stack([masked_mean(imagined.target, imagined.alive), life])
        return torch.cat([torch.stack(rows).mean(0), seen])

    def imagine(self) -> Dream:
        """Play in the model, from all states of a batch from which something followed."""
        with self.timer.part("replay"):
            batch = self._draw()
            seq = Sequences.of(batch, self.masked_training)
        with self.timer.part("imagination"), torch.no_grad():
            features = unroll(self.network.model, seq).latent.features
            features = features.unflatten(1, (-1, seq.num_agents)).flatten(0, 1)
            pick = seq.start.flatten().nonzero().flatten()
            alive = seq.alive.flatten(0, 1)[pick]
            hearing = hearing_over(batch, pick) if self.masked_training else Cliques.living(alive)
            return dream(
                self.network,
                self.critic,
                features[pick],
                alive,
                hearing,
                self.horizon,
                self.gamma,
                self.gae_lambda,
                self.reward,
            )

    def _minibatch(self, imagined: Dream, advantage: Tensor, pick: Tensor) -> Tensor:
        """One step of policy and values on some joint states."""
        features, alive = imagined.features[pick], imagined.alive[pick]
        available = None if imagined.available is None else imagined.available[pick]
        policy = self.network.policy(features, available)
        log_ratio = policy.log_prob(imagined.action[pick]) - imagined.log_prob[pick]
        gain = masked_mean(clipped_surrogate(log_ratio, advantage[pick], self.clip), alive)
        entropy = masked_mean(policy.entropy(), alive)
        bonus = self.entropy * self.entropy_decay ** int(self.minibatches)
        self._step(1, -gain - bonus * entropy, list(self.network.actor.parameters()))
        error = (self.critic(features, alive) - imagined.target[pick]) ** 2
        error = 0.5 * masked_mean(error, alive)
        self._step(2, error, list(self.critic.parameters()))
        self.minibatches += 1
        return torch.stack([-gain, error, entropy]).detach()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """The replay is part of a run, though not of the weights."""
        checkpoint["replay"] = self.replay.state_dict()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on with the replay."""
        self.replay.load_state_dict(checkpoint["replay"])


def _check(balance: float, reward: str, length: int, **whole: int) -> None:
    """Refuse numbers out of range."""
    for name, number in whole.items():
        if number < 1:
            raise ValueError(f"{name} is {number}; allowed are 1 and more")
    if length < 2:
        raise ValueError(f"length is {length}; allowed are 2 and more, for a transition")
    if not 0 <= balance <= 1:
        raise ValueError(f"balance is {balance}; allowed is 0 to 1")
    if reward not in ("team", "agent"):
        raise ValueError(f"reward is {reward!r}; allowed are 'team' and 'agent'")
