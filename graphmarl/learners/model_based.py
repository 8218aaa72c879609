"""Learning a world model from a replay, in rounds between which a policy learns in it."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_

from graphmarl.data import Replay, Trajectory
from graphmarl.learners.base import Learner
from graphmarl.learners.sequences import RewardLoss, Sequences, model_losses, unroll
from graphmarl.nn import LatentAgent

PARTS = ("replay", "model", "imagination", "policy")
"""Of an update, as they are timed."""


class ModelBased(Learner):
    """A world model that learns from sequences of a replay (MAMBA, Section 4).

    Learning comes in rounds, one for each `every` environment steps, over all copies, so that the
    work for a step depends on no number of copies: updates of the model, then of the policy.

    Args:
        network: world model and policy.
        model_rate: learning rate of the world model.
        max_gradient: largest norm of the gradient of each part.
        kl: weight of the divergence, which is a mean over categoricals: with 32 of them, 1 is the
            sum divided by 32.
        balance: share of the prior's training in the divergence; 0.5 is none.
        information: weight of the loss by which a state tells its previous action; 0 is none.
        reward_loss: `smooth_l1` as in the paper's code, or half the `squared` error, the -ln p of
            its text. Only the latter predicts the mean of what may come: the former comes near the
            median, for which a win that is less likely than not is worth little.
        masked_training: train and imagine over the edges that were used in play; otherwise everyone
            hears everyone there, as in the paper's code.
        reward_scale: factor on every reward before learning.
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
    policy_measures: tuple[str, ...] = ()
    """Names of what the update of a policy says, in order."""

    def __init__(
        self,
        network: LatentAgent,
        *,
        model_rate: float = 2e-4,
        max_gradient: float = 100.0,
        kl: float = 1.0,
        balance: float = 0.8,
        information: float = 1.0,
        reward_loss: RewardLoss = "smooth_l1",
        masked_training: bool = False,
        reward_scale: float = 1.0,
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
        check_whole(every=every, model_updates=model_updates, agent_updates=agent_updates)
        check_whole(2, length=length)
        check_whole(batch=batch)
        if not 0 <= balance <= 1:
            raise ValueError(f"balance is {balance}; allowed is 0 to 1")
        self.model_rate, self.max_gradient = model_rate, max_gradient
        self.weights = (kl, balance, information)
        self.reward_loss: RewardLoss = reward_loss
        self.masked_training, self.reward_scale = masked_training, reward_scale
        self.every, self.warmup = every, warmup
        self.model_updates, self.agent_updates = model_updates, agent_updates
        self.batch, self.length = batch, length
        self.replay = Replay(replay)
        self.register_buffer("rounds", torch.zeros((), dtype=torch.long))
        self.rounds: Tensor

    def configure_optimizers(self) -> Any:
        """One optimiser for the model; those of the policy follow it."""
        return [torch.optim.Adam(self.network.model.parameters(), lr=self.model_rate, fused=True)]

    def training_step(self, batch: Trajectory, batch_idx: int) -> None:
        """One trajectory; the parts of an update are timed one by one."""
        for part in PARTS:  # a table of times has all its columns from its first line
            self.timer.seconds.setdefault(part, 0.0)
        self.metrics = self.update(batch)

    def update(self, trajectory: Trajectory) -> dict[str, float]:
        """Keep a trajectory and learn in the rounds that are due; returns means over them."""
        with self.timer.part("replay"):
            self.replay.add(trajectory)
        rows = []
        while self._due(trajectory):
            model = torch.stack([self.learn_model() for _ in range(self.model_updates)])
            policy = torch.stack([self.learn_policy() for _ in range(self.agent_updates)])
            rows.append(torch.cat([model.mean(0), policy.mean(0)]))
            self.rounds += 1
        names = (*self.model_measures(), "gradient", *self.policy_measures)
        means = torch.stack(rows).mean(0).tolist() if rows else [float("nan")] * len(names)
        return dict(zip(names, means, strict=True))

    def model_measures(self) -> list[str]:
        """Names of the losses of the model, in order."""
        legal = ["available"] if self.network.model.available is not None else []
        told = ["information"] if self.weights[2] else []
        return ["kl", "observation", "reward", "discount", *legal, *told]

    def _due(self, trajectory: Trajectory) -> bool:
        """Whether a round is due by the number of environment steps."""
        played = trajectory.env_steps - self.warmup
        enough = self.replay.added - self.replay.oldest >= self.length
        return played >= 0 and enough and int(self.rounds) <= played // self.every

    def draw(self) -> tuple[Trajectory, Sequences]:
        """A batch of sequences, as it was played and as the model learns from it."""
        with self.timer.part("replay"):
            batch = self.replay.sequences(self.batch, self.length).to(self.device)
            batch.reward = batch.reward * self.reward_scale
            return batch, Sequences.of(batch, self.masked_training)

    def learn_model(self) -> Tensor:
        """One update of the world model; returns its losses and the norm of the gradient."""
        _, seq = self.draw()
        with self.timer.part("model"):
            model = self.network.model
            known = unroll(model, seq, drop=True)
            losses = model_losses(model, seq, known, *self.weights, self.reward_loss)
            each = torch.stack(list(losses.values()))
            norm = self.step(0, each.sum(), list(model.parameters()))
        return torch.cat([each.detach(), norm[None]])

    def step(self, number: int, loss: Tensor, parameters: list[torch.nn.Parameter]) -> Tensor:
        """One step of one of the optimisers; returns the norm of the gradient."""
        optimizer = self.optimizers()[number]  # type: ignore[index]
        optimizer.zero_grad()
        self.manual_backward(loss)
        norm = clip_grad_norm_(parameters, self.max_gradient)
        optimizer.step()
        return norm

    @abstractmethod
    def learn_policy(self) -> Tensor:
        """One update of the policy in the model; returns what `policy_measures` names."""

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """The replay is part of a run, though not of the weights."""
        checkpoint["replay"] = self.replay.state_dict()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on with the replay."""
        self.replay.load_state_dict(checkpoint["replay"])


def check_whole(least: int = 1, /, **numbers: int) -> None:
    """Refuse numbers below the least.

    Raises:
        ValueError: says which number came and what is allowed.
    """
    for name, number in numbers.items():
        if number < least:
            raise ValueError(f"{name} is {number}; allowed are {least} and more")
