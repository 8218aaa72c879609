"""Base classes of learners and of pre-training stages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from lightning.pytorch import LightningModule
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_
from torch_geometric.data import Data

from graphmarl.checks import Checked
from graphmarl.data import Timer, Trajectory
from graphmarl.functional.products import fast_products
from graphmarl.functional.ranks import average_gradients, mean_metrics, shared_means
from graphmarl.nn import AgentNetwork

EVALUATION = "evaluation/"
"""What the names of logged metrics of an evaluation begin with."""


class Learner(Checked, LightningModule):
    """Base class of all methods: an agent network and its training algorithm.

    Args:
        network: agent network.
        rollout_length: steps per trajectory.

    Attributes:
        metrics: metrics of the last training step, by name.
        updated_last: whether the last training step made an update; off-policy learners first
            collect data.
        timer: time spent in training steps.
        evaluation: metrics of the last evaluation, by name.
    """

    default_graph: str = "none"
    """Default graph builder of a run, as an argument of `make_graph`."""

    def __init__(self, network: AgentNetwork, rollout_length: int) -> None:
        super().__init__()
        self.network = network
        self.rollout_length = rollout_length
        self.metrics: dict[str, float] = {}
        self.updated_last = True
        self.timer = Timer()
        self.evaluation: dict[str, float] = {}
        self.automatic_optimization = False

    @classmethod
    def graph_for(cls, options: Mapping[str, Any]) -> str:
        """Default graph builder of a run with some options of the method.

        Args:
            options: options that were given.
        """
        return cls.default_graph

    @property
    def memory_size(self) -> int:
        """Size of the recurrent memory per agent."""
        return self.network.memory_size

    def stages(self) -> list[Stage]:
        """Pre-training stages, in order."""
        return []

    def act(
        self, graph: Data, memory: Float[Tensor, "row memory"], greedy: bool = False
    ) -> tuple[Tensor, dict[str, Tensor], Float[Tensor, "row memory"]]:
        """Action of each row, tensors to store with it, and the next memory.

        Args:
            graph: agent graph.
            memory: recurrent memory of each agent.
            greedy: act greedily instead of by the exploration policy.
        """
        raise NotImplementedError(f"{type(self).__name__} does not implement `act`")

    def last_value(
        self, graph: Data, memory: Float[Tensor, "row memory"]
    ) -> Float[Tensor, " row"] | None:
        """Bootstrap value of each row at the end of a trajectory; None if not needed."""
        return None

    def update(self, trajectory: Trajectory) -> dict[str, float]:
        """Train on a trajectory; returns metrics."""
        raise NotImplementedError(f"{type(self).__name__} does not implement `update`")

    def training_step(self, batch: Trajectory, batch_idx: int) -> None:
        """Train on one trajectory."""
        with self.timer.part("update"), self.training_context(batch):
            self.metrics = mean_metrics(self.update(batch))

    @contextmanager
    def training_context(self, batch: Trajectory) -> Iterator[None]:
        """What holds in a training step: means over all processes, and fast matrix products.

        Args:
            batch: the trajectory.
        """
        with shared_means(), fast_products(self.rows_at_once(batch), self.network.width):
            yield

    def rows_at_once(self, batch: Trajectory) -> int:
        """Rows that a linear layer takes at once in training.

        Args:
            batch: the trajectory.
        """
        return batch.num_envs * batch.spec.num_agents

    def optimise(
        self,
        optimizer: Any,
        loss: Tensor | Iterable[Tensor],
        max_grad_norm: float,
        groups: Sequence[Iterable[nn.Parameter]],
    ) -> Tensor:
        """One step of an optimiser; returns the largest gradient norm.

        Gradients are averaged over the processes that train the run, then clipped.

        Args:
            optimizer: the optimiser.
            loss: what is minimised, or its terms, each of which is computed when the gradient of
                the one before has been added.
            max_grad_norm: maximum gradient norm of each group.
            groups: parameters whose gradient norms are clipped separately.
        """
        optimizer.zero_grad()
        for term in [loss] if isinstance(loss, Tensor) else loss:
            self.manual_backward(term)
        average_gradients(p for group in optimizer.param_groups for p in group["params"])
        norms = [clip_grad_norm_(group, max_grad_norm) for group in groups]
        optimizer.step()
        return torch.stack(norms).max()

    def validation_step(self, batch: Mapping[str, float], batch_idx: int) -> None:
        """Keep and log the metrics of an evaluation."""
        self.evaluation = {name: x for name, x in batch.items() if name != "env_steps"}
        named = {f"{EVALUATION}{name}": x for name, x in self.evaluation.items()}
        self.log_metrics(named, int(batch["env_steps"]))

    def log_metrics(self, metrics: Mapping[str, float], env_steps: int) -> None:
        """Log metrics, for Lightning's loggers and for callbacks that monitor one of them.

        The step of the loggers is the number of environment steps. A metric that is not known yet,
        as the return before the end of the first episode, is left out. Lightning's `log_dict` would
        do the same, but takes longer than a small update.

        Args:
            metrics: metrics by name.
            env_steps: environment steps so far.
        """
        known = {name: float(value) for name, value in metrics.items() if value == value}
        tensors = {name: torch.tensor(value) for name, value in known.items()}
        self.trainer.callback_metrics.update(tensors)
        for logger in self.trainer.loggers:
            logger.log_metrics(known, env_steps)


@torch.no_grad()
def polyak_update(targets: Sequence[Tensor], online: Sequence[Tensor], tau: float) -> None:
    """Polyak update of the parameters of a target network: target <- (1 - tau) target + tau online.

    Args:
        targets: parameters of the target network.
        online: those of the online network, in the same order.
        tau: coefficient.
    """
    if targets:
        torch._foreach_lerp_(list(targets), list(online), tau)  # type: ignore[attr-defined]


class Stage(LightningModule):
    """Base class of pre-training stages, trained on episodes of a random policy.

    Args:
        name: name of its checkpoint in the run folder.
        episodes: number of random episodes.
        copies: episodes per optimiser step.
        epochs: epochs over the episodes.
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
        """Check the data before training, and initialise from it.

        Raises:
            ValueError: data that the stage cannot be trained on.
        """
        return

    def loss(self, trajectory: Trajectory) -> tuple[Tensor, dict[str, Tensor]]:
        """Loss of a batch of episodes, and metrics."""
        raise NotImplementedError(f"{type(self).__name__} has no loss")

    def training_step(self, batch: Trajectory, batch_idx: int) -> Tensor:
        """One optimiser step."""
        loss, metrics = self.loss(batch)
        self.metrics = {name: float(value) for name, value in metrics.items()}
        self.log_dict({f"{self.name}/{name}": value for name, value in self.metrics.items()})
        return loss

    def configure_optimizers(self) -> Any:
        """Adam on all parameters."""
        return torch.optim.Adam([p for p in self.parameters() if p.requires_grad], lr=2e-3)
