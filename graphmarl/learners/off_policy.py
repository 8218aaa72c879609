"""Base class of off-policy learners, with replay and target networks."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from graphmarl.data import Replay, Trajectory
from graphmarl.functional import linear
from graphmarl.functional.ranks import any_rank, gathered, num_ranks, own_part, share
from graphmarl.learners.base import Learner, polyak_update
from graphmarl.nn import AgentNetwork, Output
from graphmarl.ranges import (
    LearningRate,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    PositiveShare,
)
from graphmarl.step import Spec

PART = 2**18
"""Features of agents that are processed at once, so that they fit the cache."""


class OffPolicy(Learner):
    """Off-policy learning from a replay buffer, with target networks.

    Args:
        network: agent network.
        learning_rate: initial learning rate, annealed linearly.
        final_learning_rate: learning rate at the end of the run, relative to its start.
        optimizer: `adam`, or `rmsprop` with a smoothing of 0.99, as in PyMARL.
        optimizer_eps: term that is added to the denominator of each step; None is 1e-8 for `adam`,
            and 1e-5 for `rmsprop`, as in PyMARL. A larger one shortens steps along small gradients.
        target: `hard` copies the online network every `target_update_interval` updates; `soft`
            makes a Polyak update with `tau` after each update.
        target_update_interval: updates between hard target updates.
        tau: coefficient of soft target updates.
        buffer_size: capacity of the replay in steps over all copies.
        batch_size: transitions or episodes per update.
        sample: `transition` samples single transitions, `episode` whole episodes; None samples
            episodes for recurrent networks, which need them, and else transitions.
        gradient_steps: updates per trajectory.
        learning_starts: environment steps before the first update.
        max_grad_norm: maximum gradient norm, clipped per parameter group.
        half_precision: store observations in half precision.
        rollout_length: steps per trajectory.

    Raises:
        ValueError: a recurrent network with single transitions, or a number out of range.
    """

    loss_names: tuple[str, ...] = ()
    """Names of the losses, in order."""

    def __init__(
        self,
        network: AgentNetwork,
        *,
        learning_rate: LearningRate = 3e-3,
        final_learning_rate: NonNegativeFloat = 1.0,
        optimizer: Literal["adam", "rmsprop"] = "adam",
        optimizer_eps: PositiveFloat | None = None,
        target: Literal["hard", "soft"] = "soft",
        target_update_interval: PositiveInt = 200,
        tau: PositiveShare = 0.01,
        buffer_size: PositiveInt = 30_000,
        batch_size: PositiveInt = 192,
        sample: Literal["transition", "episode"] | None = None,
        gradient_steps: PositiveInt = 3,
        learning_starts: NonNegativeInt = 1_000,
        max_grad_norm: PositiveFloat = 10.0,
        half_precision: bool = False,
        rollout_length: PositiveInt = 8,
    ) -> None:
        super().__init__(network, rollout_length)
        if network.sequential and sample == "transition":
            raise ValueError("sample is 'transition'; a network with memory needs 'episode'")
        self.learning_rate, self.optimizer = learning_rate, optimizer
        self.final_learning_rate = final_learning_rate
        self.optimizer_eps = optimizer_eps or (1e-8 if optimizer == "adam" else 1e-5)
        self.target, self.target_update_interval, self.tau = target, target_update_interval, tau
        self.batch_size, self.gradient_steps = batch_size, gradient_steps
        self.max_grad_norm, self.learning_starts = max_grad_norm, learning_starts
        self.episodic = network.sequential or sample == "episode"
        self.replay = Replay(share("buffer_size", buffer_size), half_precision)
        self.targets = nn.ModuleDict()
        self.register_buffer("progress", torch.zeros(()))
        self.register_buffer("updated", torch.zeros((), dtype=torch.long))
        self.progress: Tensor
        self.updated: Tensor
        self.estimate = torch.zeros(())
        """Mean Q-value of the last update."""

    def add_target(self, name: str, online: nn.Module) -> None:
        """Register a trained module together with its target network."""
        setattr(self, name, online)
        self.targets[name] = copy.deepcopy(online).requires_grad_(False)

    def configure_optimizers(self) -> Any:
        """Optimiser of all parameters that are not frozen."""
        trained = [p for p in self.parameters() if p.requires_grad]
        settings: dict[str, Any] = {"lr": self.learning_rate, "eps": self.optimizer_eps}
        if self.optimizer == "rmsprop":
            return torch.optim.RMSprop(trained, alpha=0.99, foreach=True, **settings)
        return torch.optim.Adam(trained, fused=True, **settings)

    def update(self, trajectory: Trajectory) -> dict[str, float]:
        """Store a trajectory and train on the replay; returns mean metrics of the updates."""
        self.replay.add(trajectory)
        self.progress.fill_(trajectory.progress)
        names = (*self.loss_names, "q", "gradient")
        means = [float("nan")] * len(names)
        self.updated_last = self._ready(trajectory)
        if self.updated_last:
            self.anneal()
            rows = [self._learn() for _ in range(self.gradient_steps)]
            means = torch.stack(rows).mean(0).tolist()
        return dict(zip(names, means, strict=True))

    def rows_at_once(self, batch: Trajectory) -> int:
        """Rows that a linear layer takes at once in training."""
        return share("batch_size", self.batch_size) * batch.spec.num_agents

    def anneal(self) -> None:
        """Set the learning rate to its current value."""
        if self.final_learning_rate != 1:
            decay = linear(1, self.final_learning_rate, float(self.progress))
            optimizer: Any = self.optimizers()
            for group in optimizer.param_groups:
                group["lr"] = self.learning_rate * decay

    def _ready(self, trajectory: Trajectory) -> bool:
        """Whether the replay holds enough data to train."""
        if trajectory.env_steps < self.learning_starts:
            return False
        drawable = len(self.replay.ready()) > 0 if self.episodic else self.replay.drawable
        return not any_rank(not drawable)

    def _learn(self) -> Tensor:
        """One update; returns its losses, the mean Q-value and the gradient norm."""
        if self.updated == 0:
            self.update_targets(1.0)
        draw = self.replay.whole_episodes if self.episodic else self.replay.transitions
        found: dict[str, Tensor] = {}
        terms = self._terms(draw(share("batch_size", self.batch_size)).to(self.device), found)
        norm = self.optimise(self.optimizers(), terms, self.max_grad_norm, self._clipped)
        self.updated += 1
        if self.target == "soft":
            self.update_targets(self.tau)
        elif self.updated % self.target_update_interval == 0:
            self.update_targets(1.0)
        return torch.stack([*found.values(), norm]).detach()

    def _terms(self, batch: Trajectory, found: dict[str, Tensor]) -> Iterator[Tensor]:
        """The loss of a batch, in parts that fit the cache; adds to the metrics found."""
        for part in self.parts(batch):
            losses = self.losses_of_part(part, batch)
            assert tuple(losses) == self.loss_names, (
                f"losses are {tuple(losses)}, not {self.loss_names}"
            )
            for name, value in {**losses, "q": self.estimate}.items():
                found[name] = found.get(name, 0.0) + value.detach()
            yield torch.stack(list(losses.values())).sum()

    @property
    def divisible(self) -> bool:
        """Whether `losses_of_part` takes a part of a batch; by default not."""
        return False

    def parts(self, batch: Trajectory) -> list[Trajectory]:
        """A batch in parts whose losses are computed one after the other.

        Args:
            batch: the sampled steps.
        """
        count = batch.num_envs * batch.spec.num_agents * self.network.width // PART
        if count < 2 or not self.divisible or num_ranks() > 1:
            return [batch]
        numbers = torch.arange(batch.num_envs, device=batch.alive.device)
        return [batch.part(envs) for envs in numbers.chunk(count)]

    def losses_of_part(self, batch: Trajectory, whole: Trajectory) -> dict[str, Tensor]:
        """Terms of the losses that belong to a part of a batch.

        Learners that are `divisible` override it.

        Args:
            batch: the part.
            whole: the whole batch, over which means are taken.
        """
        assert batch is whole, "only divisible learners take a part"
        return self.losses(batch)

    @cached_property
    def _clipped(self) -> list[list[nn.Parameter]]:
        """The groups of `clip_groups`, whose search would take longer than to clip them."""
        return [[p for p in group if p.requires_grad] for group in self.clip_groups()]

    @cached_property
    def _pairs(self) -> tuple[Sequence[Tensor], Sequence[Tensor]]:
        """Parameters of all target networks, and those of the online networks."""
        targets = [p for name in self.targets for p in self.targets[name].parameters()]
        online = [p for name in self.targets for p in getattr(self, name).parameters()]
        return targets, online

    def clip_groups(self) -> list[list[nn.Parameter]]:
        """Parameter groups whose gradient norms are clipped separately; by default a single one."""
        return [list(self.parameters())]

    @abstractmethod
    def losses(self, batch: Trajectory) -> dict[str, Tensor]:
        """Weighted losses of a batch, with the names and order of `loss_names`."""

    def update_targets(self, tau: float) -> None:
        """Polyak update of all target networks; tau = 1 copies the online networks."""
        polyak_update(*self._pairs, tau)

    def unroll(self, network: nn.Module, batch: Trajectory) -> Output:
        """Outputs of a network for all agents and steps of a batch, in order."""
        assert isinstance(network, AgentNetwork), "the online network or its target"
        graph, rows = batch.graph(), batch.num_envs * batch.spec.num_agents
        if network.sequential:
            memory = batch.reward.new_zeros(rows, network.memory_size)
            return network.unroll(graph, memory, batch.num_steps)
        memory = batch.reward.new_zeros(rows * batch.num_steps, network.memory_size)
        return network(graph, memory)[0]

    @staticmethod
    def per_agent(batch: Trajectory, rows: Tensor | None) -> Float[Tensor, "time env agent ..."]:
        """Reshape rows to (time, environment, agent)."""
        assert rows is not None, "the network gives it"
        return rows.unflatten(0, tuple(batch.alive.shape))

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Save the replay, which is not part of the weights."""
        checkpoint["replay"] = gathered(self.replay.state_dict())

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restore the replay."""
        self.replay.load_state_dict(own_part(checkpoint["replay"]))


def own_reward(
    batch: Trajectory, reward: Literal["agent", "team"]
) -> Float[Tensor, "time env agent"]:
    """Reward of each agent: its own, or the mean over all agents.

    Args:
        batch: trajectory.
        reward: `agent` or `team`.
    """
    if reward == "agent":
        return batch.reward
    mean = team_reward(batch) / batch.spec.num_agents
    return mean[..., None].expand_as(batch.reward)


def one_hot_action(action: Tensor, spec: Spec) -> Float[Tensor, "*axes action"]:
    """Actions as critic inputs: one-hot if they are discrete."""
    if spec.action == "continuous":
        return action
    return F.one_hot(action, spec.num_actions).float()


def team_reward(batch: Trajectory) -> Float[Tensor, "time env"]:
    """Sum of rewards over the agents that acted."""
    return torch.where(batch.acted, batch.reward, 0.0).sum(-1)
