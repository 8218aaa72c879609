"""Whole episodes of a uniformly random policy, the data of pre-training stages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from lightning.pytorch import LightningDataModule
from torch.utils.data import DataLoader, IterableDataset

from graphmarl.agent_graph import Edges
from graphmarl.data.acting import Builder, PolicyRunner, RandomPolicy
from graphmarl.data.gate import StepGate
from graphmarl.data.moves import stack_steps
from graphmarl.data.trajectory import Trajectory
from graphmarl.step import Environment


class RandomEpisodes(LightningDataModule):
    """Episodes of random actions, B at a time, in a new order in every epoch.

    After the end of an episode its agents are dead, so that no loss includes later steps.
    Observations are kept in half precision. They stay on the CPU; each trajectory moves to the
    device of the stage when it is trained on.

    Args:
        env: B environment copies; B episodes make one trajectory.
        builder: builds the agent graph of each step.
        episodes: minimum number of episodes.
        seed: seed of the episodes and of their order.
    """

    def __init__(self, env: Environment, builder: Builder, episodes: int, seed: int = 0) -> None:
        super().__init__()
        self.env, self.builder, self.episodes, self.seed = env, builder, episodes, seed
        self.trajectories: list[Trajectory] = []
        self.epoch = 0

    def setup(self, stage: str) -> None:
        """Collect the episodes, once."""
        generator = torch.Generator().manual_seed(self.seed)
        while len(self.trajectories) * self.env.num_envs < self.episodes:
            seed = int(torch.randint(2**31, (), generator=generator))
            self.trajectories.append(self._play(seed, generator))

    @torch.no_grad()
    def _play(self, seed: int, generator: torch.Generator) -> Trajectory:
        """One episode of each environment copy."""
        spec, policy = self.env.spec, RandomPolicy(self.env.spec, generator)
        runner = PolicyRunner(spec, self.env.num_envs, policy, self.builder)
        gate = StepGate(self.env, policy.device)
        step = gate.reset(seed)
        running = torch.ones(self.env.num_envs, dtype=torch.bool)
        steps, nexts, edges, actions = [], [], [], []
        while running.any():
            step = step.replace(alive=step.alive & running[:, None])
            graph = runner.observe(step)
            action, _ = runner.act()
            after = gate.step(action)
            pictures = step.obs.dtype == torch.uint8
            steps.append(step if pictures else step.replace(obs=step.obs.half()))
            nexts.append(after)
            edges.append(Edges.of(graph, spec.num_agents))
            actions.append(action)
            running = running & ~after.done
            step = after
        return Trajectory(
            spec=spec,
            edges=Edges.stack(edges),
            action=torch.stack(actions),
            memory=torch.zeros(self.env.num_envs * spec.num_agents, 0),
            **stack_steps(steps, nexts),
        )

    def train_dataloader(self) -> DataLoader:
        """All trajectories in a new order."""
        return DataLoader(_Shuffled(self), batch_size=None)

    def transfer_batch_to_device(
        self, batch: Trajectory, device: torch.device, dataloader_idx: int
    ) -> Trajectory:
        """Move a trajectory to a device."""
        return batch.to(device)

    def state_dict(self) -> dict[str, Any]:
        """Number of epochs that have begun."""
        return {"epoch": self.epoch}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue with the next epoch."""
        self.epoch = state_dict["epoch"]


class _Shuffled(IterableDataset):
    """Has a length, so that Lightning knows when an epoch ends."""

    def __init__(self, data: RandomEpisodes) -> None:
        self.data = data

    def __len__(self) -> int:
        return len(self.data.trajectories)

    def __iter__(self) -> Iterator[Trajectory]:
        # An epoch depends on its number alone, so an interrupted stage goes on as it would have.
        torch.manual_seed(self.data.seed + 10_000 * (self.data.epoch + 1))
        self.data.epoch += 1
        for index in torch.randperm(len(self)).tolist():
            yield self.data.trajectories[index]
