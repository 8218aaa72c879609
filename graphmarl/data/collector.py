"""Plays a policy in batched environments and hands what happened to Lightning."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Protocol, runtime_checkable

import torch
from lightning.pytorch import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset
from torch_geometric.data import Data

from graphmarl.agent_graph import Edges, agent_graph
from graphmarl.data.timer import Timer
from graphmarl.data.trajectory import Trajectory
from graphmarl.step import Environment, Step, check_step


@runtime_checkable
class Player(Protocol):
    """What a collector needs of a learner."""

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        ...

    @property
    def memory_size(self) -> int:
        """Numbers of memory per agent."""
        ...

    def act(self, graph: Data, memory: Tensor) -> tuple[Tensor, dict[str, Tensor], Tensor]:
        """Action of each row, what to store with it, and the next memory."""
        ...

    def last_value(self, graph: Data, memory: Tensor) -> Tensor | None:
        """Value of each row where a trajectory is cut off; None if the learner needs none."""
        ...


@runtime_checkable
class Builder(Protocol):
    """What a collector needs of a graph builder."""

    def __call__(self, data: Data) -> Data:
        """The same data with edges."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """Random states and kept edges."""
        ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go back to a saved state."""
        ...


class Collector(LightningDataModule):
    """Yields trajectories of a player until enough transitions have been made.

    Transitions count for every environment copy; the seam between two episodes does not.

    Args:
        env: B environment copies.
        builder: says who hears whom, once for each step.
        player: chooses the actions.
        steps: transitions after which the run ends.
        rollout_length: steps in each trajectory, T.
        seed: seed of the environments.
        window: finished episodes over which the training metrics are averaged.
    """

    def __init__(
        self,
        env: Environment,
        builder: Builder,
        player: Player,
        steps: int,
        rollout_length: int = 50,
        seed: int = 0,
        window: int = 32,
    ) -> None:
        super().__init__()
        self.env, self.builder, self.player = env, builder, player
        self.steps, self.rollout_length, self.seed = steps, rollout_length, seed
        self.timer = Timer()
        self.env_steps = 0
        self.episodes = 0
        self.finished: deque[dict[str, float]] = deque(maxlen=window)
        self.random_state: Tensor | None = None
        self.graph: Data | None = None

    def __len__(self) -> int:
        """An upper bound: at most every second step is a seam."""
        return math.ceil(2 * self.steps / (self.env.num_envs * self.rollout_length)) + 1

    def __iter__(self) -> Iterator[Trajectory]:
        """Play on until the transitions are used up."""
        if self.random_state is not None:
            torch.set_rng_state(self.random_state)
            self.random_state = None
        if self.graph is None:
            self._begin()
        while self.env_steps < self.steps:
            yield self.play()

    def train_dataloader(self) -> DataLoader:
        """A loader that passes each trajectory on as it is, played when it is asked for."""
        return DataLoader(_Trajectories(self), batch_size=None)

    def transfer_batch_to_device(
        self, batch: Trajectory, device: torch.device, dataloader_idx: int
    ) -> Trajectory:
        """Trajectories know how to move."""
        return batch.to(device)

    def _begin(self) -> None:
        with self.timer.part("engine"):
            step = self.env.reset(self.seed)
        check_step(step, self.env.spec, self.env.num_envs)
        rows = step.alive.numel()
        self.memory = torch.zeros(rows, self.player.memory_size, device=self.player.device)
        spec = self.env.spec
        self.last_action = (
            torch.zeros(step.alive.shape, dtype=torch.long)
            if spec.action == "discrete"
            else torch.zeros(*step.alive.shape, spec.num_actions)
        )
        self.returns = torch.zeros(step.alive.shape, dtype=torch.float64)
        self._arrive(step)

    def _arrive(self, step: Step) -> None:
        """Make a step the current one and ask the builder who hears whom in it."""
        self.current = step
        with self.timer.part("graph"):
            graph = agent_graph(step, self.env.spec, self.last_action)
            self.graph = self.builder(graph).to(str(self.player.device))
            self.edges = Edges.of(self.graph, self.env.spec.num_agents)

    def play(self) -> Trajectory:
        """T steps of every environment copy."""
        assert self.graph is not None, "the collector has begun"
        memory = self.memory
        shape = self.current.alive.shape
        with torch.inference_mode():
            moves = [self._move() for _ in range(self.rollout_length)]
            with self.timer.part("network"):
                value = self.player.last_value(self.graph, self.memory)
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

    def _move(self) -> _Move:
        """One step of every environment copy."""
        step, edges, before = self.current, self.edges, self.last_action
        assert self.graph is not None, "the collector has begun"
        with self.timer.part("network"):
            action, stored, memory = self.player.act(self.graph, self.memory)
        action = action.unflatten(0, step.alive.shape)
        with self.timer.part("engine"):
            next_step = self.env.step(action.cpu())
            check_step(next_step, self.env.spec, self.env.num_envs)
        self._follow(next_step, action, memory)
        return _Move(step, next_step, edges, action, before, stored)

    def _follow(self, step: Step, action: Tensor, memory: Tensor) -> None:
        """Count a transition and forget, where an episode begins, what was before."""
        begins = ~step.valid
        self.returns += step.reward
        self.returns[begins] = 0  # also after an episode that a resumed run could not finish
        self._finish(step)
        self.env_steps += int(step.valid.sum())
        rows = begins.repeat_interleave(self.env.spec.num_agents).to(memory.device)
        self.memory = memory.masked_fill(rows[:, None], 0)
        shape = begins.view(-1, *(1,) * (action.ndim - 1))
        self.last_action = action.cpu().masked_fill(shape, 0)
        self._arrive(step)

    def _finish(self, step: Step) -> None:
        """Note the episodes that end here."""
        done = step.done.nonzero().flatten()
        if not len(done):
            return
        self.episodes += len(done)
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
        count = len(self.finished)
        return {
            name: sum(each[name] for each in self.finished) / count if count else math.nan
            for name in ("return", "length", *info)
        }

    def state_dict(self) -> dict[str, Any]:
        """All that playing on depends on, besides the player's weights."""
        if self.graph is None:
            return {}
        return {
            "env": self.env.state_dict(),
            "builder": self.builder.state_dict(),
            "edges": [self.edges.index, self.edges.ptr, self.edges.attr],
            "memory": self.memory.clone(),
            "last_action": self.last_action.clone(),
            "returns": self.returns.clone(),
            "env_steps": self.env_steps,
            "episodes": self.episodes,
            "finished": list(self.finished),
            "random_state": torch.get_rng_state(),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go back to a saved state; the random state is set when playing goes on."""
        if not state_dict:
            return
        state = dict(state_dict)
        self.current = self.env.load_state_dict(state["env"])
        self.builder.load_state_dict(state["builder"])
        self.memory = state["memory"].to(self.player.device)
        self.last_action, self.returns = state["last_action"], state["returns"]
        self.env_steps, self.episodes = state["env_steps"], state["episodes"]
        self.finished.extend(state["finished"])
        self.random_state = state["random_state"]
        index, ptr, attr = state["edges"]
        self.edges = Edges(index, ptr, self.env.spec.num_agents, attr)
        graph = agent_graph(self.current, self.env.spec, self.last_action)
        everything = torch.arange(self.env.num_envs, device=ptr.device)
        graph.edge_index, graph.edge_attr = self.edges.select(everything)
        self.graph = graph.to(str(self.player.device))


class _Move(NamedTuple):
    """What happened in one step."""

    step: Step
    next_step: Step
    edges: Edges
    action: Tensor
    last_action: Tensor
    stored: dict[str, Tensor]


class _Trajectories(IterableDataset):
    """Has a length, so that Lightning does not ask for a trajectory before it is needed.

    Without one, Lightning fetches one item ahead, which the policy would play before its update.
    """

    def __init__(self, collector: Collector) -> None:
        self.collector = collector

    def __iter__(self) -> Iterator[Trajectory]:
        return iter(self.collector)

    def __len__(self) -> int:
        return len(self.collector)


def stack_steps(steps: list[Step], nexts: list[Step]) -> dict[str, Any]:
    """The fields of a trajectory that come from the environment."""

    def each(of: list[Step], name: str) -> Any:
        values = [getattr(step, name) for step in of]
        return None if values[0] is None else torch.stack(values)

    now = ("obs", "alive", "time", "position", "available", "state")
    then = ("reward", "terminated", "truncated", "valid")
    return (
        {name: each(steps, name) for name in now}
        | {name: each(nexts, name) for name in then}
        | {"survived": each(nexts, "alive")}
    )
