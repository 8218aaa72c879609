"""The plainest message: a linear map, summed."""

from __future__ import annotations

from jaxtyping import Float, Int
from torch import Tensor
from torch_geometric.nn import MessagePassing

from graphmarl.nn.adjacency import CSRMatrix, DenseMatrix, watched
from graphmarl.nn.network import orthogonal_linear


class SumConv(MessagePassing):
    r"""What the neighbours know, mapped and summed (VPP and IP, state and action messages).

    .. math::
        y_i = [W x_i] + \sum_j W x_j

    Args:
        in_channels: size of what an agent knows.
        out_channels: size of each message.
        include_self: add the agent's own, by the same weights.

    Shapes:
        x (row, in_channels), edge_index (2, edge); out (row, out_channels).
    """

    def __init__(self, in_channels: int, out_channels: int, include_self: bool = False) -> None:
        super().__init__(aggr="sum")
        self.include_self = include_self
        self.linear = orthogonal_linear(in_channels, out_channels)

    def forward(
        self,
        x: Float[Tensor, "row in"],
        edge_index: Int[Tensor, "2 edge"],
        blocks: DenseMatrix | CSRMatrix | None = None,
    ) -> Float[Tensor, "row out"]:
        """One round; quicker with the `blocks` of the edges, if there are any."""
        return self.heard(self.linear(x), edge_index, blocks)

    def heard(
        self,
        told: Float[Tensor, "row out"],
        edge_index: Int[Tensor, "2 edge"],
        blocks: DenseMatrix | CSRMatrix | None = None,
    ) -> Float[Tensor, "row out"]:
        """The same from W x_j, for who has it already."""
        if blocks is None or watched(self):
            heard = self.propagate(edge_index, x=told)
        else:
            heard = blocks.sum(told)
        return heard + told if self.include_self else heard

    def message(self, x_j: Tensor) -> Tensor:
        """What agent j tells."""
        return x_j
