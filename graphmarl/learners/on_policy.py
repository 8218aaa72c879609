"""Replay of trajectories in minibatches, for on-policy learners."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch_geometric.data import Data

from graphmarl.data import Trajectory
from graphmarl.functional.ranks import minibatches, num_ranks
from graphmarl.learners.base import Learner
from graphmarl.nn import AgentNetwork, Output, action_log_prob

PART = 2**21
"""Numbers on the edges of the graphs that are processed at once."""


class OnPolicy(Learner):
    """Base class of learners that train on the trajectory just played.

    Networks without memory are trained on minibatches of whole graphs; recurrent ones on whole
    trajectories of an environment, or on chunks of them.

    Args:
        network: actor-critic of every agent.
        rollout_length: steps per trajectory.
        epochs: epochs over each trajectory.
        minibatch_size: agent slots per optimiser step.
        chunk_length: steps through which recurrent networks are trained, from the memory with which
            they acted; None for whole trajectories.

    Raises:
        ValueError: chunks that do not divide a trajectory, or of a network without memory.
    """

    def __init__(
        self,
        network: AgentNetwork,
        rollout_length: int,
        epochs: int,
        minibatch_size: int,
        chunk_length: int | None = None,
    ) -> None:
        super().__init__(network, rollout_length)
        self.epochs, self.minibatch_size = epochs, minibatch_size
        self.chunk_length = chunk_length
        if chunk_length and not network.sequential:
            raise ValueError(f"chunk_length is {chunk_length}; it needs agents with a memory")
        if chunk_length and rollout_length % chunk_length:
            raise ValueError(
                f"chunk_length is {chunk_length}; it must divide the {rollout_length} steps of a"
                " trajectory"
            )

    def rows_at_once(self, batch: Trajectory) -> int:
        """Rows that a linear layer takes at once in training."""
        every = batch.num_envs * batch.spec.num_agents * batch.num_steps
        return min(self.minibatch_size, every) // self._length(batch)

    def value_of(self, graph: Data, output: Output, action: Tensor) -> Float[Tensor, " row"]:
        """Value of each row; critics may depend on the joint action."""
        assert output.value is not None, "an actor comes with a critic"
        return output.value

    def minibatches(self, trajectory: Trajectory) -> Iterator[Int[Tensor, " pick"]]:
        """Indices of the graphs of each optimiser step, shuffled in every epoch.

        Those of a recurrent network are in the order of time, chunks beside each other.
        """
        num_envs, device = trajectory.num_envs, trajectory.alive.device
        agents, length = trajectory.spec.num_agents, self._length(trajectory)
        if self.network.sequential:
            starts = torch.arange(0, trajectory.num_steps, length, device=device)
            envs = torch.arange(num_envs, device=device)
            units = (starts[:, None] * num_envs + envs).flatten()
        else:
            units = trajectory.acted.any(-1).flatten().nonzero().flatten()
        times = torch.arange(length, device=device) * num_envs
        size = max(1, self.minibatch_size // (agents * length))
        for _ in range(self.epochs):
            order = units[torch.randperm(len(units)).to(device)]
            for chunk in minibatches(order, size):
                yield (times[:, None] + chunk).flatten()

    def parts(self, trajectory: Trajectory, pick: Int[Tensor, " pick"]) -> list[Tensor]:
        """Graphs of a minibatch in parts, so that the messages on their edges fit the cache.

        All in one part for networks with memory, without messages, or in several processes.

        Args:
            trajectory: the trajectory.
            pick: indices of the graphs of a minibatch.
        """
        if self.network.sequential or not self.network.rounds or num_ranks() > 1:
            return [pick]
        numbers = trajectory.edges.count(pick) * self.network.edge_width
        return list(pick.chunk(numbers // PART)) if numbers >= 2 * PART else [pick]

    def _length(self, trajectory: Trajectory) -> int:
        """Steps in a row of a minibatch."""
        if not self.network.sequential:
            return 1
        return self.chunk_length or trajectory.num_steps

    def evaluate(
        self, trajectory: Trajectory, pick: Int[Tensor, " pick"]
    ) -> tuple[Tensor, Tensor, Tensor, dict[str, Tensor]]:
        """Log-probability of the actions, entropy, value and `extra`, per row of the graphs."""
        graph = trajectory.graph(pick)
        output = self._replayed(trajectory, pick, graph)
        policy = output.distribution
        assert policy is not None, "an actor has a policy"
        value = self.value_of(graph, output, graph.action)
        gaussian = graph.gaussian_action if "gaussian_action" in graph else None
        log_prob = action_log_prob(policy, graph.action, gaussian)
        return log_prob, policy.entropy(), value, output.extra

    def _replayed(self, trajectory: Trajectory, pick: Tensor, graph: Data) -> Output:
        """Outputs of the network for the picked graphs, with the memory that agents had."""
        if not self.network.sequential:
            memory = torch.zeros(len(graph.alive), self.memory_size, device=graph.alive.device)
            return self.network(graph, memory)[0]
        steps = pick.view(self._length(trajectory), -1)
        if self.chunk_length:
            memory = trajectory.stored["memory"].flatten(0, 1)
        else:
            memory = trajectory.memory.unflatten(0, (trajectory.num_envs, -1))
        return self.network.unroll(graph, memory[steps[0]].flatten(0, 1), len(steps))
