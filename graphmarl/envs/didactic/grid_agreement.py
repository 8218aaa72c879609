"""Grid agreement: a coordination game on a grid graph."""

from __future__ import annotations

from typing import Any, Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from graphmarl.envs.batched import Batched
from graphmarl.ranges import Copies, Device, FiniteFloat, PositiveInt, Size
from graphmarl.step import Spec

SIDES = 4


def grid_edges(rows: int, columns: int) -> Int[Tensor, "2 edge"]:
    """Undirected edges of a grid of cells numbered row by row, first to the right, then upwards."""
    cell = torch.arange(rows * columns).view(rows, columns)
    right = torch.stack([cell[:, :-1].flatten(), cell[:, 1:].flatten()])
    upwards = torch.stack([cell[:-1].flatten(), cell[1:].flatten()])
    return torch.cat([right, upwards], 1)


class GridAgreement(Batched):
    r"""Agreement game on a grid: agents choose 0 or 1, and each edge of unequal actions costs 1.

    The toy task of Qu et al., "Variational Policy Propagation for Multi-agent Reinforcement
    Learning" (VPP): the team reward is minus the sum over the grid's edges of (a_i - a_j)^2, half
    of it charged to each end. Observation and state are always 1, so the best action depends on the
    other agents' actions only. The episode terminates after `horizon` rounds. The optimal return is
    0; independent random actions cost half of the edges in every round.

    Without communication the original task is solved by always choosing 1. Two additional options
    exclude that solution; the tests find their optimal returns by enumeration.

    With `boundary="fixed"` each episode draws a sign that only the first row observes. Each cell of
    the first row pays `field` if its action does not match the sign, 1 for +1 and 0 for -1. The
    optimal return is still 0 and requires the sign to propagate over `rows` - 1 edges. Without
    communication, the best policy has one row boundary with unequal actions in half of the
    episodes, or ignores the sign: on 3 x 3 that costs 3/2 per round if the field is at least 1.

    After M rounds of messages in a step the sign is known to M + 1 rows. If there is a further row,
    each column pays min(1, `field`) for one of the two signs, as its first cell either ignores the
    sign or differs from its last, so that M < `rows` - 1 rounds are worth nothing.

    With `couplings="random"` each edge is +1 or -1 in each episode with equal probability, observed
    by its two ends. An edge of -1 costs 1 - (a_i - a_j)^2: it is satisfied by unequal actions. Not
    all edges can be satisfied, and the optimum depends on the whole grid. On 3 x 3 the optimal mean
    is -1.375 per round. Without communication the optimum is -3: the four cells in the middle of
    the sides satisfy most of their edges, given neighbours with a constant action.

    Args:
        rows: cells in a column.
        columns: cells in a row.
        horizon: rounds in an episode.
        boundary: `free`, or `fixed` by a random sign.
        field: cost of a cell of the first row whose action does not match the sign.
        couplings: `equal`, or `random`.
        num_envs: copies, B.
        device: where the tensors are.

    Shapes:
        obs (B, N, 1): always 1; then, if the boundary is fixed, the sign (0 outside the first row);
        then, if couplings are random, those to the right, left, above and below (0 where there is
        no edge). state (B, 1): 1; then the sign, and the couplings in the order of
        `grid_edges`.

    Raises:
        ValueError: the grid has no cell, or `field` is not positive.
    """

    sign: Float[Tensor, " env"]
    coupling: Float[Tensor, "env edge"]

    def __init__(
        self,
        rows: Size = 3,
        columns: Size = 3,
        horizon: PositiveInt = 1,
        boundary: Literal["free", "fixed"] = "free",
        field: FiniteFloat = 1.0,
        couplings: Literal["equal", "random"] = "equal",
        num_envs: Copies = 64,
        device: Device = "cpu",
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
            "links": self.replicate_edges(torch.cat([self._edges, self._edges.flip(0)], 1)),
        }

    def _places(self) -> Float[Tensor, "env agent 2"]:
        rows, columns = self._grid
        place = torch.cartesian_prod(torch.arange(rows), torch.arange(columns)).flip(1)
        return place.to(self.device).float().expand(self.num_envs, -1, -1)

    def best_return(self, rounds: int, memory: bool = False, delayed: bool = False) -> float:
        """Largest mean return of deterministic agents, by the rounds of messages in each step.

        With random couplings and fewer rounds than a cell needs to know them all, it is an upper
        bound.

        Args:
            rounds: rounds of messages along the edges of the grid in each step, M.
            memory: whether messages read a memory of earlier steps.
            delayed: whether the messages of a step are sent in the step before.

        Raises:
            ValueError: random couplings on other grids than 3 x 3 with a free boundary, for which
                it is not known.
        """
        steps = [max(step - delayed, 0) for step in range(1, self.spec.horizon + 1)]
        reach = [rounds * (step if memory else min(step, 1)) for step in steps]
        if self._random:
            if self._fixed or self._grid != (3, 3):
                raise ValueError(
                    "the best return with random couplings is known on free 3 x 3 only"
                )
            return sum(-1.375 if hops > 0 else -3.0 for hops in reach)
        rows, columns = self._grid
        missed = sum(hops < rows - 1 for hops in reach) if self._fixed else 0
        return -missed * columns * min(1.0, self.field) / 2

    def begin(self) -> dict[str, Tensor]:
        """Draw the sign and the couplings, if there are any."""
        state = {}
        if self._fixed:
            state["sign"] = 2.0 * self.integers(0, 2) - 1
        if self._random:
            state["coupling"] = 2.0 * self.integers(0, 2, self._edges.shape[1]) - 1
        return state

    def _split(self, edge: Float[Tensor, "env edge"]) -> tuple[Tensor, Tensor]:
        """Split edge values into those of upward and of rightward edges, by their first cell."""
        rows, columns = self._grid
        right, upwards = edge.split([rows * (columns - 1), (rows - 1) * columns], 1)
        copies = len(edge)
        return upwards.view(copies, rows - 1, columns), right.view(copies, rows, columns - 1)

    def advance(
        self, action: Int[Tensor, "env agent"]
    ) -> tuple[Float[Tensor, "env agent"], Bool[Tensor, " env"]]:
        """Charge both ends of every edge, and the first row for not matching the sign."""
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
            mismatch = action != (self.sign > 0).unsqueeze(1)
            reward = reward - self.field * mismatch * self._first
        return reward, self.time >= self.spec.horizon

    def observe(self) -> dict[str, Any]:
        """Constant, then the sign and the couplings of each cell, if there are any."""
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
