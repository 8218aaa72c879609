"""Learning from a replay, with target networks: what all off-policy learners share."""

from __future__ import annotations

import copy
from abc import abstractmethod
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import clip_grad_norm_

from graphmarl.checks import check_at_least, check_between, check_positive
from graphmarl.data import Replay, Trajectory
from graphmarl.learners.base import Learner, approach
from graphmarl.nn import AgentNetwork, Output
from graphmarl.step import Spec


class OffPolicy(Learner):
    """Keeps what is played and learns from batches of it; targets follow the trained modules.

    Args:
        network: what acts.
        learning_rate: of the optimiser.
        optimizer: `adam`, or `rmsprop` with the settings of PyMARL.
        target: `hard` copies the online modules every `target_update_interval` updates; `soft`
            moves the targets by the share `tau` in each update.
        target_update_interval: updates between hard copies.
        tau: share of a soft update.
        buffer_size: steps over all copies that are kept.
        batch_size: transitions or episodes in each update.
        sample: learn from single `transition`s, or from whole `episode`s; None is the former but
            for networks with memory, which need the latter.
        gradient_steps: updates for each trajectory that was played.
        learning_starts: steps that are played before the first update.
        max_grad_norm: largest norm of the gradient, of each part that is clipped by itself.
        half_precision: keep observations in half precision.
        rollout_length: steps of each trajectory.

    Raises:
        ValueError: a network with memory is to learn from single transitions, or a number is out of
            range.
    """

    measures: tuple[str, ...] = ()
    """Names of the losses, in order."""

    def __init__(
        self,
        network: AgentNetwork,
        *,
        learning_rate: float = 3e-3,
        optimizer: Literal["adam", "rmsprop"] = "adam",
        target: Literal["hard", "soft"] = "soft",
        target_update_interval: int = 200,
        tau: float = 0.01,
        buffer_size: int = 30_000,
        batch_size: int = 192,
        sample: Literal["transition", "episode"] | None = None,
        gradient_steps: int = 3,
        learning_starts: int = 1_000,
        max_grad_norm: float = 10.0,
        half_precision: bool = False,
        rollout_length: int = 8,
    ) -> None:
        super().__init__(network, rollout_length)
        if network.sequential and sample == "transition":
            raise ValueError("sample is 'transition'; a network with memory needs 'episode'")
        check_positive(tau=tau)
        check_between(0, 1, tau=tau)
        check_at_least(1, batch_size=batch_size, gradient_steps=gradient_steps)
        check_at_least(1, target_update_interval=target_update_interval)
        self.learning_rate, self.optimizer = learning_rate, optimizer
        self.target, self.target_update_interval, self.tau = target, target_update_interval, tau
        self.batch_size, self.gradient_steps = batch_size, gradient_steps
        self.max_grad_norm, self.learning_starts = max_grad_norm, learning_starts
        self.episodic = network.sequential or sample == "episode"
        self.replay = Replay(buffer_size, half_precision)
        self.targets = nn.ModuleDict()
        self.register_buffer("progress", torch.zeros(()))
        self.register_buffer("updated", torch.zeros((), dtype=torch.long))
        self.progress: Tensor
        self.updated: Tensor
        self.estimate = torch.zeros(())
        """Mean of the values that were learned in the last update."""

    def add_target(self, name: str, online: nn.Module) -> None:
        """Train a module together with the network, and let a target of it follow."""
        setattr(self, name, online)
        self.targets[name] = copy.deepcopy(online).requires_grad_(False)

    def configure_optimizers(self) -> Any:
        """The optimiser of all parameters that are not frozen."""
        trained = [p for p in self.parameters() if p.requires_grad]
        if self.optimizer == "rmsprop":
            return torch.optim.RMSprop(trained, lr=self.learning_rate, alpha=0.99, eps=1e-5)
        return torch.optim.Adam(trained, lr=self.learning_rate, eps=1e-5, fused=True)

    def update(self, trajectory: Trajectory) -> dict[str, float]:
        """Keep a trajectory and learn from what is kept; returns means over the updates."""
        self.replay.add(trajectory)
        self.progress.fill_(trajectory.progress)
        names = (*self.measures, "q", "gradient")
        means = [float("nan")] * len(names)
        if self._ready(trajectory):
            rows = [self._learn() for _ in range(self.gradient_steps)]
            means = torch.stack(rows).mean(0).tolist()
        return dict(zip(names, means, strict=True))

    def _ready(self, trajectory: Trajectory) -> bool:
        """Whether enough was played to learn from."""
        if trajectory.env_steps < self.learning_starts:
            return False
        return len(self.replay.ready()) > 0 if self.episodic else self.replay.drawable

    def _learn(self) -> Tensor:
        """One update; returns its losses, the mean value and the norm of the gradient."""
        if self.updated == 0:
            self.move_targets(1.0)
        draw = self.replay.whole_episodes if self.episodic else self.replay.transitions
        losses = self.losses(draw(self.batch_size).to(self.device))
        assert tuple(losses) == self.measures, f"losses are {tuple(losses)}, not {self.measures}"
        optimizer: Any = self.optimizers()
        optimizer.zero_grad()
        self.manual_backward(torch.stack(list(losses.values())).sum())
        norms = [clip_grad_norm_(part, self.max_grad_norm) for part in self.parts()]
        optimizer.step()
        self.updated += 1
        if self.target == "soft":
            self.move_targets(self.tau)
        elif self.updated % self.target_update_interval == 0:
            self.move_targets(1.0)
        norm = torch.stack(norms).max()
        return torch.stack([*losses.values(), self.estimate, norm]).detach()

    def parts(self) -> list[list[nn.Parameter]]:
        """Parameters whose gradients are clipped together; all of them unless a learner differs."""
        return [list(self.parameters())]

    @abstractmethod
    def losses(self, batch: Trajectory) -> dict[str, Tensor]:
        """The losses of a batch, weighted, with the names and in the order of `measures`."""

    def move_targets(self, share: float) -> None:
        """Move the targets by a share of the way to the online modules."""
        for name, target in self.targets.items():
            approach(target, getattr(self, name), share)

    def unroll(self, network: nn.Module, batch: Trajectory) -> Output:
        """Outputs of all agents of all graphs of a batch, in order."""
        assert isinstance(network, AgentNetwork), "the online network or its target"
        rows, device = batch.num_envs * batch.spec.num_agents, batch.alive.device
        if not network.sequential:
            memory = torch.zeros(rows * batch.num_steps, network.memory_size, device=device)
            return network(batch.graph(), memory)[0]
        memory = torch.zeros(rows, network.memory_size, device=device)
        parts = []
        for t in range(batch.num_steps):
            output, memory = network(batch.graph(t), memory)
            parts.append(output)
        return Output.joined(parts)

    @staticmethod
    def per_agent(batch: Trajectory, rows: Tensor | None) -> Float[Tensor, "time env agent ..."]:
        """Rows of a batch by time, environment and agent."""
        assert rows is not None, "the network gives it"
        return rows.unflatten(0, tuple(batch.alive.shape))

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """The replay is part of a run, though not of the weights."""
        checkpoint["replay"] = self.replay.state_dict()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on with the replay."""
        self.replay.load_state_dict(checkpoint["replay"])


def own_reward(
    batch: Trajectory, reward: Literal["agent", "team"]
) -> Float[Tensor, "time env agent"]:
    """What each agent is given: its own reward, or the mean over all agents."""
    if reward == "agent":
        return batch.reward
    mean = team_reward(batch) / batch.spec.num_agents
    return mean[..., None].expand_as(batch.reward)


def one_hot_action(action: Tensor, spec: Spec) -> Float[Tensor, "row action"]:
    """Actions as numbers that a critic reads: one-hot if they are discrete."""
    if spec.action == "continuous":
        return action
    return F.one_hot(action, spec.num_actions).float()


def team_reward(batch: Trajectory) -> Float[Tensor, "time env"]:
    """The sum of rewards over those who acted."""
    return torch.where(batch.acted, batch.reward, 0.0).sum(-1)
