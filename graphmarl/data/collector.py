"""Collection of trajectories in batched environments, as a Lightning data module."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Protocol, runtime_checkable

import torch
from lightning.pytorch import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset
from torch_geometric.data import Data

from graphmarl.agent_graph import Edges, RepeatedEdges, agent_graph
from graphmarl.data.acting import Builder, Policy, PolicyRunner
from graphmarl.data.gate import StepGate
from graphmarl.data.moves import Move, device_random_state, stack_steps
from graphmarl.data.timer import Timer
from graphmarl.data.trajectory import Trajectory
from graphmarl.functional.ranks import broadcast, gathered, own_part, sum_over_ranks
from graphmarl.step import Environment, Step


@runtime_checkable
class TrainedPolicy(Policy, Protocol):
    """A policy that can be asked for the value after the last transition of a trajectory."""

    def last_value(self, graph: Data, memory: Tensor) -> Tensor | None:
        """Value of each row where a trajectory is cut off; None if the learner needs none."""
        ...


class Collector(LightningDataModule):
    """Yields trajectories of a policy until enough transitions have been made.

    Transitions are counted over all environment copies, also those of other processes that train
    the run; the step from the end of an episode to the first observation of the next is no
    transition. Trajectories are on the device of the policy.

    Args:
        env: B environment copies.
        builder: builds the agent graph of each step.
        policy: chooses the actions.
        steps: transitions after which the run ends.
        rollout_length: steps of each trajectory, T.
        seed: seed of the environments.
        window: finished episodes over which the training metrics are averaged.

    Attributes:
        evaluate: plays episodes with the policy and returns their metrics; None without
            evaluations in training, and in all processes but the first.
    """

    def __init__(
        self,
        env: Environment,
        builder: Builder,
        policy: TrainedPolicy,
        steps: int,
        rollout_length: int = 50,
        seed: int = 0,
        window: int = 32,
    ) -> None:
        super().__init__()
        self.env, self.builder, self.policy = env, builder, policy
        self.gate = StepGate(env)
        self.steps, self.rollout_length, self.seed = steps, rollout_length, seed
        self.timer = Timer()
        self.env_steps = 0
        self.episodes = 0
        self.finished: deque[dict[str, float]] = deque(maxlen=window)
        self.random_state: Tensor | None = None
        self.evaluate: Callable[[], dict[str, float]] | None = None
        self.device_random_state: Tensor | None = None
        self.runner: PolicyRunner | None = None

    def __len__(self) -> int:
        """An upper bound of the number of trajectories: at least every second step counts."""
        return math.ceil(2 * self.steps / (self.env.num_envs * self.rollout_length)) + 1

    def __iter__(self) -> Iterator[Trajectory]:
        """Collect until the transitions are used up."""
        if self.random_state is not None:
            torch.set_rng_state(self.random_state)
            self.random_state = None
        if self.runner is None:
            self._begin()
        else:
            # A checkpoint is loaded before the policy has its device.
            self._move(self.runner)
        while self.env_steps < self.steps:
            yield self.collect()

    def train_dataloader(self) -> DataLoader:
        """A loader that collects each trajectory when it is asked for."""
        return DataLoader(_Trajectories(self), batch_size=None)

    def val_dataloader(self) -> DataLoader:
        """A loader that evaluates the policy when its only item is asked for."""
        # A loader draws a seed, which must not come from the random numbers of training.
        return DataLoader(_Evaluations(self), batch_size=None, generator=torch.Generator())

    def transfer_batch_to_device(
        self, batch: Any, device: torch.device, dataloader_idx: int
    ) -> Any:
        """Move a trajectory to a device; the numbers of an evaluation stay."""
        return batch.to(device) if isinstance(batch, Trajectory) else batch

    def _begin(self) -> None:
        self.gate.device = self.policy.device
        with self.timer.part("engine"):
            step = self.gate.reset(self.seed)
        self.returns = torch.zeros_like(step.reward, dtype=torch.float64)
        self.runner = self._new_runner()
        self._observe(self.runner, step)

    def _move(self, runner: PolicyRunner) -> None:
        """Move everything to the device of the policy."""
        device = self.policy.device
        self.gate.device = device
        self.current, self.edges = self.current.to(device), self.edges.to(device)
        self.returns = self.returns.to(device)
        runner.memory = runner.memory.to(device)
        runner.last_action = runner.last_action.to(device)
        assert runner.graph is not None, "a step was observed"
        runner.graph = runner.graph.to(str(device))
        if device.type == "cuda" and self.device_random_state is not None:
            torch.cuda.set_rng_state(self.device_random_state, device)
        self.device_random_state = None

    def _new_runner(self) -> PolicyRunner:
        return PolicyRunner(self.env.spec, self.env.num_envs, self.policy, self.builder)

    def _observe(self, runner: PolicyRunner, step: Step) -> None:
        """Make a step the current one and build its agent graph."""
        self.current = step
        with self.timer.part("graph"):
            graph = runner.observe(step)
            self.edges = Edges.of(graph, self.env.spec.num_agents)

    def collect(self) -> Trajectory:
        """T steps of every environment copy."""
        assert self.runner is not None, "the collector has begun"
        memory, runner = self.runner.memory, self.runner
        shape = self.current.alive.shape
        with torch.inference_mode():
            moves = [self._step(runner) for _ in range(self.rollout_length)]
            assert runner.graph is not None, "a step was observed"
            with self.timer.part("network"):
                value = self.policy.last_value(runner.graph, runner.memory)
        self._count(moves)
        # Outside of inference mode stacking makes ordinary tensors, which autograd may keep.
        with self.timer.part("storing"), torch.no_grad():
            return Trajectory(
                spec=self.env.spec,
                edges=Edges.stack([move.edges for move in moves]),
                action=torch.stack([move.action for move in moves]),
                memory=memory.clone(),
                last_value=None if value is None else value.unflatten(0, shape).clone(),
                last_action=torch.stack([move.last_action for move in moves]),
                stored={
                    name: torch.stack([move.stored[name] for move in moves]).unflatten(1, shape)
                    for name in moves[0].stored
                },
                env_steps=self.env_steps,
                progress=min(self.env_steps / self.steps, 1.0),
                **stack_steps([move.step for move in moves], [move.next_step for move in moves]),
            )

    def _step(self, runner: PolicyRunner) -> Move:
        """One step of every environment copy."""
        step, edges, last_action = self.current, self.edges, runner.last_action
        with self.timer.part("network"):
            action, stored = runner.act()
        with self.timer.part("engine"):
            next_step = self.gate.step(action)
        # Zero also after an episode that a resumed run could not finish.
        valid, ends = next_step.valid[:, None], next_step.done[:, None]
        earned = torch.where(valid, self.returns + next_step.reward, 0.0)
        self.returns = torch.where(ends, 0.0, earned)
        self._observe(runner, next_step)
        return Move(step, next_step, edges, action, last_action, stored, earned.sum(1))

    def _count(self, moves: list[Move]) -> None:
        """Count transitions, and record the episodes that have ended, in the order of time.

        Once for a whole trajectory, since numbers that leave the device wait for it.
        """
        steps = [move.next_step for move in moves]
        new = int(torch.stack([step.valid for step in steps]).sum())
        done = torch.stack([step.done for step in steps])
        columns = {
            name: torch.stack([step.info[name] for step in steps])[done]
            for name, value in steps[0].info.items()
            if value.ndim == 1
        }
        columns["return"] = torch.stack([move.earned for move in moves])[done]
        columns["length"] = torch.stack([step.time for step in steps])[done]
        rows = torch.stack([value.double() for value in columns.values()], 1).tolist()
        counts = sum_over_ranks(torch.tensor([new, len(rows)])).tolist()
        self.env_steps, self.episodes = self.env_steps + counts[0], self.episodes + counts[1]
        self.finished.extend(dict(zip(columns, row, strict=True)) for row in rows)

    def metrics(self) -> dict[str, float]:
        """Means over the last finished episodes, by name; NaN before the first has ended."""
        info = [name for name, value in self.current.info.items() if value.ndim == 1]
        names = ("return", "length", *info)
        sums = [sum(each[name] for each in self.finished) for name in names]
        total = torch.tensor([*sums, len(self.finished)], dtype=torch.float64)
        *sums, count = sum_over_ranks(total).tolist()
        return {n: x / count if count else math.nan for n, x in zip(names, sums, strict=True)}

    def state_dict(self) -> dict[str, Any]:
        """The state of environments, builder and episodes; the policy's weights are not in it."""
        if self.runner is None:
            return {}
        assert self.runner.graph is not None, "a step was observed"
        state = {
            "env": self.env.state_dict(),
            "builder": self.builder.state_dict(),
            "edges": [self.edges.index, self.edges.ptr, self.edges.attr],
            "repeated": isinstance(self.edges, RepeatedEdges),
            "previous_edges": self.runner.graph.previous_edge_index,
            "memory": self.runner.memory.clone(),
            "last_action": self.runner.last_action.clone(),
            "returns": self.returns.clone(),
            "env_steps": self.env_steps,
            "episodes": self.episodes,
            "finished": list(self.finished),
            "random_state": torch.get_rng_state(),
            "device_random_state": device_random_state(self.policy.device),
        }
        return gathered(state)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore a saved state; devices and random states are set when collection continues."""
        if not state_dict:
            return
        state, self.runner = own_part(dict(state_dict)), self._new_runner()
        self.current = self.gate.begin(self.env.load_state_dict(state["env"]))
        self.builder.load_state_dict(state["builder"])
        self.runner.memory = state["memory"]
        self.runner.last_action, self.returns = state["last_action"], state["returns"]
        self.env_steps, self.episodes = state["env_steps"], state["episodes"]
        self.finished.extend(state["finished"])
        self.random_state = state["random_state"]
        self.device_random_state = state.get("device_random_state")
        index, ptr, attr = state["edges"]
        self.edges = Edges(index, ptr, self.env.spec.num_agents, attr)
        if state.get("repeated"):
            self.edges = RepeatedEdges.of_equal(self.edges)
        here = self.current.to(ptr.device)
        graph = agent_graph(here, self.env.spec, self.runner.last_action)
        everything = torch.arange(self.env.num_envs, device=ptr.device)
        graph.edge_index, graph.edge_attr = self.edges.select(everything)
        graph.previous_edge_index = state["previous_edges"]
        self.builder.attach(graph)
        self.runner.graph = graph


class _Trajectories(IterableDataset):
    """Has a length, so that Lightning does not ask for a trajectory before it is needed.

    Without one, Lightning fetches one item ahead, which would be collected before its update.
    """

    def __init__(self, collector: Collector) -> None:
        self.collector = collector

    def __iter__(self) -> Iterator[Trajectory]:
        return iter(self.collector)

    def __len__(self) -> int:
        return len(self.collector)


class _Evaluations(Dataset):
    """The metrics of one evaluation, as the only item."""

    def __init__(self, collector: Collector) -> None:
        self.collector = collector

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> dict[str, float]:
        found = self.collector.evaluate() if self.collector.evaluate else None
        return {"env_steps": self.collector.env_steps} | broadcast(found)
