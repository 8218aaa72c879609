"""Independent search of NDQ: a task without any interaction between agents."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from graphmarl.envs.batched import Batched
from graphmarl.ranges import Agents, Copies, Device, PositiveInt, Size
from graphmarl.step import Scene, Spec

MOVES = ((0.0, 0.0), (-1.0, 0.0), (1.0, 0.0), (0.0, -1.0), (0.0, 1.0))


class IndependentSearch(Batched):
    """Independent search: each agent searches its own room, so communication has no benefit.

    Wang et al., "Learning nearly decomposable value functions via communication minimization"
    (NDQ), ICLR 2020, https://arxiv.org/abs/1910.05366. Every agent starts in the lower left corner
    of a square room; its landmark is at a fixed position `distance` moves away. Actions: stay (0)
    or move left, right, down or up. The team reward is the share of agents on their landmarks. An
    agent observes its own (x, y) in [0, 1]; the state is the concatenation of all observations. The
    paper does not specify start and landmark; those here give its return of 96: the optimal return
    is horizon - distance + 1.

    Args:
        num_agents: agents, N, each in its own room.
        size: cells in a row of a room.
        distance: moves from start to landmark, in cells.
        horizon: steps in an episode.
        num_envs: copies, B.
        device: where the tensors are.

    Raises:
        ValueError: there is no agent, the room is too small, or no cell is at that distance.
    """

    place: Float[Tensor, "env agent 2"]

    def __init__(
        self,
        num_agents: Agents = 2,
        size: Size = 5,
        distance: Size = 5,
        horizon: PositiveInt = 100,
        num_envs: Copies = 32,
        device: Device = "cpu",
    ) -> None:
        if num_agents < 1:
            raise ValueError(f"num_agents is {num_agents}; there must be at least 1")
        if size < 2:
            raise ValueError(f"size is {size}; it must be at least 2")
        if not 1 <= distance <= 2 * (size - 1):
            raise ValueError(f"distance is {distance}; allowed are 1 to {2 * (size - 1)}")
        spec = Spec(
            num_agents=num_agents,
            obs_shape=(2,),
            num_actions=len(MOVES),
            horizon=horizon,
            layout={"place": slice(0, 2)},
            state_size=2 * num_agents,
        )
        super().__init__(spec, num_envs, device)
        self.last = size - 1
        along = min(distance, self.last)
        self.landmark = torch.tensor([along, distance - along], device=self.device).float()
        self._start = torch.zeros(num_envs, num_agents, 2, device=self.device)
        self._move = torch.tensor(MOVES, device=self.device)
        # Rooms are drawn side by side, with a cell of wall between them.
        self._room = torch.zeros(num_agents, 2, device=self.device)
        self._room[:, 0] = torch.arange(num_agents, device=self.device) * (size + 1)

    def begin(self) -> dict[str, Tensor]:
        """Place all agents in the corner."""
        return {"place": self._start}

    def advance(
        self, action: Int[Tensor, "env agent"]
    ) -> tuple[Float[Tensor, "env agent"], Bool[Tensor, " env"]]:
        """Move; agents on their landmark are rewarded."""
        self.place = (self.place + self._move[action]).clamp(0, self.last)
        arrived = (self.place == self.landmark).all(2)
        return arrived.float() / self.spec.num_agents, self.none_ended

    def observe(self) -> dict[str, Any]:
        """Own coordinates of each agent."""
        seen = self.place / self.last
        return {"obs": seen, "position": self.place + self._room, "state": seen.flatten(1)}

    def scene(self, env: int) -> Scene:
        """Landmarks, one room beside the other."""
        landmarks = (self._room + self.landmark).cpu()
        points = {"landmarks": (landmarks, torch.ones(len(landmarks)))}
        high = (float(self._room[-1, 0]) + self.last + 1, self.last + 1.0)
        return Scene((-1.0, -1.0), high, points, int(self.time[env]))
