"""Hallway of NDQ: all agents must reach their goals in the same step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from graphmarl.envs.batched import Batched
from graphmarl.ranges import Copies, Device, Size
from graphmarl.step import Scene, Spec

STAY, LEFT, RIGHT = range(3)


def read_lengths(lengths: Sequence[Size] | str | Size) -> tuple[int, ...]:
    """Parse the lengths of hallways, given as numbers or as text such as `4x4`.

    Raises:
        ValueError: there is no length, or one is no integer of at least 1.
    """
    parts = str(lengths).split("x") if isinstance(lengths, (str, int)) else lengths
    read = tuple(
        int(part) if isinstance(part, int) or (isinstance(part, str) and part.isdecimal()) else 0
        for part in parts
    )
    if not read or min(read) < 1:
        raise ValueError(
            f"lengths is {lengths!r}; allowed are integers of at least 1, one for each agent, "
            "such as [4, 4] or 4x4"
        )
    return read


class Hallway(Batched):
    """Hallway: each agent moves in its own hallway, and all must reach their goals at once.

    Wang et al., "Learning nearly decomposable value functions via communication minimization"
    (NDQ), ICLR 2020, https://arxiv.org/abs/1910.05366. Agent k has positions 0 to n_k, starts
    uniformly in 1 to n_k, and observes its own position only. Actions: stay (0), move left towards
    the goal at 0 (1) or right (2). If all agents are at 0 in the same step, the team reward is 10,
    split equally; if only some are, it is 0. Either way the episode terminates. It also terminates
    with reward 0 at 10 steps more than the length of the longest hallway; as in the released code,
    this limit is a termination and not a truncation.

    The optimal return is 10. An agent that knows the time reaches it without messages: wait n_k - p
    steps, then move left. A deterministic agent without memory and messages arrives p steps after a
    start at p or not at all, so that such agents arrive together only from equal positions.
    `win` is 1 if all arrived together; the state is all positions.

    Args:
        lengths: n_k of each agent; on the command line `[4,4]` or `4x4`.
        normalised: observe p / n_k. Unlike this, the released code observes p.
        num_envs: copies, B.
        device: where the tensors are.

    Raises:
        ValueError: a length is no integer of at least 1.
    """

    place: Float[Tensor, "env agent"]
    won: Float[Tensor, " env"]

    def __init__(
        self,
        lengths: Sequence[Size] | str | Size = (4, 4),
        normalised: bool = True,
        num_envs: Copies = 32,
        device: Device = "cpu",
    ) -> None:
        self.lengths = read_lengths(lengths)
        agents = len(self.lengths)
        spec = Spec(
            num_agents=agents,
            obs_shape=(1,),
            num_actions=3,
            horizon=max(self.lengths) + 10,
            layout={"place": slice(0, 1)},
            state_size=agents,
        )
        super().__init__(spec, num_envs, device)
        self._length = torch.tensor(self.lengths, device=self.device)
        self._unit = self._length.float() if normalised else torch.ones(agents, device=self.device)
        self._far = self._length.float().expand(num_envs, -1)
        self._move = torch.tensor([0.0, -1.0, 1.0], device=self.device)
        self._row = torch.arange(float(agents), device=self.device).expand(num_envs, -1)

    def best_return(self, rounds: int, memory: bool = False, delayed: bool = False) -> float:
        """Largest mean return of deterministic agents, by the rounds of messages in each step.

        Args:
            rounds: rounds of messages between all agents.
            memory: whether agents have a memory, in which they can count steps.
            delayed: whether the messages of a step are sent in the step before.

        Raises:
            ValueError: delayed messages to agents without memory, whose best return is not known.
        """
        if memory or (rounds > 0 and not delayed):
            return 10.0
        if rounds > 0:
            raise ValueError("messages are delayed; the best return is known with memory only")
        return 10 * min(self.lengths) / math.prod(self.lengths)

    def begin(self) -> dict[str, Tensor]:
        """Sample positions other than the goal."""
        place = self.integers(1, self._length + 1, self.spec.num_agents)
        return {"place": place.float(), "won": self.zeros[:, 0]}

    def advance(
        self, action: Int[Tensor, "env agent"]
    ) -> tuple[Float[Tensor, "env agent"], Bool[Tensor, " env"]]:
        """Move; the first arrival or the step limit terminates the episode."""
        # Positions need no lower bound: the episode ends as soon as one is 0.
        self.place = torch.minimum(self.place + self._move[action], self._far)
        home = self.place == 0
        self.won = home.all(1).float()
        return self.shared(10 * self.won), home.any(1) | (self.time >= self.spec.horizon)

    def observe(self) -> dict[str, Any]:
        """Own position of each agent."""
        seen = self.place / self._unit
        return {
            "obs": seen.unsqueeze(2),
            "position": torch.stack([self.place, self._row], 2),
            "state": seen,
            "info": {"win": self.won},
        }

    def scene(self, env: int) -> Scene:
        """Goals and far ends, one hallway above the other."""
        row = self._row[0].cpu()
        goals = torch.stack([torch.zeros_like(row), row], 1)
        ends = torch.stack([self._far[0].cpu(), row], 1)
        points = {"goals": (goals, torch.ones_like(row)), "ends": (ends, torch.ones_like(row))}
        high = (max(self.lengths) + 1.0, float(len(self.lengths)))
        return Scene((-1.0, -1.0), high, points, int(self.time[env]))
