"""Hard and soft attention over neighbours."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from torch_geometric.nn import MessagePassing
from torch_geometric.utils import scatter

from graphmarl.nn.network import fused_linear, orthogonal_linear

GateContext = Literal["mean", "lstm"]


class GatedConv(MessagePassing):
    r"""Hard attention gates edges, soft attention weights the open ones (G2ANet: Liu et al. 2020).

    .. math::
        g_{ij} = [u_{ij} > 0], \quad
        \alpha_{ij} \propto g_{ij} \exp \left( q_i^T k_j / \sqrt{d} \right), \quad
        c_i = \alpha_{ii} v_i + \sum_j \alpha_{ij} v_j

    The self loop is always open, so that an agent whose edges are all closed attends to itself
    alone. The gate score u_ij depends on the pair and on the mean over all pairs of the receiver.
    Unlike the paper, whose bidirectional LSTM reads the pairs in the order of the agent indices
    (`context` lstm), it is permutation equivariant. Unlike the paper, whose gates are samples of
    the Gumbel-softmax (`gate_noise`), a gate takes its most likely value with the straight-through
    gradient of sigmoid(u_ij / temperature): PPO compares action probabilities on the same graph,
    which must not depend on fresh noise. Gates are open at initialisation.

    The message from agent j is its signature k_j, which the gate reads, and alpha_ij v_j if the
    edge is open. A cut never removes signatures.

    Args:
        in_channels: size of the input features.
        out_channels: size of the output features.
        key: size d of queries and signatures; by default `out_channels`.
        temperature: temperature of the gates' straight-through gradient.
        context: what a gate reads beside its pair: the `mean` over all pairs of the receiver, or
            the states of a bidirectional `lstm` over them in the order of the senders' rows.
        gate_noise: sample gates in training, from the Gumbel-softmax.

    Raises:
        ValueError: the temperature is not positive.

    Shapes:
        x (row, in_channels), edge_index (2, edge); alpha (edge, 1); out (row, out_channels).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        key: int | None = None,
        temperature: float = 1.0,
        context: GateContext = "mean",
        gate_noise: bool = False,
    ) -> None:
        super().__init__(aggr="sum")
        if not temperature > 0:
            raise ValueError(f"temperature is {temperature}; it must be positive")
        self.header = self.key = key or out_channels
        self.temperature, self.gate_noise = temperature, gate_noise
        self.query = orthogonal_linear(in_channels, self.key, 1.0)
        self.signature = orthogonal_linear(in_channels, self.key, 1.0)
        self.value = orthogonal_linear(in_channels, out_channels, 1.0)
        self.receiver = orthogonal_linear(in_channels, self.key)
        self.sender = orthogonal_linear(self.key, self.key)
        self.together = orthogonal_linear(self.key, self.key) if context == "mean" else None
        self.lstm = None
        if context == "lstm":
            self.lstm = nn.LSTM(self.key, self.key, bidirectional=True, batch_first=True)
        self.gate = orthogonal_linear(self.key * (1 if context == "mean" else 2), 1, 0.01)
        torch.nn.init.ones_(self.gate.bias)

    def scores(
        self, own: Tensor, signature: Tensor, edge_index: Int[Tensor, "2 edge"]
    ) -> Float[Tensor, " edge"]:
        """Gate score u_ij of each edge, which is open above 0."""
        sender, receiver = edge_index
        pair = F.relu(own[receiver] + self.sender(signature)[sender])
        if self.lstm is not None:
            return self.gate(along_senders(self.lstm, pair, edge_index)).squeeze(1)
        assert self.together is not None, "made for this context"
        pooled = self.together(scatter(pair, receiver, dim_size=len(own), reduce="mean"))
        return self.gate(F.relu(pair + pooled[receiver])).squeeze(1)

    def attention(
        self, x: Float[Tensor, "row in"], edge_index: Int[Tensor, "2 edge"]
    ) -> tuple[Float[Tensor, "edge 1"], Float[Tensor, "row 1"]]:
        """Attention of each agent to its neighbours, 0 on closed edges, and to itself."""
        sender, receiver = edge_index
        q, k, own = fused_linear(x, self.query, self.signature, self.receiver)
        u = self.scores(own, k, edge_index)
        if self.gate_noise and self.training:
            u = u + torch.rand_like(u).logit(eps=1e-6)
        soft, opened = torch.sigmoid(u / self.temperature), u > 0
        gate = opened.to(soft.dtype) + soft - soft.detach()
        edge, self_score = (q[receiver] * k[sender]).sum(1), (q * k).sum(1)
        edge, self_score = edge / self.key**0.5, self_score / self.key**0.5
        with torch.no_grad():
            # Closed edges are left out of the maximum, which could underflow the open ones.
            open_score = edge.masked_fill(~opened, float("-inf"))
            most = self_score.scatter_reduce(0, receiver, open_score, "amax")
        weight = gate * (edge - most[receiver]).clamp(max=0).exp()
        self_weight = (self_score - most).exp()
        total = self_weight + scatter(weight, receiver, dim_size=len(x))
        return (weight / total[receiver])[:, None], (self_weight / total)[:, None]

    def forward(
        self,
        x: Float[Tensor, "row in"],
        edge_index: Int[Tensor, "2 edge"],
        alpha: tuple[Tensor, Tensor] | None = None,
    ) -> Float[Tensor, "row out"]:
        """Attend; pass `alpha` if the attention is computed already."""
        edge_alpha, self_alpha = self.attention(x, edge_index) if alpha is None else alpha
        v = self.value(x)
        aggregated = self.propagate(edge_index, v=v, alpha=edge_alpha, size=(len(x), len(x)))
        return aggregated + self_alpha * v

    def message(self, v_j: Tensor, alpha: Tensor) -> Tensor:
        """Value of sender j, weighted by the attention of receiver i."""
        return alpha * v_j

    def sends(self, message: Tensor, v_j: Tensor, alpha: Tensor) -> Tensor:
        """Mask of the open edges."""
        return (alpha > 0).expand(message.shape)

    def importance(self, message: Tensor, v_j: Tensor, alpha: Tensor) -> Tensor:
        """Importance of all bits of a message: its attention."""
        return alpha.expand(message.shape)


def along_senders(
    lstm: nn.LSTM, pair: Float[Tensor, "edge key"], edge_index: Int[Tensor, "2 edge"]
) -> Float[Tensor, "edge state"]:
    """States of a recurrent network over the pairs of each receiver, by the row of the sender.

    Args:
        lstm: network that reads a batch of sequences.
        pair: features of each edge.
        edge_index: senders and receivers.
    """
    if not len(pair):
        return pair.new_zeros(0, 2 * lstm.hidden_size)
    order = edge_index[0].argsort(stable=True)
    order = order[edge_index[1][order].argsort(stable=True)]
    _, sequence, count = edge_index[1][order].unique_consecutive(
        return_inverse=True, return_counts=True
    )
    slot = torch.arange(len(order), device=order.device) - (count.cumsum(0) - count)[sequence]
    padded = pair.new_zeros(len(count), int(count.max()), pair.shape[1])
    padded = padded.index_put((sequence, slot), pair[order])
    packed = pack_padded_sequence(padded, count.cpu(), batch_first=True, enforce_sorted=False)
    states, _ = pad_packed_sequence(lstm(packed)[0], batch_first=True)
    out = states.new_zeros(len(pair), states.shape[2])
    return out.index_put((order,), states[sequence, slot])
