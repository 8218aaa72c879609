"""Dot-product attention over neighbours."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch_geometric.nn import MessagePassing
from torch_geometric.utils import softmax

from graphmarl.nn.adjacency import CSRMatrix, DenseMatrix
from graphmarl.nn.network import fused_linear, orthogonal_linear


class AttentionConv(MessagePassing):
    r"""Multi-head dot-product attention over neighbours and self (TarMAC, eq. 3; DGN, eqs. 1-2).

    .. math::
        \alpha_{ij} = \mathrm{softmax}_j \left( q_i^T k_j / \sqrt{d} \right), \quad
        c_i = \alpha_{ii} v_i + \sum_j \alpha_{ij} v_j

    Features e_ij of an edge, if there are any, are added to k_j and v_j by linear maps, as in the
    transformer layer of PyTorch Geometric.

    An agent without neighbours attends to itself alone; if `include_self` is off, its output is
    zeros. The message from agent j to agent i is its signature k_j and alpha_ij v_j. A cut never
    removes signatures, so that attention is not renormalised.

    Args:
        in_channels: size of the input features.
        out_channels: size of the output features, over all heads.
        heads: number of heads, which are concatenated.
        key: size d of the queries and keys of each head; by default that of the values.
        activation: applied to queries, keys and values, as in DGN's code; None for none.
        include_self: attend to the agent itself too.
        scale: divisor of the scores; None is the root of the key size d.
        edge_dim: size of the features of an edge; None for none.

    Shapes:
        x (row, in_channels), edge_index (2, edge), edge_attr (edge, edge_dim); alpha (edge, heads);
        out (row, out_channels).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        heads: int = 1,
        key: int | None = None,
        activation: nn.Module | None = None,
        include_self: bool = True,
        scale: float | None = None,
        edge_dim: int | None = None,
    ) -> None:
        if out_channels % heads:
            raise ValueError(
                f"out_channels is {out_channels}; it must be a multiple of {heads} heads"
            )
        super().__init__(aggr="sum")
        self.heads, self.width = heads, out_channels // heads
        self.key = key or self.width
        self.header = heads * self.key
        self.include_self = include_self
        self.scale = self.key**0.5 if scale is None else scale
        self.activation = nn.Identity() if activation is None else activation
        self.query = orthogonal_linear(in_channels, heads * self.key, 1.0)
        self.signature = orthogonal_linear(in_channels, heads * self.key, 1.0)
        self.value = orthogonal_linear(in_channels, out_channels, 1.0)
        if edge_dim is not None:
            self.edge_key = orthogonal_linear(edge_dim, heads * self.key, 1.0)
            self.edge_value = orthogonal_linear(edge_dim, out_channels, 1.0)

    def forward_matrix(
        self, x: Float[Tensor, "row in"], matrix: DenseMatrix | CSRMatrix
    ) -> tuple[Float[Tensor, "row out"], Float[Tensor, "edge head"]]:
        """Output and attention on the edges, by an adjacency matrix."""
        if isinstance(matrix, CSRMatrix):
            edge_alpha, self_alpha = self._normalised(
                x, matrix.sender, matrix.receiver, matrix.product
            )
            v = self.activation(self.value(x)).view(-1, self.heads, self.width)
            return self._joined(matrix.weighted(edge_alpha, v), self_alpha, v), edge_alpha
        shape = (*matrix.shape, self.heads, -1)
        q, k, v = (
            self.activation(part).reshape(shape).transpose(1, 2)
            for part in fused_linear(x, self.query, self.signature, self.value)
        )
        scores = (q @ k.transpose(-1, -2)) / self.scale
        mask = matrix.mask(self.include_self)
        scores = scores if mask is None else scores.masked_fill(~mask, float("-inf"))
        # PyTorch's softmax is slow over rows as short as these; one without entries is zeros.
        most = scores.detach().amax(-1, keepdim=True)
        weight = (scores - most.clamp(min=torch.finfo(most.dtype).min)).exp()
        alpha = weight / weight.sum(-1, keepdim=True).clamp(min=torch.finfo(most.dtype).tiny)
        out = (alpha @ v).transpose(1, 2).flatten(0, 1).flatten(1)
        return out, alpha.transpose(0, 1).flatten(1)[:, matrix.flat_index].t()

    def attention(
        self,
        x: Float[Tensor, "row in"],
        edge_index: Int[Tensor, "2 edge"],
        edge_attr: Float[Tensor, "edge attribute"] | None = None,
    ) -> tuple[Float[Tensor, "edge head"], Float[Tensor, "row head"]]:
        """Attention of each agent to its neighbours (per edge) and to itself (per row)."""
        sender, receiver = edge_index

        def product(q: Tensor, k: Tensor) -> Tensor:
            key = k[sender]
            if edge_attr is not None:
                key = key + self.edge_key(edge_attr).view_as(key)
            return (q[receiver] * key).sum(-1)

        return self._normalised(x, sender, receiver, product)

    def _normalised(
        self,
        x: Tensor,
        sender: Tensor,
        receiver: Tensor,
        product: Callable[[Tensor, Tensor], Tensor],
    ) -> tuple[Tensor, Tensor]:
        """Softmax of query-key products over the edges and, if included, the self loop."""
        q = self.activation(self.query(x)).view(-1, self.heads, self.key)
        k = self.activation(self.signature(x)).view(-1, self.heads, self.key)
        edge_scores = product(q, k) / self.scale
        if not self.include_self:
            alpha = softmax(edge_scores, receiver, num_nodes=len(x))
            return alpha, alpha.new_zeros(len(x), self.heads)
        scores = torch.cat([edge_scores, (q * k).sum(-1) / self.scale])
        rows = torch.arange(len(x), device=x.device)
        alpha = softmax(scores, torch.cat([receiver, rows]), num_nodes=len(x))
        return alpha[: len(sender)], alpha[len(sender) :]

    def forward(
        self,
        x: Float[Tensor, "row in"],
        edge_index: Int[Tensor, "2 edge"],
        alpha: tuple[Tensor, Tensor] | None = None,
        edge_attr: Float[Tensor, "edge attribute"] | None = None,
    ) -> Float[Tensor, "row out"]:
        """Attend; pass `alpha` if the attention is computed already."""
        if alpha is None:
            alpha = self.attention(x, edge_index, edge_attr)
        edge_alpha, self_alpha = alpha
        v = self.activation(self.value(x)).view(-1, self.heads, self.width)
        e = None if edge_attr is None else self.edge_value(edge_attr)
        aggregated = self.propagate(edge_index, v=v.flatten(1), alpha=edge_alpha, e=e)
        return self._joined(aggregated.view_as(v), self_alpha, v)

    def _joined(self, aggregated: Tensor, self_alpha: Tensor, v: Tensor) -> Tensor:
        """Output of all heads, with the agent's own part if it is included."""
        if self.include_self:
            aggregated = aggregated + self_alpha[..., None] * v
        return aggregated.flatten(1)

    def message(self, v_j: Tensor, alpha: Tensor, e: Tensor | None = None) -> Tensor:
        """Value of sender j, weighted by the attention of receiver i."""
        value = v_j if e is None else v_j + e
        return (alpha[..., None] * value.view(-1, self.heads, self.width)).flatten(1)

    def importance(
        self, message: Tensor, v_j: Tensor, alpha: Tensor, e: Tensor | None = None
    ) -> Tensor:
        """Importance of all bits of a head: its attention."""
        return alpha.repeat_interleave(self.width, 1)
