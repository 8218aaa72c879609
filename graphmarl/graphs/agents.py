"""Live agents of a batch of graphs, flat and in padded form."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch_geometric.data import Data

# Squares of larger coordinates could overflow, and infinite distances mark padding.
LARGEST_COORDINATE = 1e100
# Measured on two cores: below about 100 agents a matrix of all pairs takes less time than a tree.
DENSE_AGENTS = 100
# On other devices the tree costs two transfers; use the matrix while it fits in memory.
DENSE_PAIRS = 2**24


@dataclass(frozen=True)
class LiveAgents:
    """Live agents of a batch of graphs, numbered 0 to L - 1 in row order.

    Args:
        index: data row of each live agent.
        graph: graph of each live agent, sorted.
        pos: coordinates in float64, precise enough for the dense and the tree form to agree on
            float32 input; None if the builder needs no positions.
        ptr: rows `ptr[g]` to `ptr[g + 1]` of the data are graph g.
    """

    index: Int[Tensor, " live"]
    graph: Int[Tensor, " live"]
    pos: Float[Tensor, "live 2"] | None
    ptr: Int[Tensor, " graph_plus_1"]

    @classmethod
    def of(cls, data: Data, with_position: bool) -> LiveAgents:
        """Live agents of the data; all are alive without `alive`, one graph without `batch`.

        Raises:
            ValueError: unsorted `batch`, or a live agent's position is not a finite pair.
        """
        batch, ptr = _graphs(data)
        alive = data.get("alive")
        if alive is None:
            index, graph = torch.arange(len(batch), device=batch.device), batch
        else:
            index = alive.flatten().nonzero().squeeze(1)
            graph = batch if len(index) == len(batch) else batch[index]
        pos = None
        if with_position:
            assert data.pos is not None, "the builder has checked"
            check_shape(data.pos, len(batch))
            pos = data.pos if len(index) == len(batch) else data.pos[index]
            pos = check_finite(pos.detach()).double()
        return cls(index, graph, pos, ptr)

    @property
    def num_graphs(self) -> int:
        """Number of graphs in the batch, including those without live agents."""
        return len(self.ptr) - 1

    @property
    def num_nodes(self) -> int:
        """Number of rows of the data, dead agents included."""
        return int(self.ptr[-1])

    @property
    def positions(self) -> Float[Tensor, "live 2"]:
        """The coordinates; only for builders with `needs_position`."""
        if self.pos is None:
            raise ValueError("a builder that reads positions sets `needs_position = True`")
        return self.pos

    @cached_property
    def count(self) -> Int[Tensor, " graph"]:
        """Number of live agents of each graph."""
        return torch.bincount(self.graph, minlength=self.num_graphs)

    @cached_property
    def start(self) -> Int[Tensor, " graph"]:
        """Number (within the live agents) of the first agent of each graph."""
        return self.count.cumsum(0) - self.count

    @cached_property
    def largest(self) -> int:
        """Number of live agents of the largest graph."""
        return int(self.count.max()) if self.num_graphs else 0

    @cached_property
    def equal_size(self) -> int:
        """Number of agents of each graph if all are alive and graphs have equally many; else 0."""
        if not self.num_graphs or len(self.index) != self.num_nodes:
            return 0
        size = self.ptr.diff()
        return int(size[0]) if bool((size == size[0]).all()) else 0

    @cached_property
    def number(self) -> Int[Tensor, " node"]:
        """Number of each row's agent among the live agents, -1 for dead agents."""
        number = torch.full((self.num_nodes,), -1, device=self.index.device)
        number[self.index] = torch.arange(len(self.index), device=self.index.device)
        return number

    def select(self, graphs: Bool[Tensor, " graph"]) -> LiveAgents:
        """The live agents of the selected graphs; rows and graph numbers do not change."""
        keep = graphs[self.graph]
        pos = None if self.pos is None else self.pos[keep]
        return replace(self, index=self.index[keep], graph=self.graph[keep], pos=pos)

    @cached_property
    def grid(self) -> Int[Tensor, "graph slot"]:
        """Numbers of the live agents, one row per graph, padded with -1."""
        shape = (self.num_graphs, self.largest)
        number = torch.arange(len(self.index), device=self.index.device)
        if shape[0] * shape[1] == len(number):
            return number.view(shape)
        grid = torch.full(shape, -1, device=number.device)
        grid[self.graph, number - self.start[self.graph]] = number
        return grid

    @cached_property
    def grid_pos(self) -> Float[Tensor, "graph slot 2"]:
        """Coordinates in the shape of `grid`; padding repeats an arbitrary live agent."""
        if self.grid.numel() == len(self.index):
            return self.positions.view(*self.grid.shape, 2)
        return self.positions[self.grid.clamp(min=0)]

    def difference(
        self, coordinate: Float[Tensor, "graph slot"]
    ) -> Float[Tensor, "graph slot slot"]:
        """Sender minus receiver; entry `[g, i, j]` is for receiver i and sender j of graph g."""
        return coordinate.unsqueeze(1) - coordinate.unsqueeze(2)

    def square_distance(self) -> Float[Tensor, "graph slot slot"]:
        """Squared pairwise distances, infinite on the diagonal and for padding."""
        dx, dy = (self.difference(c) for c in self.grid_pos.unbind(2))
        square = dx * dx + dy * dy
        square.diagonal(dim1=1, dim2=2).fill_(torch.inf)
        if self.grid.numel() != len(self.index):
            padding = self.grid < 0
            square.masked_fill_(padding.unsqueeze(1) | padding.unsqueeze(2), torch.inf)
        return square

    def edges_of(self, adjacency: Bool[Tensor, "graph slot slot"]) -> Int[Tensor, "2 edge"]:
        """Edge index of a padded adjacency matrix `[graph, receiver, sender]`."""
        graph, receiver, sender = adjacency.nonzero().unbind(1)
        rows = self.index[self.grid.flatten()] if self.grid.numel() else self.index
        offset = graph * self.grid.shape[1]
        return torch.stack([rows[offset + sender], rows[offset + receiver]])


