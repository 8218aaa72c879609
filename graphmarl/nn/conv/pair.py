"""Messages that depend on both ends of an edge."""

from __future__ import annotations

from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F
from torch_geometric.nn import MessagePassing

from graphmarl.nn.network import orthogonal_linear


class PairConv(MessagePassing):
    r"""A pairwise function of what is known at the two ends of each edge, summed.

    .. math::
        y_i = W_3 \sum_j \mathrm{relu}(W_1 x_i + W_2 z_j)

    The receiver's part may differ from the sender's: in a critic, z_j holds the action of agent j
    and x_i holds none, so that no action ever comes back to who took it.

    Args:
        in_channels: size of what the receiver knows.
        out_channels: size of the result.
        sender_channels: size of what the sender knows; by default as the receiver.
        hidden: width of the layer between; by default as the result.

    Shapes:
        x (row, in_channels), edge_index (2, edge), z (row, sender_channels); out (row,
        out_channels).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        sender_channels: int | None = None,
        hidden: int | None = None,
    ) -> None:
        super().__init__(aggr="sum")
        width = hidden or out_channels
        self.receiver = orthogonal_linear(in_channels, width)
        self.sender = orthogonal_linear(sender_channels or in_channels, width)
        self.out = orthogonal_linear(width, out_channels)

    def forward(
        self,
        x: Float[Tensor, "row in"],
        edge_index: Int[Tensor, "2 edge"],
        z: Float[Tensor, "row sender"] | None = None,
    ) -> Float[Tensor, "row out"]:
        """One round; without `z` both ends know x."""
        return self.heard(self.receiver(x), edge_index, self.sender(x if z is None else z))

    def heard(
        self,
        own: Float[Tensor, "row hidden"],
        edge_index: Int[Tensor, "2 edge"],
        told: Float[Tensor, "row hidden"],
    ) -> Float[Tensor, "row out"]:
        """The same from W_1 x_i and W_2 z_j, for who has them already."""
        return self.out(self.propagate(edge_index, own=own, told=told))

    def message(self, own_i: Tensor, told_j: Tensor) -> Tensor:
        """What agent i makes of what agent j tells."""
        return F.relu(own_i + told_j, inplace=True)
