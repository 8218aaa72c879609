"""Learning a world model from a replay, in rounds between which a policy learns in it."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_

from graphmarl.checks import check_at_least, check_between
from graphmarl.data import Replay, Trajectory
from graphmarl.learners.base import Learner
from graphmarl.learners.sequences import RewardLoss, Sequences, model_losses, unroll
from graphmarl.nn import LatentAgent

PARTS = ("replay", "model", "imagination", "policy")
"""Of an update, as they are timed."""


class ModelBased(Learner):
    """A world model that learns from sequences of a replay (MAMBA, Section 4).

    Learning comes in rounds, one for each `train_interval` environment steps, over all copies, so
    that the work for a step depends on no number of copies: updates of the model, then of the
    policy.

    Args:
        network: world model and policy.
        model_learning_rate: learning rate of the world model.
        max_grad_norm: largest norm of the gradient of each part.
        kl_coef: weight of the divergence, which is a mean over categoricals: with 32 of them, 1 is
            the sum divided by 32.
        kl_balance: share of the prior's training in the divergence; 0.5 is none.
        information_coef: weight of the loss by which a state tells its previous action; 0 is none.
        reward_loss: `smooth_l1` as in the paper's code, or half the `squared` error, the -ln p of
            its text. Only the latter predicts the mean of what may come: the former comes near the
            median, for which a win that is less likely than not is worth little.
        masked_training: train and imagine over the edges that were used in play; otherwise everyone
            hears everyone there, as in the paper's code.
        reward_scale: factor on every reward before learning.
        train_interval: environment steps between rounds; in the paper about an episode.
        model_gradient_steps: of the model in each round.
        policy_gradient_steps: of the policy in each round.
        batch_size: sequences in each update.
        sequence_length: states in each sequence.
        buffer_size: steps over all copies that are kept.
        learning_starts: environment steps before the first round.
        rollout_length: steps of each trajectory.

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
        model_learning_rate: float = 2e-4,
        max_grad_norm: float = 100.0,
        kl_coef: float = 1.0,
        kl_balance: float = 0.8,
        information_coef: float = 1.0,
        reward_loss: RewardLoss = "smooth_l1",
        masked_training: bool = False,
        reward_scale: float = 1.0,
        train_interval: int = 30,
        model_gradient_steps: int = 60,
        policy_gradient_steps: int = 4,
        batch_size: int = 40,
        sequence_length: int = 20,
        buffer_size: int = 250_000,
        learning_starts: int = 500,
        rollout_length: int = 10,
    ) -> None:
        super().__init__(network, rollout_length)
        updates = {"model_gradient_steps": model_gradient_steps}
        updates |= {"policy_gradient_steps": policy_gradient_steps}
        check_at_least(1, train_interval=train_interval, batch_size=batch_size, **updates)
        check_at_least(2, sequence_length=sequence_length)
        check_between(0, 1, kl_balance=kl_balance)
        self.model_learning_rate, self.max_grad_norm = model_learning_rate, max_grad_norm
        self.weights = (kl_coef, kl_balance, information_coef)
        self.reward_loss: RewardLoss = reward_loss
        self.masked_training, self.reward_scale = masked_training, reward_scale
        self.train_interval, self.learning_starts = train_interval, learning_starts
        self.model_gradient_steps = model_gradient_steps
        self.policy_gradient_steps = policy_gradient_steps
        self.batch_size, self.sequence_length = batch_size, sequence_length
        self.replay = Replay(buffer_size)
        self.register_buffer("rounds", torch.zeros((), dtype=torch.long))
        self.rounds: Tensor

    def configure_optimizers(self) -> Any:
        """One optimiser for the model; those of the policy follow it."""
        return [
            torch.optim.Adam(
                self.network.model.parameters(), lr=self.model_learning_rate, fused=True
            )
        ]

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
            model = torch.stack([self.learn_model() for _ in range(self.model_gradient_steps)])
            policy = torch.stack([self.learn_policy() for _ in range(self.policy_gradient_steps)])
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
        played = trajectory.env_steps - self.learning_starts
        enough = self.replay.added - self.replay.oldest >= self.sequence_length
        return played >= 0 and enough and int(self.rounds) <= played // self.train_interval

    def draw(self) -> tuple[Trajectory, Sequences]:
        """A batch of sequences, as it was played and as the model learns from it."""
        with self.timer.part("replay"):
            batch = self.replay.sequences(self.batch_size, self.sequence_length).to(self.device)
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
        norm = clip_grad_norm_(parameters, self.max_grad_norm)
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
