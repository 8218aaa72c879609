"""Minibatches of on-policy learners."""

from __future__ import annotations

from torch import Tensor

from graphmarl.data import Trajectory


class Minibatch:
    """Inputs of the loss for some graphs of a trajectory, one entry per agent.

    Args:
        trajectory: the trajectory.
        pick: indices of the graphs.
        advantage: advantages (time, env, agent).
        target: targets of the value, of the same shape; the advantages without it.

    Attributes:
        num_agents: agents per graph.
        acted: mask of live agents whose action led to a transition.
        log_prob: log-probability of the action when it was taken.
        value: output of the critic when the action was taken.
        advantage: advantages.
        target: targets of the value.
    """

    def __init__(
        self, trajectory: Trajectory, pick: Tensor, advantage: Tensor, target: Tensor | None = None
    ) -> None:
        self.num_agents = trajectory.spec.num_agents
        self.acted = _take(trajectory.acted, pick)
        self.log_prob = _take(trajectory.stored["log_prob"], pick)
        self.value = _take(trajectory.stored["value"], pick)
        self.advantage = _take(advantage, pick)
        self.target = _take(advantage if target is None else target, pick)


def _take(value: Tensor, pick: Tensor) -> Tensor:
    """Values of the agents of some graphs, in one row."""
    return value.flatten(0, 1).index_select(0, pick).flatten()
