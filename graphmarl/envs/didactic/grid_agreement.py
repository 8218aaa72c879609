"""Grid agreement: do what your neighbours do."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from graphmarl.envs.batched import Batched
from graphmarl.step import Spec


def grid_edges(rows: int, columns: int) -> Int[Tensor, "2 edge"]:
    """The edges of a grid of cells, numbered row by row; each once, to the right or upwards."""
    cell = torch.arange(rows * columns).view(rows, columns)
    right = torch.stack([cell[:, :-1].flatten(), cell[:, 1:].flatten()])
    upwards = torch.stack([cell[:-1].flatten(), cell[1:].flatten()])
    return torch.cat([right, upwards], 1)


class GridAgreement(Batched):
    """The cells of a grid choose 0 or 1, and each edge between unequal cells costs 1.

    The toy task of Ma et al., "Value propagation for decentralized networked deep multi-agent
    reinforcement learning" (VPP): the team's reward is minus the sum over the grid's edges of
    (a_i - a_j)^2; the two ends of an edge bear half of it each. Observation and state are always
    1, so that what anyone should do depends on what the others do and on nothing else. The
    episode ends by the rules after `horizon` rounds. The best return is 0; cells that choose at
    random, each for itself, cost half of the edges in every round.

    Args:
        rows: cells in a column.
        columns: cells in a row.
        horizon: rounds in an episode.
        num_envs: copies, B.
        device: where the tensors are.

    Raises:
        ValueError: there is no cell.
    """

    def __init__(
        self,
        rows: int = 3,
        columns: int = 3,
        horizon: int = 1,
        num_envs: int = 64,
        device: str = "cpu",
    ) -> None:
        if rows < 1 or columns < 1:
            raise ValueError(f"the grid is {rows} x {columns}; both must be at least 1")
        cells = rows * columns
        spec = Spec(
            num_agents=cells,
            obs_shape=(1,),
            num_actions=2,
            horizon=horizon,
            layout={"constant": slice(0, 1)},
            state_size=1,
        )
        super().__init__(spec, num_envs, device)
        one_way = grid_edges(rows, columns).to(self.device)
        edges = torch.cat([one_way, one_way.flip(0)], 1)
        first = torch.arange(0, num_envs * cells, cells, device=self.device)
        place = torch.cartesian_prod(torch.arange(rows), torch.arange(columns)).flip(1)
        self._grid = (rows, columns)
        self._constant = {
            "obs": torch.ones(num_envs, cells, 1, device=self.device),
            "position": place.to(self.device).float().expand(num_envs, -1, -1),
            "state": torch.ones(num_envs, 1, device=self.device),
            "links": (edges.unsqueeze(1) + first.unsqueeze(1)).flatten(1),
        }

    def begin(self) -> dict[str, Tensor]:
        """There is no state."""
        return {}

    def advance(
        self, action: Int[Tensor, "env agent"]
    ) -> tuple[Float[Tensor, "env agent"], Bool[Tensor, " env"]]:
        """Charge both ends of every edge between unequal cells."""
        cell = action.view(-1, *self._grid)
        cost = torch.zeros_like(cell, dtype=torch.float32)
        for axis in (1, 2):
            unequal = cell.diff(dim=axis).square() / 2
            size = unequal.shape[axis]
            cost.narrow(axis, 0, size).sub_(unequal)
            cost.narrow(axis, 1, size).sub_(unequal)
        return cost.flatten(1), self.time >= self.spec.horizon

    def observe(self) -> dict[str, Any]:
        """The same for everyone, always."""
        return self._constant
