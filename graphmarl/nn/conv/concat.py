"""Concatenation of the neighbours' messages."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch_geometric.nn import MessagePassing
from torch_geometric.utils import scatter


def neighbor_slots(
    edge_index: Int[Tensor, "2 edge"], pos: Float[Tensor, "row 2"] | None, slots: int
) -> Int[Tensor, " edge"]:
    """Slot of each edge among the edges to its receiver, sorted by the distance of the sender.

    Ties go to the lower row.

    Args:
        edge_index: senders and receivers.
        pos: positions of all rows.
        slots: maximum number of senders per receiver.

    Raises:
        ValueError: no positions, or a receiver has more senders than slots.
    """
    if pos is None:
        raise ValueError("neighbours are sorted by distance; these agents have no positions")
    sender, receiver = edge_index
    order = sender.argsort(stable=True)
    # Each stable sort keeps the previous order among equals.
    offset = pos[sender[order]] - pos[receiver[order]]
    order = order[(offset**2).sum(1).argsort(stable=True)]
    order = order[receiver[order].argsort(stable=True)]
    count = torch.bincount(receiver, minlength=len(pos))
    most = int(count.max()) if len(count) else 0
    if most > slots:
        raise ValueError(
            f"an agent has {most} neighbours; it has {slots} slots for them (neighbors={slots})"
        )
    first = (count.cumsum(0) - count)[receiver[order]]
    slot = torch.empty_like(order)
    slot[order] = torch.arange(len(order), device=order.device) - first
    return slot


class ConcatConv(MessagePassing):
    """Concatenates the features of up to a fixed number of neighbours, one slot each.

    Args:
        slots: maximum number of neighbours; empty slots are zeros.

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
        """Neighbour features of each agent by slot; `slot` comes from `neighbor_slots`."""
        out = self.propagate(edge_index, x=x, slot=slot, size=(len(x), len(x)))
        return out.view(len(x), self.slots, x.shape[1])

    def message(self, x_j: Tensor) -> Tensor:
        """Features of sender j."""
        return x_j

    def aggregate(
        self, inputs: Tensor, index: Tensor, slot: Tensor, dim_size: int | None = None
    ) -> Tensor:
        """Write each message to its slot."""
        assert dim_size is not None, "forward passes the number of rows"
        return concatenate_slots(inputs, index, slot, dim_size, self.slots)


def concatenate_slots(
    messages: Float[Tensor, "edge size"],
    receiver: Int[Tensor, " edge"],
    slot: Int[Tensor, " edge"],
    rows: int,
    slots: int,
) -> Float[Tensor, "rows joined"]:
    """Concatenation of the messages to each receiver by slot.

    Args:
        messages: message on each edge.
        receiver: receiver of each edge.
        slot: slot of each edge.
        rows: number of rows.
        slots: slots per row.
    """
    joined = scatter(messages, receiver * slots + slot, dim_size=rows * slots)
    return joined.view(rows, slots * messages.shape[1])
