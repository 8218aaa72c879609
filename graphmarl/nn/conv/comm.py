"""Message-passing layer of CommNet."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch_geometric.nn import MessagePassing

from graphmarl.nn.network import orthogonal_linear


class CommConv(MessagePassing):
    r"""Mean aggregation of the neighbours' hidden states (CommNet: Sukhbaatar et al. 2016, eq. 2).

    .. math::
        h_i^{k+1} = \tanh \left( H h_i^k + C c_i^k + S h_i^0 + b \right), \quad
        c_i^k = \frac{1}{|N_i|} \sum_{j \in N_i} h_j^k

    The mean is zero for agents without neighbours. A cut message counts as zeros in the mean.

    Args:
        in_channels: size of the hidden state h_i^k.
        out_channels: size of the next hidden state.
        skip_channels: size of h_i^0, for the skip connection; 0 for none.

    Shapes:
        h (row, in_channels), edge_index (2, edge), skip (row, skip_channels); out (row,
        out_channels).
    """

    def __init__(self, in_channels: int, out_channels: int, skip_channels: int = 0) -> None:
        super().__init__(aggr="mean")
        self.linear = orthogonal_linear(2 * in_channels + skip_channels, out_channels, 1.0)

    def forward(
        self,
        h: Float[Tensor, "row in"],
        edge_index: Int[Tensor, "2 edge"],
        skip: Float[Tensor, "row skip"] | None = None,
    ) -> Float[Tensor, "row out"]:
        """One round; `skip` is h_i^0."""
        mean = self.propagate(edge_index, h=h, size=(len(h), len(h)))
        inputs = [h, mean] if skip is None else [h, mean, skip]
        return self.linear(torch.cat(inputs, 1)).tanh()

    def message(self, h_j: Tensor) -> Tensor:
        """Hidden state of sender j."""
        return h_j
