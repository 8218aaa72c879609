"""Collection of trajectories in batched environments, as a Lightning data module."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol, runtime_checkable

import torch
from lightning.pytorch import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset
from torch_geometric.data import Data

from graphmarl.agent_graph import Edges, agent_graph
from graphmarl.data.acting import Builder, Policy, PolicyRunner
from graphmarl.data.gate import StepGate
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
    the run; the step from the end of an episode to the
    first observation of the next is no transition.

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
        self.episodes = self.new_episodes = 0
        self.finished: deque[dict[str, float]] = deque(maxlen=window)
        self.random_state: Tensor | None = None
        self.evaluate: Callable[[], dict[str, float]] | None = None
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
        with self.timer.part("engine"):
            step = self.gate.begin(self.env.reset(self.seed))
        self.returns = torch.zeros(step.alive.shape, dtype=torch.float64)
        self.runner = self._new_runner()
        self._observe(self.runner, step)

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
        before = self.env_steps
        with torch.inference_mode():
            moves = [self._step(runner) for _ in range(self.rollout_length)]
            new = torch.tensor([self.env_steps - before, self.new_episodes])
            steps, episodes = sum_over_ranks(new).tolist()
            self.env_steps, self.episodes = before + steps, self.episodes + episodes
            self.new_episodes = 0
            assert runner.graph is not None, "a step was observed"
            with self.timer.part("network"):
                value = self.policy.last_value(runner.graph, runner.memory)
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

    def _step(self, runner: PolicyRunner) -> _Move:
        """One step of every environment copy."""
        step, edges, last_action = self.current, self.edges, runner.last_action
        with self.timer.part("network"):
            action, stored = runner.act()
        with self.timer.part("engine"):
            next_step = self.gate.check(self.env.step(action.cpu()))
        self.returns += next_step.reward
        # Also after an episode that a resumed run could not finish.
        self.returns[~next_step.valid] = 0
        self._finish(next_step)
        self.env_steps += int(next_step.valid.sum())
        self._observe(runner, next_step)
        return _Move(step, next_step, edges, action, last_action, stored)

    def _finish(self, step: Step) -> None:
        """Record the episodes that end here."""
        done = step.done.nonzero().flatten()
        if not len(done):
            return
        self.new_episodes += len(done)
        ended = {name: value[done] for name, value in step.info.items() if value.ndim == 1}
        ended |= {"return": self.returns[done].sum(1), "length": step.time[done]}
        columns = [value.double().tolist() for value in ended.values()]
        self.finished.extend(
            dict(zip(ended, each, strict=True)) for each in zip(*columns, strict=True)
        )
        self.returns[done] = 0

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
            "previous_edges": self.runner.graph.previous_edge_index,
            "memory": self.runner.memory.clone(),
            "last_action": self.runner.last_action.clone(),
            "returns": self.returns.clone(),
            "env_steps": self.env_steps,
            "episodes": self.episodes,
            "finished": list(self.finished),
            "random_state": torch.get_rng_state(),
        }
        return gathered(state)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore a saved state; the random state is set when collection continues."""
        if not state_dict:
            return
        state, self.runner = own_part(dict(state_dict)), self._new_runner()
        self.current = self.gate.begin(self.env.load_state_dict(state["env"]))
        self.builder.load_state_dict(state["builder"])
        self.runner.memory = state["memory"].to(self.policy.device)
        self.runner.last_action, self.returns = state["last_action"], state["returns"]
        self.env_steps, self.episodes = state["env_steps"], state["episodes"]
        self.finished.extend(state["finished"])
        self.random_state = state["random_state"]
        index, ptr, attr = state["edges"]
        self.edges = Edges(index, ptr, self.env.spec.num_agents, attr)
        graph = agent_graph(self.current, self.env.spec, self.runner.last_action)
        everything = torch.arange(self.env.num_envs, device=ptr.device)
        graph.edge_index, graph.edge_attr = self.edges.select(everything)
        graph.previous_edge_index = state["previous_edges"]
        self.runner.graph = graph.to(str(self.policy.device))


class _Move(NamedTuple):
    """One step of all environment copies, with the graph and the action."""

    step: Step
    next_step: Step
    edges: Edges
    action: Tensor
    last_action: Tensor
    stored: dict[str, Tensor]


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


def stack_steps(steps: list[Step], next_steps: list[Step]) -> dict[str, Any]:
    """The fields of a trajectory that come from the environment.

    Args:
        steps: the steps in which actions were chosen.
        next_steps: the steps that they led to.
    """

    def stack(of: list[Step], name: str) -> Any:
        values = [getattr(step, name) for step in of]
        return None if values[0] is None else torch.stack(values)

    fields = ("obs", "alive", "time", "position", "available", "state")
    transition = ("reward", "terminated", "truncated", "valid")
    return (
        {name: stack(steps, name) for name in fields}
        | {name: stack(next_steps, name) for name in transition}
        | {"survived": stack(next_steps, "alive")}
    )
