"""Grid agreement: do what your neighbours do."""

from __future__ import annotations

from typing import Any, Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from graphmarl.envs.batched import Batched
from graphmarl.step import Spec

SIDES = 4


def grid_edges(rows: int, columns: int) -> Int[Tensor, "2 edge"]:
    """The edges of a grid of cells, numbered row by row; each once, to the right or upwards."""
    cell = torch.arange(rows * columns).view(rows, columns)
    right = torch.stack([cell[:, :-1].flatten(), cell[:, 1:].flatten()])
    upwards = torch.stack([cell[:-1].flatten(), cell[1:].flatten()])
    return torch.cat([right, upwards], 1)


class GridAgreement(Batched):
    r"""The cells of a grid choose 0 or 1, and each edge between unequal cells costs 1.

    The toy task of Qu et al., "Variational Policy Propagation for Multi-agent Reinforcement
    Learning" (VPP): the team's reward is minus the sum over the grid's edges of (a_i - a_j)^2; the
    two ends of an edge bear half of it each. Observation and state are always 1, so that what
    anyone should do depends on what the others do and on nothing else. The episode ends by the
    rules after `horizon` rounds. The best return is 0; cells that choose at random, each for
    itself, cost half of the edges in every round.

    Cells that cannot hear each other can agree in this task all the same, by always choosing 1.
    Two options of ours take that way out, so that the grid must find out together what to do; the
    tests find their best returns by enumeration.

    With `boundary="fixed"` each episode hides a sign from all but the first row. Its cells see it,
    and each of them pays `field` if its action is not that of the sign, 1 for +1 and 0 for -1. The
    best return is still 0, and the sign must travel `rows` - 1 edges. Who only sees its own
    observation leaves a wall between two rows in half of the episodes, or ignores the sign: on
    3 x 3 that costs 3/2 in each round if the field is at least 1.

    With `couplings="random"` each edge is +1 or -1 in each episode, with equal probability, which
    its two ends see. An edge of -1 costs 1 - (a_i - a_j)^2, that is, it wants its ends unequal. Not
    all edges can have it their way, and which should not is a matter of the whole grid. On 3 x 3
    the best is a mean of -1.375 in each round. Cells that see their own observation only reach -3:
    the four in the middle of the sides do what most of their edges want beside neighbours who
    always choose the same.

    Args:
        rows: cells in a column.
        columns: cells in a row.
        horizon: rounds in an episode.
        boundary: `free`, or `fixed` by a hidden sign.
        field: cost of a cell of the first row that defies the sign.
        couplings: `equal`, or `random`.
        num_envs: copies, B.
        device: where the tensors are.

    Shapes:
        obs (B, N, 1): always 1; then the sign, 0 for those who do not see it, if the boundary is
        fixed; then the couplings to the right, left, above and below, 0 where there is no edge, if
        they are random. state (B, 1): 1; then the sign, and the couplings in the order of
        `grid_edges`.

    Raises:
        ValueError: there is no cell, or a value that is not allowed.
    """

    sign: Float[Tensor, " env"]
    coupling: Float[Tensor, "env edge"]

    def __init__(
        self,
        rows: int = 3,
        columns: int = 3,
        horizon: int = 1,
        boundary: Literal["free", "fixed"] = "free",
        field: float = 1.0,
        couplings: Literal["equal", "random"] = "equal",
        num_envs: int = 64,
        device: str = "cpu",
    ) -> None:
        if rows < 1 or columns < 1:
            raise ValueError(f"the grid is {rows} x {columns}; both must be at least 1")
        if field <= 0:
            raise ValueError(f"field is {field}; it must be positive")
        fixed, random = boundary == "fixed", couplings == "random"
        self._edges = grid_edges(rows, columns).to(device)
        cells, edges = rows * columns, self._edges.shape[1]
        layout = {"constant": slice(0, 1)}
        width, size = 1, 1
        if fixed:
            layout["sign"] = slice(1, 2)
            width, size = 2, 2
        if random:
            layout["couplings"] = slice(width, width + SIDES)
            width, size = width + SIDES, size + edges
        spec = Spec(cells, (width,), 2, horizon, layout=layout, state_size=size)
        super().__init__(spec, num_envs, device)
        self._grid, self.field, self._fixed, self._random = (rows, columns), field, fixed, random
        self._one = torch.ones(num_envs, 1, device=self.device)
        self._first = (torch.arange(cells, device=self.device) < columns).float()
        self._constant = {
            "obs": self._one.expand(-1, cells).unsqueeze(2).contiguous(),
            "state": self._one,
            "position": self._places(),
            "links": self.in_every_copy(torch.cat([self._edges, self._edges.flip(0)], 1)),
        }

    def _places(self) -> Float[Tensor, "env agent 2"]:
        rows, columns = self._grid
        place = torch.cartesian_prod(torch.arange(rows), torch.arange(columns)).flip(1)
        return place.to(self.device).float().expand(self.num_envs, -1, -1)

    def begin(self) -> dict[str, Tensor]:
        """The hidden sign and the couplings, if there are any."""
        state = {}
        if self._fixed:
            state["sign"] = 2.0 * self.integers(0, 2) - 1
        if self._random:
            state["coupling"] = 2.0 * self.integers(0, 2, self._edges.shape[1]) - 1
        return state

    def _split(self, edge: Float[Tensor, "env edge"]) -> tuple[Tensor, Tensor]:
        """What belongs to the edges upwards and to those to the right, by the edge's lower end."""
        rows, columns = self._grid
        right, upwards = edge.split([rows * (columns - 1), (rows - 1) * columns], 1)
        copies = len(edge)
        return upwards.view(copies, rows - 1, columns), right.view(copies, rows, columns - 1)

    def advance(
        self, action: Int[Tensor, "env agent"]
    ) -> tuple[Float[Tensor, "env agent"], Bool[Tensor, " env"]]:
        """Charge both ends of every edge, and the first row for defying the sign."""
        cell = action.view(-1, *self._grid)
        coupling = self._split(self.coupling) if self._random else (None, None)
        cost = torch.zeros_like(cell, dtype=torch.float32)
        for axis, wanted in zip((1, 2), coupling, strict=True):
            paid = cell.diff(dim=axis).square() / 2
            if wanted is not None:
                paid = (1 - wanted) / 4 + wanted * paid
            size = paid.shape[axis]
            cost.narrow(axis, 0, size).sub_(paid)
            cost.narrow(axis, 1, size).sub_(paid)
        reward = cost.flatten(1)
        if self._fixed:
            defies = action != (self.sign > 0).unsqueeze(1)
            reward = reward - self.field * defies * self._first
        return reward, self.time >= self.spec.horizon

    def observe(self) -> dict[str, Any]:
        """What each cell knows of the sign and of its own edges."""
        seen, state = [self._constant["obs"]], [self._constant["state"]]
        if not (self._fixed or self._random):
            return self._constant
        if self._fixed:
            state.append(self.sign.unsqueeze(1))
            seen.append((state[-1] * self._first).unsqueeze(2))
        if self._random:
            state.append(self.coupling)
            seen.append(self._sides())
        return self._constant | {"obs": torch.cat(seen, 2), "state": torch.cat(state, 1)}

    def _sides(self) -> Float[Tensor, "env agent side"]:
        sides = self.coupling.new_zeros(self.num_envs, *self._grid, SIDES)
        upwards, right = self._split(self.coupling)
        sides[:, :, :-1, 0], sides[:, :, 1:, 1] = right, right
        sides[:, :-1, :, 2], sides[:, 1:, :, 3] = upwards, upwards
        return sides.flatten(1, 2)
