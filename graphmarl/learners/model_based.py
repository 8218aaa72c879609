"""Base class of learners with a world model trained from replay."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, Any

import torch
from torch import Tensor

from graphmarl.agent_graph import scaled
from graphmarl.data import Replay, Trajectory
from graphmarl.functional.ranks import (
    any_rank,
    gathered,
    mean_metrics,
    own_part,
    share,
)
from graphmarl.learners.base import Learner
from graphmarl.learners.sequences import PredictionLoss, Sequences, model_losses, unroll
from graphmarl.nn import LatentAgent
from graphmarl.ranges import (
    LearningRate,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    Range,
    UnitInterval,
)

PARTS = ("replay", "model", "imagination", "policy")
"""Timed parts of an update."""


class ModelBased(Learner):
    """Training of a world model on replayed sequences (MAMBA, Section 4).

    One round of training follows every `train_interval` environment steps, counted over all copies:
    gradient steps of the model, then of the policy. The training per environment step does not
    depend on the number of copies.

    Args:
        network: world model and policy.
        model_learning_rate: learning rate of the world model.
        max_grad_norm: maximum gradient norm of each optimiser.
        kl_coef: weight of the KL divergence, which is averaged over categoricals: with 32 of them,
            1 is the sum divided by 32.
        kl_balance: weight of the gradient to the prior in the KL divergence; 0.5 weighs prior and
            posterior alike.
        information_coef: weight of the loss that predicts the previous action; 0 for none.
        reward_loss: `smooth_l1` as in the paper's code, or half the `squared` error, the -ln p of
            its text. Only the latter predicts the mean reward: the former tends to the median,
            which is low for a win of probability below 1/2.
        observation_loss: the same choice for observations, whose errors are summed over entries.
        masked_training: train and imagine on the edges of the replayed graphs instead of complete
            graphs, which are used in the paper's code.
        absorbing: dead agents stay in the messages until the episode ends and are trained on, as in
            the paper's code; not with `masked_training`.
        reward_scale: factor on all rewards.
        train_interval: environment steps between rounds; in the paper about an episode.
        model_gradient_steps: gradient steps of the model per round.
        policy_gradient_steps: policy updates per round.
        batch_size: sequences per update.
        sequence_length: states per sequence.
        buffer_size: capacity of the replay in steps over all copies.
        learning_starts: environment steps before the first round.
        rollout_length: steps per trajectory.

    Raises:
        ValueError: a number out of range.
    """

    network: LatentAgent
    policy_metric_names: tuple[str, ...] = ()
    """Names of the metrics of `learn_policy`, in order."""

    def __init__(
        self,
        network: LatentAgent,
        *,
        model_learning_rate: LearningRate = 2e-4,
        max_grad_norm: PositiveFloat = 100.0,
        kl_coef: NonNegativeFloat = 1.0,
        kl_balance: UnitInterval = 0.8,
        information_coef: NonNegativeFloat = 1.0,
        reward_loss: PredictionLoss = "smooth_l1",
        observation_loss: PredictionLoss = "smooth_l1",
        masked_training: bool = False,
        absorbing: bool = False,
        reward_scale: PositiveFloat = 1.0,
        train_interval: PositiveInt = 30,
        model_gradient_steps: PositiveInt = 60,
        policy_gradient_steps: PositiveInt = 4,
        batch_size: PositiveInt = 40,
        sequence_length: Annotated[int, Range(low=2, high=10_000)] = 20,
        buffer_size: PositiveInt = 250_000,
        learning_starts: NonNegativeInt = 500,
        rollout_length: PositiveInt = 10,
    ) -> None:
        super().__init__(network, rollout_length)
        self.model_learning_rate, self.max_grad_norm = model_learning_rate, max_grad_norm
        self.weights = (kl_coef, kl_balance, information_coef)
        self.reward_loss: PredictionLoss = reward_loss
        self.observation_loss: PredictionLoss = observation_loss
        if masked_training and absorbing:
            raise ValueError("absorbing is True; with masked_training dead agents have no edges")
        self.absorbing = network.absorbing = absorbing
        self.masked_training, self.reward_scale = masked_training, reward_scale
        self.train_interval, self.learning_starts = train_interval, learning_starts
        self.model_gradient_steps = model_gradient_steps
        self.policy_gradient_steps = policy_gradient_steps
        self.batch_size, self.sequence_length = batch_size, sequence_length
        self.replay = Replay(share("buffer_size", buffer_size))
        self.register_buffer("rounds", torch.zeros((), dtype=torch.long))
        self.rounds: Tensor

    def configure_optimizers(self) -> Any:
        """Optimiser of the world model, followed by those of the policy."""
        return [
            torch.optim.Adam(
                self.network.model.parameters(), lr=self.model_learning_rate, fused=True
            )
        ]

    def training_step(self, batch: Trajectory, batch_idx: int) -> None:
        """Train on one trajectory, with separate timing of the parts."""
        for part in PARTS:  # the table of times needs all columns in its first row
            self.timer.seconds.setdefault(part, 0.0)
        with self.training_context(batch):
            self.metrics = mean_metrics(self.update(batch))

    def update(self, trajectory: Trajectory) -> dict[str, float]:
        """Store a trajectory and train for all rounds that are due; returns mean metrics."""
        with self.timer.part("replay"):
            self.replay.add(trajectory)
            if self.network.model.moments is not None:
                self.network.model.moments.update(
                    scaled(trajectory.obs).flatten(3)[trajectory.alive]
                )
        rows = []
        while self._due(trajectory):
            model = torch.stack([self.learn_model() for _ in range(self.model_gradient_steps)])
            policy = torch.stack([self.learn_policy() for _ in range(self.policy_gradient_steps)])
            rows.append(torch.cat([model.mean(0), policy.mean(0)]))
            self.rounds += 1
        names = (*self.model_loss_names(), "gradient", *self.policy_metric_names)
        self.updated_last = bool(rows)
        means = torch.stack(rows).mean(0).tolist() if rows else [float("nan")] * len(names)
        return dict(zip(names, means, strict=True))

    def rows_at_once(self, batch: Trajectory) -> int:
        """Rows that a linear layer takes at once in training."""
        return share("batch_size", self.batch_size) * batch.spec.num_agents

    def model_loss_names(self) -> list[str]:
        """Names of the world model losses, in order."""
        available = ["available"] if self.network.model.available is not None else []
        information = ["information"] if self.weights[2] else []
        return ["kl", "observation", "reward", "discount", *available, *information]

    def _due(self, trajectory: Trajectory) -> bool:
        """Whether a round of training is due."""
        steps = trajectory.env_steps - self.learning_starts
        enough = self.replay.added - self.replay.oldest >= self.sequence_length
        enough = not any_rank(not enough)
        return steps >= 0 and enough and int(self.rounds) <= steps // self.train_interval

    def draw(self) -> tuple[Trajectory, Sequences]:
        """Sample a batch of sequences, as a trajectory and as model inputs."""
        with self.timer.part("replay"):
            count = share("batch_size", self.batch_size)
            batch = self.replay.sequences(count, self.sequence_length).to(self.device)
            batch.reward = batch.reward * self.reward_scale
            return batch, Sequences.of(batch, self.masked_training, self.absorbing)

    def learn_model(self) -> Tensor:
        """One gradient step of the world model; returns its losses and gradient norm."""
        _, seq = self.draw()
        with self.timer.part("model"):
            model = self.network.model
            unrolled = unroll(model, seq, drop=True)
            kinds = self.reward_loss, self.observation_loss
            losses = model_losses(model, seq, unrolled, *self.weights, *kinds)
            each = torch.stack(list(losses.values()))
            norm = self.step(0, each.sum(), list(model.parameters()))
        return torch.cat([each.detach(), norm[None]])

    def step(self, number: int, loss: Tensor, parameters: list[torch.nn.Parameter]) -> Tensor:
        """One step of an optimiser, by its index; returns the gradient norm."""
        optimizer = self.optimizers()[number]  # type: ignore[index]
        return self.optimise(optimizer, loss, self.max_grad_norm, [parameters])

    @abstractmethod
    def learn_policy(self) -> Tensor:
        """One update of the policy in imagination; returns its `policy_metric_names`."""

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Save the replay, which is not part of the weights."""
        checkpoint["replay"] = gathered(self.replay.state_dict())

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restore the replay."""
        self.replay.load_state_dict(own_part(checkpoint["replay"]))
