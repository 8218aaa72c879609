"""Pairwise messages, which depend on sender and receiver."""

from __future__ import annotations

from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F
from torch_geometric.nn import MessagePassing

from graphmarl.nn.adjacency import CSRMatrix, DenseMatrix, has_hooks
from graphmarl.nn.network import orthogonal_linear


class PairConv(MessagePassing):
    r"""Sum of pairwise functions of receiver and sender features.

    .. math::
        y_i = W_3 \sum_j \mathrm{relu}(W_1 x_i + W_2 z_j)

    Sender features z may differ from receiver features x: in a critic, z_j contains the action of
    agent j and x_i does not, so that no message returns an action to its own agent.

    Args:
        in_channels: size of the receiver features.
        out_channels: size of the output features.
        sender_channels: size of the sender features; by default `in_channels`.
        hidden: width of the hidden layer; by default `out_channels`.

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
        """One round; `z` defaults to x."""
        return self.sum_pairs(self.receiver(x), edge_index, self.sender(x if z is None else z))

    def sum_pairs(
        self,
        u: Float[Tensor, "row hidden"],
        edge_index: Int[Tensor, "2 edge"],
        v: Float[Tensor, "row hidden"],
        matrix: DenseMatrix | CSRMatrix | None = None,
    ) -> Float[Tensor, "row out"]:
        """Output from the projections u = W_1 x and v = W_2 z.

        Pass the adjacency `matrix` of the edges, if there is one, for speed.
        """
        if matrix is None or has_hooks(self):
            return self.out(self.propagate(edge_index, u=u, v=v))
        return self.out(matrix.sum_pairs(u, v))

    def message(self, u_i: Tensor, v_j: Tensor) -> Tensor:
        """Pairwise message relu(u_i + v_j)."""
        return F.relu(u_i + v_j, inplace=True)
