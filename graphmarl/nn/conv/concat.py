"""What neighbours say, side by side."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch_geometric.nn import MessagePassing
from torch_geometric.utils import scatter


def neighbor_slots(
    edge_index: Int[Tensor, "2 edge"], pos: Float[Tensor, "row 2"] | None, slots: int
) -> Int[Tensor, " edge"]:
    """Number of each edge among those to the same receiver, the nearest sender first.

    Of equally near senders the lower row comes first.

    Args:
        edge_index: who sends and who receives.
        pos: where they are.
        slots: how many senders a receiver has at most.

    Raises:
        ValueError: there are no positions, or a receiver has more senders than slots.
    """
    if pos is None:
        raise ValueError("neighbours are sorted by distance; these agents have no positions")
    sender, receiver = edge_index
    order = sender.argsort(stable=True)
    # Each stable sort keeps the order of the one before among equals.
    offset = pos[sender[order]] - pos[receiver[order]]
    order = order[(offset**2).sum(1).argsort(stable=True)]
    order = order[receiver[order].argsort(stable=True)]
    count = torch.bincount(receiver, minlength=len(pos))
    most = int(count.max()) if len(count) else 0
    if most > slots:
        raise ValueError(
            f"an agent hears {most} others; it has {slots} slots for them (neighbors={slots})"
        )
    first = (count.cumsum(0) - count)[receiver[order]]
    slot = torch.empty_like(order)
    slot[order] = torch.arange(len(order), device=order.device) - first
    return slot


class ConcatConv(MessagePassing):
    """Lays what up to so many neighbours say side by side, one slot for each.

    Args:
        slots: how many neighbours there can be; the slots of those who are missing are zeros.

    Shapes:
        x (row, size), edge_index (2, edge), slot (edge,); out (row, slots, size).
    """

    def __init__(self, slots: int) -> None:
        super().__init__(aggr="sum")
        self.slots = slots

    def forward(
        self,
        x: Float[Tensor, "row size"],
        edge_index: Int[Tensor, "2 edge"],
        slot: Int[Tensor, " edge"],
    ) -> Float[Tensor, "row slots size"]:
        """What each agent is told; `slot` is that of `neighbor_slots`."""
        told = self.propagate(edge_index, x=x, slot=slot, size=(len(x), len(x)))
        return told.view(len(x), self.slots, x.shape[1])

    def message(self, x_j: Tensor) -> Tensor:
        """All that the sender says."""
        return x_j

    def aggregate(
        self, inputs: Tensor, index: Tensor, slot: Tensor, dim_size: int | None = None
    ) -> Tensor:
        """Each message in its slot."""
        assert dim_size is not None, "forward says how many rows there are"
        return concatenate_slots(inputs, index, slot, dim_size, self.slots)


def concatenate_slots(
    told: Float[Tensor, "edge size"],
    receiver: Int[Tensor, " edge"],
    slot: Int[Tensor, " edge"],
    rows: int,
    slots: int,
) -> Float[Tensor, "rows joined"]:
    """What each receiver is told over its edges, slot after slot."""
    joined = scatter(told, receiver * slots + slot, dim_size=rows * slots)
    return joined.view(rows, slots * told.shape[1])
