"""The living agents of a batch of graphs, and their dense (padded) form."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch_geometric.data import Data

# Squares of larger coordinates could overflow, and infinite distances would look like no agent.
LARGEST_COORDINATE = 1e100
# Measured on two cores: below about 100 agents a matrix of all pairs takes less time than a tree.
DENSE_AGENTS = 100
# On other devices the tree costs two transfers; there the matrix serves while it fits in memory.
DENSE_PAIRS = 2**24


@dataclass(frozen=True)
class LiveAgents:
    """The living agents of a batch of graphs, numbered 0 to L - 1 in the order of their rows.

    Args:
        index: row of each living agent in the data.
        graph: graph of each living agent; never decreases.
        pos: coordinates in float64, which holds a float32 difference exactly enough that the dense
            and the tree form agree; None where the builder needs none.
        ptr: rows `ptr[g]` to `ptr[g + 1]` of the data are graph g.
    """

    index: Int[Tensor, " living"]
    graph: Int[Tensor, " living"]
    pos: Float[Tensor, "living 2"] | None
    ptr: Int[Tensor, " graph_plus_1"]

    @classmethod
    def of(cls, data: Data, with_position: bool) -> LiveAgents:
        """The living agents of any data; without `alive` all live, without `batch` it is one graph.

        Raises:
            ValueError: unsorted `batch`, or a living agent's position that is no finite pair.
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
        """Graphs in the batch, with or without living agents."""
        return len(self.ptr) - 1

    @property
    def num_nodes(self) -> int:
        """Rows of the data, living and dead."""
        return int(self.ptr[-1])

    @property
    def places(self) -> Float[Tensor, "living 2"]:
        """The coordinates, for builders that have asked for them."""
        assert self.pos is not None, "only a builder with needs_position may ask"
        return self.pos

    @cached_property
    def count(self) -> Int[Tensor, " graph"]:
        """Living agents of each graph."""
        return torch.bincount(self.graph, minlength=self.num_graphs)

    @cached_property
    def start(self) -> Int[Tensor, " graph"]:
        """Number of the first living agent of each graph."""
        return self.count.cumsum(0) - self.count

    @cached_property
    def largest(self) -> int:
        """Living agents of the largest graph."""
        return int(self.count.max()) if self.num_graphs else 0

    @cached_property
    def number(self) -> Int[Tensor, " node"]:
        """Number of each row's agent among the living, -1 for the dead."""
        number = torch.full((self.num_nodes,), -1, device=self.index.device)
        number[self.index] = torch.arange(len(self.index), device=self.index.device)
        return number

    def select(self, graphs: Bool[Tensor, " graph"]) -> LiveAgents:
        """The living agents of some of the graphs; rows and graph numbers stay."""
        keep = graphs[self.graph]
        pos = None if self.pos is None else self.pos[keep]
        return replace(self, index=self.index[keep], graph=self.graph[keep], pos=pos)

    @cached_property
    def grid(self) -> Int[Tensor, "graph slot"]:
        """Numbers of the living agents, one row for each graph, padded with -1."""
        shape = (self.num_graphs, self.largest)
        number = torch.arange(len(self.index), device=self.index.device)
        if shape[0] * shape[1] == len(number):
            return number.view(shape)
        grid = torch.full(shape, -1, device=number.device)
        grid[self.graph, number - self.start[self.graph]] = number
        return grid

    @cached_property
    def grid_pos(self) -> Float[Tensor, "graph slot 2"]:
        """Coordinates in the shape of `grid`; padding holds those of some living agent."""
        if self.grid.numel() == len(self.index):
            return self.places.view(*self.grid.shape, 2)
        return self.places[self.grid.clamp(min=0)]

    def difference(
        self, coordinate: Float[Tensor, "graph slot"]
    ) -> Float[Tensor, "graph slot slot"]:
        """Sender minus receiver; `[g, i, j]` is how receiver i of graph g sees sender j."""
        return coordinate.unsqueeze(1) - coordinate.unsqueeze(2)

    def square_distance(self) -> Float[Tensor, "graph slot slot"]:
        """Squared distances of all pairs, infinite for oneself and for padding."""
        dx, dy = (self.difference(c) for c in self.grid_pos.unbind(2))
        square = dx * dx + dy * dy
        square.diagonal(dim1=1, dim2=2).fill_(torch.inf)
        if self.grid.numel() != len(self.index):
            padding = self.grid < 0
            square.masked_fill_(padding.unsqueeze(1) | padding.unsqueeze(2), torch.inf)
        return square

    def edges_of(self, hears: Bool[Tensor, "graph slot slot"]) -> Int[Tensor, "2 edge"]:
        """Edges of the data from a padded adjacency `[graph, receiver, sender]`."""
        graph, receiver, sender = hears.nonzero().unbind(1)
        rows = self.index[self.grid.flatten()] if self.grid.numel() else self.index
        offset = graph * self.grid.shape[1]
        return torch.stack([rows[offset + sender], rows[offset + receiver]])


def _graphs(data: Data) -> tuple[Int[Tensor, " node"], Int[Tensor, " graph_plus_1"]]:
    """Graph of each row, and the first row of each graph."""
    batch, ptr = data.get("batch"), data.get("ptr")
    known = next((v for v in (data.get("alive"), data.get("pos"), batch) if v is not None), None)
    rows = (data.num_nodes or 0) if known is None else known.shape[0]
    if ptr is not None:
        if batch is None:
            graphs = torch.arange(len(ptr) - 1, device=ptr.device)
            batch = torch.repeat_interleave(graphs, ptr.diff(), output_size=rows)
        return batch, ptr
    if batch is None:
        like = data.edge_index if known is None else known
        device = None if like is None else like.device
        batch = torch.zeros(rows, dtype=torch.long, device=device)
        return batch, torch.tensor([0, rows], device=device)
    if (batch[1:] < batch[:-1]).any():
        raise ValueError("`batch` is not sorted; the rows of one graph must lie together")
    sizes = torch.bincount(batch)
    return batch, torch.cat([sizes.new_zeros(1), sizes.cumsum(0)])


def check_shape(pos: Tensor, rows: int) -> None:
    """Refuse positions that are not one pair for each agent.

    Raises:
        ValueError: says what came and what is allowed.
    """
    if tuple(pos.shape) != (rows, 2):
        raise ValueError(f"`pos` has shape {tuple(pos.shape)}; expected ({rows}, 2)")


def check_finite(pos: Tensor) -> Tensor:
    """Refuse positions of living agents that are no numbers.

    Raises:
        ValueError: says what came and what is allowed.
    """
    if pos.numel() and not bool(pos.abs().amax() <= LARGEST_COORDINATE):
        raise ValueError(
            "the position of a living agent is NaN, infinite or beyond "
            f"{LARGEST_COORDINATE:g}; only dead agents may have such"
        )
    return pos


def canonical(edge_index: Int[Tensor, "2 edge"], num_nodes: int) -> Int[Tensor, "2 edge"]:
    """Edges in order of receiver, then sender."""
    sender, receiver = edge_index
    return edge_index[:, torch.argsort(receiver * num_nodes + sender)]


def dense_is_faster(agents: LiveAgents) -> bool:
    """Whether to look at all pairs of agents rather than to build a tree."""
    if agents.index.device.type == "cpu":
        return agents.largest <= DENSE_AGENTS
    return agents.num_graphs * agents.largest**2 <= DENSE_PAIRS
