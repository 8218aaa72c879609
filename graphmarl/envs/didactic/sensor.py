"""Sensor of NDQ: two sensors must scan the same area in one step."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from graphmarl.envs.batched import Batched
from graphmarl.ranges import Copies, Device
from graphmarl.step import Scene, Spec

NORTH, EAST, SOUTH, WEST, NOOP = range(5)
SENSORS = ((4.0, 0.0), (2.0, 0.0), (0.0, 0.0))
AREAS = ((3.0, 0.0), (1.0, 0.0))


class Sensor(Batched):
    """Sensor: two neighbouring sensors must scan the same area at once, and each scan costs.

    Wang et al., "Learning nearly decomposable value functions via communication minimization"
    (NDQ), ICLR 2020, https://arxiv.org/abs/1910.05366. From west to east there are sensor 3, area
    2, sensor 2, area 1 and sensor 1, which is agent 0. Target 1 is always in area 1; target 2 is in
    area 2 with probability 1/2. Actions scan the area to the north, east, south or west, or do
    nothing (4). The team reward is 30 if target 2 exists and both sensors beside area 2 scan it,
    else 20 if both sensors beside area 1 scan it, minus 5 per scan; it is split equally. An episode
    is one step.

    A sensor observes whether there is a target to its east and to its west, -1 where there is no
    area; the state is the presence of targets 1 and 2. `win` is 1 if target 2 was located, or
    target 1 where there is no target 2. The optimal mean return is 15, and 12.5 without
    communication.

    Args:
        num_envs: copies, B.
        device: where the tensors are.
    """

    second: Bool[Tensor, " env"]
    won: Float[Tensor, " env"]

    def __init__(self, num_envs: Copies = 64, device: Device = "cpu") -> None:
        spec = Spec(
            num_agents=3,
            obs_shape=(2,),
            num_actions=5,
            horizon=1,
            layout={"east": slice(0, 1), "west": slice(1, 2)},
            state_size=2,
        )
        super().__init__(spec, num_envs, device)
        seen = [[[-1, 1], [1, second], [second, -1]] for second in (0, 1)]
        self._seen = torch.tensor(seen, dtype=torch.float32, device=self.device)
        self._place = torch.tensor(SENSORS, device=self.device).expand(num_envs, -1, -1)
        self._prize = torch.tensor([20.0, 30.0], device=self.device)

    def best_return(self, rounds: int, memory: bool = False, delayed: bool = False) -> float:
        """Largest mean return of agents with a number of message rounds in each step.

        Args:
            rounds: rounds of messages between neighbouring sensors. Sensor 1 is the only one that
                does not see whether there is target 2, and its neighbour does.
            memory: whether messages read a memory of earlier steps, which an episode does not have.
            delayed: whether the messages of a step are sent in the step before.
        """
        return 15.0 if rounds > 0 and not delayed else 12.5

    def begin(self) -> dict[str, Tensor]:
        """Sample the presence of target 2."""
        return {"second": self.uniform() < 0.5, "won": self.zeros[:, 0]}

    def advance(
        self, action: Int[Tensor, "env agent"]
    ) -> tuple[Float[Tensor, "env agent"], Bool[Tensor, " env"]]:
        """Reward located targets and charge scans; the episode terminates."""
        one, two, three = action.unbind(1)
        first = (one == WEST) & (two == EAST)
        second = (two == WEST) & (three == EAST)
        scans = (action != NOOP).sum(1)
        self.won = torch.where(self.second, second, first).float()
        found = torch.stack([first, second & self.second], 1).float() @ self._prize
        return self.shared(found - 5 * scans), ~self.none_ended

    def observe(self) -> dict[str, Any]:
        """Targets to the east and to the west of each sensor."""
        return {
            "obs": self._seen[self.second.long()],
            "position": self._place,
            "state": torch.stack([self.all_agents[:, 0], self.second], 1).float(),
            "info": {"win": self.won},
        }

    def scene(self, env: int) -> Scene:
        """Areas; an empty one is transparent."""
        there = torch.stack([torch.ones(()), self.second[env].float().cpu()])
        targets = (torch.tensor(AREAS), there)
        return Scene((-1.0, -1.0), (5.0, 1.0), {"targets": targets}, int(self.time[env]))
