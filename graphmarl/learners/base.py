"""What every learner is to those who train and evaluate it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from lightning.pytorch import LightningModule
from torch import Tensor, nn
from torch_geometric.data import Data

from graphmarl.data import Timer, Trajectory
from graphmarl.nn import AgentNetwork


class Learner(LightningModule):
    """A network and how it is trained; the base of every method.

    Attributes:
        metrics: numbers of the last training step, by name.
        timer: seconds of the training steps.
        rollout_length: steps of each trajectory that it trains on.
    """

    default_graph: str = "none"
    """Builder that a run gets unless it names another, as `make_graph` reads it."""

    def __init__(self, network: AgentNetwork, rollout_length: int) -> None:
        super().__init__()
        self.network = network
        self.rollout_length = rollout_length
        self.metrics: dict[str, float] = {}
        self.timer = Timer()
        self.automatic_optimization = False

    @property
    def memory_size(self) -> int:
        """Numbers of memory per agent."""
        return self.network.memory_size

    def stages(self) -> list[Stage]:
        """What is to be trained before the learner itself, in order."""
        return []

    def act(
        self, graph: Data, memory: Float[Tensor, "row memory"], greedy: bool = False
    ) -> tuple[Tensor, dict[str, Tensor], Float[Tensor, "row memory"]]:
        """Action of each row, what to store with it, and the next memory.

        Args:
            graph: the agents and who hears whom.
            memory: memory of each agent.
            greedy: take the best action instead of one from the exploring policy.
        """
        raise NotImplementedError(f"{type(self).__name__} does not say how to act")

    def last_value(
        self, graph: Data, memory: Float[Tensor, "row memory"]
    ) -> Float[Tensor, " row"] | None:
        """Value of each row where a trajectory is cut off; None if the learner needs none."""
        return None

    def update(self, trajectory: Trajectory) -> dict[str, float]:
        """Train on a trajectory; returns the metrics."""
        raise NotImplementedError(f"{type(self).__name__} does not say how to learn")

    def training_step(self, batch: Trajectory, batch_idx: int) -> None:
        """One trajectory, as Lightning calls it."""
        with self.timer.part("update"):
            self.metrics = self.update(batch)


@torch.no_grad()
def approach(target: nn.Module, online: nn.Module, share: float) -> None:
    """Move a target network by a share of the way to the one that is trained; 1 copies it."""
    for theirs, ours in zip(target.parameters(), online.parameters(), strict=True):
        theirs.lerp_(ours, share)


class Stage(LightningModule):
    """Something that is trained on random episodes before the learner that owns its modules.

    Args:
        name: name of its checkpoint in the run folder.
        episodes: random episodes to train on.
        copies: episodes in each optimiser step.
        epochs: times that each episode is seen.
        given: checkpoint to load instead of training.
    """

    def __init__(
        self, name: str, episodes: int, copies: int, epochs: int, given: Path | None = None
    ) -> None:
        super().__init__()
        self.name, self.episodes, self.copies, self.epochs = name, episodes, copies, epochs
        self.given = given
        self.metrics: dict[str, float] = {}

    def start(self, trajectories: list[Trajectory]) -> None:
        """Look at the data before training, to check it or to set what depends on it.

        Raises:
            ValueError: the stage cannot learn from such data.
        """
        return

    def loss(self, trajectory: Trajectory) -> tuple[Tensor, dict[str, Tensor]]:
        """Loss of some episodes, and metrics."""
        raise NotImplementedError(f"{type(self).__name__} has no loss")

    def training_step(self, batch: Trajectory, batch_idx: int) -> Tensor:
        """One optimiser step."""
        loss, metrics = self.loss(batch)
        self.metrics = {name: float(value) for name, value in metrics.items()}
        return loss

    def configure_optimizers(self) -> Any:
        """Adam on all parameters."""
        return torch.optim.Adam([p for p in self.parameters() if p.requires_grad], lr=2e-3)
