"""Message-passing layer of NDQ."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch_geometric.nn import MessagePassing
from torch_geometric.utils import scatter

from graphmarl.nn.network import mlp


class GaussianConv(MessagePassing):
    r"""Gaussian messages on directed edges (NDQ, Section 3).

    .. math::
        m_{ij} \sim \mathcal{N}(\mu_{ij}, I), \quad \mu_{ij} = f_m(x_i)_j

    With `slots` the sender encodes a message for each agent index, and the receiver concatenates
    messages in the order of the senders' indices, as in the paper; the number of agents is fixed.
    Without, a sender broadcasts one message and a receiver takes the mean, for any number of
    agents. Edges from agents to themselves are messages as well, which a cut ranks with all others.

    Args:
        in_channels: size of the input features.
        out_channels: numbers ("bits") in each message.
        hidden: width of the message encoder f_m.
        slots: number of agents, for messages by agent index; 0 for any number.
        noise: sample messages in evaluation mode too, as in the paper's code.

    Shapes:
        x (row, in_channels), edge_index (2, edge); mean (edge, out_channels); out (row, size).
    """

    cuts_self = True

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
        """Mean mu_ij of each message."""
        sender, receiver = edge_index
        mu = self.encoder(x)
        if not self.slots:
            return mu[sender]
        return mu.view(-1, self.bits)[sender * self.slots + receiver % self.slots]

    def forward(
        self,
        x: Float[Tensor, "row in"],
        edge_index: Int[Tensor, "2 edge"],
        mean: Float[Tensor, "edge bit"] | None = None,
    ) -> Float[Tensor, "row size"]:
        """Sample and aggregate messages; pass `mean` if it is computed already."""
        mean = self.mean(x, edge_index) if mean is None else mean
        slot = edge_index[0] % max(self.slots, 1)
        return self.propagate(edge_index, mean=mean, slot=slot, size=(len(x), len(x)))

    def message(self, mean: Tensor) -> Tensor:
        """Sampled message, or its mean in evaluation."""
        return mean + torch.randn_like(mean) if self.training or self.noise else mean

    def importance(self, message: Tensor, mean: Tensor) -> Tensor:
        """Importance of each bit: the absolute value of its mean."""
        return mean.abs()

    def aggregate(
        self, inputs: Tensor, index: Tensor, slot: Tensor, dim_size: int | None = None
    ) -> Tensor:
        """Concatenate by sender index, or take the mean."""
        assert dim_size is not None, "forward passes the number of rows"
        if not self.slots:
            return scatter(inputs, index, dim_size=dim_size, reduce="mean")
        rows = dim_size * self.slots
        joined = scatter(inputs, index * self.slots + slot, dim_size=rows)
        return joined.view(dim_size, self.size)