def _graphs(data: Data) -> tuple[Int[Tensor, " node"], Int[Tensor, " graph_plus_1"]]:
    """Graph of each row, and row pointer of each graph."""
    batch, ptr = data.get("batch"), data.get("ptr")
    given = next((v for v in (data.get("alive"), data.get("pos"), batch) if v is not None), None)
    rows = (data.num_nodes or 0) if given is None else given.shape[0]
    if ptr is not None:
        if batch is None:
            graphs = torch.arange(len(ptr) - 1, device=ptr.device)
            batch = torch.repeat_interleave(graphs, ptr.diff(), output_size=rows)
        return batch, ptr
    if batch is None:
        like = data.edge_index if given is None else given
        device = None if like is None else like.device
        batch = torch.zeros(rows, dtype=torch.long, device=device)
        return batch, torch.tensor([0, rows], device=device)
    if (batch[1:] < batch[:-1]).any():
        raise ValueError("`batch` is not sorted; the rows of one graph must lie together")
    sizes = torch.bincount(batch)
    return batch, torch.cat([sizes.new_zeros(1), sizes.cumsum(0)])


def check_shape(pos: Tensor, rows: int) -> None:
    """Check that `pos` holds one pair per row.

    Raises:
        ValueError: wrong shape.
    """
    if tuple(pos.shape) != (rows, 2):
        raise ValueError(f"`pos` has shape {tuple(pos.shape)}; expected ({rows}, 2)")


def check_finite(pos: Tensor) -> Tensor:
    """Check that the positions of live agents are finite.

    Raises:
        ValueError: NaN, infinite or too large.
    """
    if pos.numel() and not bool(pos.abs().amax() <= LARGEST_COORDINATE):
        raise ValueError(
            "the position of a live agent is NaN, infinite or beyond "
            f"{LARGEST_COORDINATE:g}; only dead agents may have such"
        )
    return pos


def canonical(edge_index: Int[Tensor, "2 edge"], num_nodes: int) -> Int[Tensor, "2 edge"]:
    """Edges sorted by receiver, then sender."""
    sender, receiver = edge_index
    return edge_index[:, torch.argsort(receiver * num_nodes + sender)]


def dense_is_faster(agents: LiveAgents) -> bool:
    """Whether a matrix of all pairs is faster than a k-d tree."""
    if agents.index.device.type == "cpu":
        return agents.largest <= DENSE_AGENTS
    return agents.num_graphs * agents.largest**2 <= DENSE_PAIRS
