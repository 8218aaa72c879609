"""The message layer of NDQ."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch_geometric.nn import MessagePassing
from torch_geometric.utils import scatter

from graphmarl.nn.network import mlp


class GaussianConv(MessagePassing):
    r"""A Gaussian message on every directed edge (NDQ, Section 3).

    .. math::
        m_{ij} \sim \mathcal{N}(\mu_{ij}, I), \quad \mu_{ij} = f_m(x_i)_j

    With `slots` the sender has a message for each place and the receiver reads them side by side in
    the order of the senders' places, as in the paper: the number of agents is fixed. Without, a
    sender tells all its receivers the same and a receiver takes the mean, for any number of agents.
    Unlike in the paper's code, an agent tells itself nothing.

    Args:
        in_channels: size of what an agent knows.
        out_channels: numbers ("bits") in each message.
        hidden: width of the encoder f_m.
        slots: number of agents whose places are told apart; 0 for any number.
        noise: draw messages even outside of training, as the paper's code does.

    Shapes:
        x (row, in_channels), edge_index (2, edge); mean (edge, out_channels); out (row, size).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        hidden: int = 64,
        slots: int = 0,
        noise: bool = False,
    ) -> None:
        super().__init__(aggr="mean")
        self.bits, self.slots, self.noise = out_channels, slots, noise
        self.encoder = mlp(in_channels, hidden, hidden, max(slots, 1) * out_channels, last_gain=1.0)
        self.size = max(slots, 1) * out_channels

    def mean(
        self, x: Float[Tensor, "row in"], edge_index: Int[Tensor, "2 edge"]
    ) -> Float[Tensor, "edge bit"]:
        """The mean mu_ij of each message."""
        sender, receiver = edge_index
        told = self.encoder(x)
        if not self.slots:
            return told[sender]
        return told.view(-1, self.bits)[sender * self.slots + receiver % self.slots]

    def forward(
        self,
        x: Float[Tensor, "row in"],
        edge_index: Int[Tensor, "2 edge"],
        mean: Float[Tensor, "edge bit"] | None = None,
    ) -> Float[Tensor, "row size"]:
        """Pass `mean` if it is known already."""
        mean = self.mean(x, edge_index) if mean is None else mean
        place = edge_index[0] % max(self.slots, 1)
        return self.propagate(edge_index, mean=mean, place=place, size=(len(x), len(x)))

    def message(self, mean: Tensor) -> Tensor:
        """The message that is drawn."""
        return mean + torch.randn_like(mean) if self.training or self.noise else mean

    def importance(self, message: Tensor, mean: Tensor) -> Tensor:
        """Bits are cut by the size of their mean."""
        return mean.abs()

    def aggregate(
        self, inputs: Tensor, index: Tensor, place: Tensor, dim_size: int | None = None
    ) -> Tensor:
        """Side by side in the places of the senders, or the mean."""
        assert dim_size is not None, "forward says how many rows there are"
        if not self.slots:
            return scatter(inputs, index, dim_size=dim_size, reduce="mean")
        rows = dim_size * self.slots
        beside = scatter(inputs, index * self.slots + place, dim_size=rows)
        return beside.view(dim_size, self.size)
