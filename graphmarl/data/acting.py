"""Acting in batched environments: memory, last actions and episode boundaries in one place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphmarl.agent_graph import agent_graph
from graphmarl.data.gate import StepGate
from graphmarl.step import Environment, Spec, Step


@runtime_checkable
class Policy(Protocol):
    """A policy with memory, such as a learner."""

    @property
    def device(self) -> torch.device:
        """Device of the network."""
        ...

    @property
    def memory_size(self) -> int:
        """Size of the memory of an agent."""
        ...

    def act(self, graph: Data, memory: Tensor) -> tuple[Tensor, dict[str, Tensor], Tensor]:
        """Action of each row, tensors to store with it, and the next memory."""
        ...


@runtime_checkable
class Builder(Protocol):
    """A graph builder."""

    def __call__(self, data: Data) -> Data:
        """The same data with edges."""
        ...

    def attach(self, graph: Data) -> None:
        """Add node features that belong to the edges of the last call."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """Random states and stored edges."""
        ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore a saved state."""
        ...


class PolicyRunner:
    """Applies a policy to the steps of an environment.

    Memory and last actions are zeroed where an episode begins. The graph also holds
    `previous_edge_index`, the edges of the previous step (where an episode begins, its own), for
    messages that were sent in that step.

    Args:
        spec: shapes of the environment.
        num_envs: environment copies, B.
        policy: chooses the actions.
        builder: builds the agent graph of each step.

    Attributes:
        graph: the agent graph of the current step, None before the first.
        memory: memory of each agent before the current step.
        last_action: action of each agent in the previous step.
    """

    def __init__(self, spec: Spec, num_envs: int, policy: Policy, builder: Builder) -> None:
        self.spec, self.num_envs = spec, num_envs
        self.policy, self.builder = policy, builder
        self.graph: Data | None = None
        self.memory = torch.zeros(
            num_envs * spec.num_agents, policy.memory_size, device=policy.device
        )
        shape = (num_envs, spec.num_agents)
        kind, size = (torch.long, ()) if spec.action == "discrete" else (None, (spec.num_actions,))
        self.last_action = torch.zeros(*shape, *size, dtype=kind, device=policy.device)

    def observe(self, step: Step) -> Data:
        """Make a step the current one.

        Args:
            step: what the environment returned, on the device of the policy.

        Returns:
            its agent graph.
        """
        begins = ~step.valid
        self.memory = self.memory.masked_fill(self._rows(begins)[:, None], 0)
        shape = begins.view(-1, *(1,) * (self.last_action.ndim - 1))
        self.last_action = self.last_action.masked_fill(shape, 0)
        graph = self.builder(agent_graph(step, self.spec, self.last_action))
        graph.previous_edge_index = self._previous_edges(graph, begins)
        self.graph = graph
        return graph

    def _previous_edges(self, graph: Data, begins: Tensor) -> Tensor:
        """Edges of the previous step, or of the graph itself where an episode begins."""
        assert graph.edge_index is not None, "a builder has set the edges"
        if self.graph is None:
            return graph.edge_index
        before = self.graph.edge_index
        assert before is not None, "a builder has set the edges"
        if not begins.any():
            return before
        new = [begins[edges[1] // self.spec.num_agents] for edges in (before, graph.edge_index)]
        return torch.cat([before[:, ~new[0]], graph.edge_index[:, new[1]]], 1)

    def act(self, **options: Any) -> tuple[Tensor, dict[str, Tensor]]:
        """Actions (env, agent, ...) in the current step, and the tensors to store with them.

        Args:
            options: further arguments of the policy's `act`, such as `greedy`.
        """
        assert self.graph is not None, "a step was observed"
        action, stored, self.memory = self.policy.act(self.graph, self.memory, **options)
        # What was heard in a delayed graph is stored, so that it can be heard again in training.
        if "heard_x" in self.graph:
            values = self.graph.to_dict()
            heard = {name: value for name, value in values.items() if name.startswith("heard_")}
            stored = {**stored, **heard}
        action = action.unflatten(0, (self.num_envs, self.spec.num_agents))
        self.last_action = action
        return action, stored

    def _rows(self, copies: Tensor) -> Tensor:
        """The entry of its copy for each agent."""
        return copies[:, None].expand(-1, self.spec.num_agents).flatten()


class RandomPolicy:
    """Uniformly random legal actions.

    Args:
        spec: shapes of the environment.
        generator: source of the random numbers.
    """

    device = torch.device("cpu")
    memory_size = 0

    def __init__(self, spec: Spec, generator: torch.Generator) -> None:
        self.spec, self.generator = spec, generator

    def act(self, graph: Data, memory: Tensor) -> tuple[Tensor, dict[str, Tensor], Tensor]:
        """A random action of each row; nothing is stored."""
        available = graph.available if "available" in graph else None
        rows = graph.num_nodes or 0
        return random_action(self.spec, rows, available, self.generator), {}, memory


def random_action(
    spec: Spec, rows: int, available: Tensor | None, generator: torch.Generator
) -> Tensor:
    """A uniformly random legal action of each row.

    Args:
        spec: shapes of the environment.
        rows: number of agents.
        available: legal actions (row, action), or None where all are legal.
        generator: source of the random numbers.
    """
    # Drawn on the CPU, so that the actions are the same on every device.
    noise = torch.rand((rows, spec.num_actions), generator=generator)
    if available is not None:
        noise = noise.to(available.device)
    if spec.action == "continuous":
        return noise * 2 - 1
    if available is not None:
        noise = noise.masked_fill(~available, -1.0)
    return noise.argmax(-1)


class Transition(NamedTuple):
    """One step of all environment copies in their first episodes.

    Args:
        step: the step in which the actions were chosen.
        action: the actions.
        next_step: the step that they led to.
        running: copies in their first episode, (env,).
    """

    step: Step
    action: Tensor
    next_step: Step
    running: Tensor


def first_episodes(
    env: Environment,
    policy: Callable[[Step], Tensor],
    seed: int,
    steps: int | None = None,
    device: torch.device | None = None,
) -> Iterator[Transition]:
    """Play the first episode of every copy, step by step, until the last one has ended.

    Args:
        env: environment copies.
        policy: chooses the actions.
        seed: seed of the episodes and of sampling.
        steps: stop after so many steps; None plays to the end.
        device: where the policy takes steps; None is the device of the environment.
    """
    torch.manual_seed(seed)
    gate = StepGate(env, device)
    step, count = gate.reset(seed), 0
    running = torch.ones_like(step.terminated)
    while running.any() and (steps is None or count < steps):
        action = policy(step)
        next_step = gate.step(action)
        yield Transition(step, action, next_step, running)
        step, count, running = next_step, count + 1, running & ~next_step.done
