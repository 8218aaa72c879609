"""Graph convolution of NVIF's FlowNets."""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch_geometric.nn import MessagePassing
from torch_geometric.nn.dense import Linear


class FlowConv(MessagePassing):
    r"""Graph convolution of neighbouring information flow (NVIF, eq. 9; Kipf and Welling 2017).

    .. math::
        H^{l+1} = B^{-1/2} (G + I) B^{-1/2} H^l W^l, \quad B = \mathrm{diag}((G + I) \mathbf{1})

    The ReLU of eq. 9 is applied by `FlowNet`. An agent without neighbours keeps its own features.

    Args:
        in_channels: size of the input features.
        out_channels: size of the output features.

    Shapes:
        x (row, in_channels), edge_index (2, edge); out (row, out_channels).
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(aggr="sum")
        self.linear = Linear(in_channels, out_channels, bias=False, weight_initializer="glorot")

    def forward(
        self,
        x: Float[Tensor, "row in"],
        edge_index: Int[Tensor, "2 edge"],
        norm: tuple[Float[Tensor, "edge 1"], Float[Tensor, "row 1"]] | None = None,
    ) -> Float[Tensor, "row out"]:
        """Convolve; pass `norm` to share it between layers on the same graph."""
        edge_norm, self_norm = symmetric_norm(edge_index, len(x)) if norm is None else norm
        h = self.linear(x)
        return self.propagate(edge_index, h=h, edge_norm=edge_norm) + self_norm * h

    def message(self, h_j: Tensor, edge_norm: Tensor) -> Tensor:
        """Normalised features of sender j."""
        return edge_norm * h_j


def symmetric_norm(
    edge_index: Int[Tensor, "2 edge"], num_nodes: int
) -> tuple[Float[Tensor, "edge 1"], Float[Tensor, "row 1"]]:
    """Entries of B^{-1/2} (G + I) B^{-1/2}: one per edge, and one per self loop."""
    sender, receiver = edge_index
    degree = torch.ones(num_nodes, device=edge_index.device)
    degree = degree.index_add(0, receiver, degree.new_ones(len(receiver)))
    inverse_root = degree.rsqrt()
    return (inverse_root[sender] * inverse_root[receiver])[:, None], (1 / degree)[:, None]
