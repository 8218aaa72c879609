"""Transitions and episodes written by hand, and a network whose values are what agents see."""

from typing import Any

import torch
from torch import Tensor, nn

from graphmarl.agent_graph import Edges
from graphmarl.data import Trajectory
from graphmarl.nn import AgentNetwork, Output
from graphmarl.step import Spec


class Seen(AgentNetwork):
    """The values of its actions are what an agent sees, times a number that is trained."""

    def __init__(self, scale: float = 1.0) -> None:
        super().__init__()
        self.scale: Any = nn.Parameter(torch.tensor(scale))

    def forward(self, graph, memory):
        q = self.scale * graph["x"]
        return Output(q=q, features=q), memory


def batch(obs: Any, action: Any, reward: Any, edges: Any = (), **others: Any) -> Trajectory:
    """Some steps of one environment; agents live, and nothing ends unless it is said.

    Args:
        obs: of each step and agent.
        action: of each transition and agent, one fewer than the steps.
        reward: of each transition and agent.
        edges: senders and receivers at each step, as pairs; none at all without it.
        others: further fields, by step; a shorter one goes on with False.
    """
    seen = torch.tensor(obs, dtype=torch.float32)[:, None]
    time, _, agents, size = seen.shape
    named = {"action": torch.tensor(action), "reward": torch.tensor(reward, dtype=torch.float32)}
    named |= {name: torch.as_tensor(value) for name, value in others.items()}
    fields = {name: _whole(value, time) for name, value in named.items()}
    living = torch.ones(time, 1, agents, dtype=torch.bool)
    no = torch.zeros(time, 1, dtype=torch.bool)
    defaults = {"alive": living, "survived": living, "terminated": no, "truncated": no}
    last = torch.arange(time)[:, None] == time - 1
    state, available = fields.get("state"), fields.get("available")
    count = torch.tensor([0, *(len(pairs) for pairs in edges or [()] * time)])
    pairs = torch.tensor([pair for pairs in edges for pair in pairs], dtype=torch.int32)
    return Trajectory(
        spec=Spec(
            num_agents=agents,
            obs_shape=(size,),
            num_actions=size,
            horizon=99,
            has_position=False,
            has_available=available is not None,
            state_size=0 if state is None else state.shape[-1],
        ),
        edges=Edges(pairs.view(-1, 2).T, count.cumsum(0), agents),
        obs=seen,
        time=torch.arange(time)[:, None],
        memory=torch.zeros(agents, 0),
        **{"valid": ~last, **defaults, **fields},  # type: ignore[arg-type]
    )


def _whole(value: Tensor, time: int) -> Tensor:
    """A field of one environment, for all steps."""
    missing = value.new_zeros(time - len(value), *value.shape[1:])
    return torch.cat([value, missing])[:, None]


def joined(first: Trajectory, second: Trajectory) -> Trajectory:
    """Two batches beside each other; after the end of the shorter one nobody lives."""
    steps = max(first.num_steps, second.num_steps)
    fields: dict[str, Any] = {}
    for name, value in vars(first).items():
        if isinstance(value, Tensor) and name != "memory":
            parts = [_longer(getattr(each, name), steps) for each in (first, second)]
            fields[name] = torch.cat(parts, 1)
    none = Edges(torch.zeros(2, 0, dtype=torch.int32), torch.zeros(2 * steps + 1).long(), 1)
    none.num_agents = first.spec.num_agents
    return Trajectory(
        spec=first.spec, edges=none, memory=torch.zeros(2 * first.spec.num_agents, 0), **fields
    )


def _longer(value: Tensor, steps: int) -> Tensor:
    more = value[-1:].repeat(steps - len(value), *[1] * (value.ndim - 1))
    return torch.cat([value, torch.zeros_like(more) if value.dtype == torch.bool else more])
