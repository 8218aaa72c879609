"""Dot-product attention between an agent, itself and those it hears."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch_geometric.nn import MessagePassing
from torch_geometric.utils import softmax

from graphmarl.nn.adjacency import CSRMatrix, DenseMatrix
from graphmarl.nn.network import at_once, orthogonal_linear


class AttentionConv(MessagePassing):
    r"""One round of attention over the neighbours and oneself (TarMAC, eq. 3; DGN, eqs. 1-2).

    .. math::
        \alpha_{ij} = \mathrm{softmax}_j \left( q_i^T k_j / \sqrt{d} \right), \quad
        c_i = \alpha_{ii} v_i + \sum_j \alpha_{ij} v_j

    An agent without neighbours hears itself alone. Agent j sends to agent i its signature k_j and
    alpha_ij v_j. A cut leaves the signatures, so that the weights of the rest stay what they were.

    Args:
        in_channels: size of what an agent knows.
        out_channels: size of the result, over all heads.
        heads: number of heads; they are joined side by side.
        key: size of the queries and keys of each head, d; by default as the values.
        activation: applied to queries, keys and values, as DGN's code does; None for none.

    Shapes:
        x (row, in_channels), edge_index (2, edge); alpha (edge, heads); out (row, out_channels).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        heads: int = 1,
        key: int | None = None,
        activation: nn.Module | None = None,
    ) -> None:
        if out_channels % heads:
            raise ValueError(
                f"out_channels is {out_channels}; it must be a multiple of {heads} heads"
            )
        super().__init__(aggr="sum")
        self.heads, self.width = heads, out_channels // heads
        self.key = key or self.width
        self.header = heads * self.key
        self.activation = nn.Identity() if activation is None else activation
        self.query = orthogonal_linear(in_channels, heads * self.key, 1.0)
        self.signature = orthogonal_linear(in_channels, heads * self.key, 1.0)
        self.value = orthogonal_linear(in_channels, out_channels, 1.0)

    def by_matrix(
        self, x: Float[Tensor, "row in"], blocks: DenseMatrix | CSRMatrix
    ) -> tuple[Float[Tensor, "row out"], Float[Tensor, "edge head"]]:
        """The result and the attention on the edges, by matrices instead of by edges."""
        if isinstance(blocks, CSRMatrix):
            edge_alpha, self_alpha = self._normalised(
                x, blocks.sender, blocks.receiver, blocks.product
            )
            v = self.activation(self.value(x)).view(-1, self.heads, self.width)
            heard = [blocks.weighted(edge_alpha[:, h], v[:, h]) for h in range(self.heads)]
            own = self_alpha[..., None] * v
            return (torch.stack(heard, 1) + own).flatten(1), edge_alpha
        shape = (*blocks.weight.shape[:2], self.heads, -1)
        q, k, v = (
            self.activation(part).reshape(shape).transpose(1, 2)
            for part in at_once(x, self.query, self.signature, self.value)
        )
        scores = (q @ k.transpose(-1, -2)) / self.key**0.5
        scores = scores.masked_fill(~blocks.with_self_loops(), float("-inf"))
        # PyTorch's softmax is slow over rows as short as these.
        share = (scores - scores.detach().amax(-1, keepdim=True)).exp()
        alpha = share / share.sum(-1, keepdim=True)
        out = (alpha @ v).transpose(1, 2).flatten(0, 1).flatten(1)
        return out, alpha.transpose(0, 1).flatten(1)[:, blocks.place].t()

    def attention(
        self, x: Float[Tensor, "row in"], edge_index: Int[Tensor, "2 edge"]
    ) -> tuple[Float[Tensor, "edge head"], Float[Tensor, "row head"]]:
        """How much each agent attends to those it hears, and to itself."""
        sender, receiver = edge_index
        return self._normalised(x, sender, receiver, lambda q, k: (q[receiver] * k[sender]).sum(-1))

    def _normalised(
        self,
        x: Tensor,
        sender: Tensor,
        receiver: Tensor,
        product: Callable[[Tensor, Tensor], Tensor],
    ) -> tuple[Tensor, Tensor]:
        """Softmax of the products of queries and signatures, on the edges and with oneself."""
        q = self.activation(self.query(x)).view(-1, self.heads, self.key)
        k = self.activation(self.signature(x)).view(-1, self.heads, self.key)
        scores = torch.cat([product(q, k), (q * k).sum(-1)]) / self.key**0.5
        rows = torch.arange(len(x), device=x.device)
        alpha = softmax(scores, torch.cat([receiver, rows]), num_nodes=len(x))
        return alpha[: len(sender)], alpha[len(sender) :]

    def forward(
        self,
        x: Float[Tensor, "row in"],
        edge_index: Int[Tensor, "2 edge"],
        alpha: tuple[Tensor, Tensor] | None = None,
    ) -> Float[Tensor, "row out"]:
        """Pass `alpha` if it is known already."""
        edge_alpha, self_alpha = self.attention(x, edge_index) if alpha is None else alpha
        v = self.activation(self.value(x)).view(-1, self.heads, self.width)
        heard = self.propagate(edge_index, v=v.flatten(1), alpha=edge_alpha)
        return heard + (self_alpha[..., None] * v).flatten(1)

    def message(self, v_j: Tensor, alpha: Tensor) -> Tensor:
        """The value of agent j, weighted by the attention of agent i."""
        return (alpha[..., None] * v_j.view(-1, self.heads, self.width)).flatten(1)

    def importance(self, message: Tensor, v_j: Tensor, alpha: Tensor) -> Tensor:
        """A head's whole message is cut by its attention."""
        return alpha.repeat_interleave(self.width, 1)
