"""Sum of linearly mapped neighbour features."""

from __future__ import annotations

from jaxtyping import Float, Int
from torch import Tensor
from torch_geometric.nn import MessagePassing

from graphmarl.nn.adjacency import CSRMatrix, DenseMatrix, has_hooks
from graphmarl.nn.network import orthogonal_linear


class SumConv(MessagePassing):
    r"""Sum of linearly mapped neighbour features (state and action messages of VPP and IP).

    .. math::
        y_i = [W x_i] + \sum_j W x_j

    Args:
        in_channels: size of the input features.
        out_channels: size of each message.
        include_self: add the agent's own features, with the same weights.

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
        matrix: DenseMatrix | CSRMatrix | None = None,
    ) -> Float[Tensor, "row out"]:
        """One round; pass the adjacency `matrix` of the edges, if there is one, for speed."""
        return self.sum_messages(self.linear(x), edge_index, matrix)

    def sum_messages(
        self,
        x: Float[Tensor, "row out"],
        edge_index: Int[Tensor, "2 edge"],
        matrix: DenseMatrix | CSRMatrix | None = None,
    ) -> Float[Tensor, "row out"]:
        """Output from the mapped features `x`, that is W x of the equation."""
        if matrix is None or has_hooks(self):
            out = self.propagate(edge_index, x=x)
        else:
            out = matrix.sum(x)
        return out + x if self.include_self else out

    def message(self, x_j: Tensor) -> Tensor:
        """Mapped features of sender j."""
        return x_j
