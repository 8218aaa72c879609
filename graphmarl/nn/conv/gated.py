"""Attention in two stages: which edges count, and how much."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F
from torch_geometric.nn import MessagePassing
from torch_geometric.utils import scatter

from graphmarl.nn.network import at_once, orthogonal_linear


class GatedConv(MessagePassing):
    r"""Hard attention opens edges, soft attention weighs the open ones (G2ANet: Liu et al. 2020).

    .. math::
        g_{ij} = [u_{ij} > 0], \quad
        \alpha_{ij} \propto g_{ij} \exp \left( q_i^T k_j / \sqrt{d} \right), \quad
        c_i = \alpha_{ii} v_i + \sum_j \alpha_{ij} v_j

    The agent itself is always open, so that one whose edges are all closed hears itself alone. The
    score u_ij of a gate reads the pair and, for what the pairs of a receiver mean together, their
    mean. Unlike the paper, whose bidirectional LSTM reads the pairs in the order of the agents'
    numbers, this has no order. Unlike the paper, whose gates are samples of the Gumbel-softmax, a
    gate is its most likely value, and its gradient is that of sigmoid(u_ij / temperature) (straight
    through): PPO compares the probability of an action with what it was when the action was taken,
    which other noise on the same graph would change. Gates are open before training.

    Agent j sends its signature k_j, by which the receiver decides, and alpha_ij v_j if the edge is
    open. A cut leaves the signatures.

    Args:
        in_channels: size of what an agent knows.
        out_channels: size of the result.
        key: size of queries and signatures, d; by default as the result.
        temperature: how far from its threshold a gate has a gradient.

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
    ) -> None:
        super().__init__(aggr="sum")
        if not temperature > 0:
            raise ValueError(f"temperature is {temperature}; it must be positive")
        self.header = self.key = key or out_channels
        self.temperature = temperature
        self.query = orthogonal_linear(in_channels, self.key, 1.0)
        self.signature = orthogonal_linear(in_channels, self.key, 1.0)
        self.value = orthogonal_linear(in_channels, out_channels, 1.0)
        self.receiver = orthogonal_linear(in_channels, self.key)
        self.sender = orthogonal_linear(self.key, self.key)
        self.together = orthogonal_linear(self.key, self.key)
        self.gate = orthogonal_linear(self.key, 1, 0.01)
        torch.nn.init.ones_(self.gate.bias)

    def scores(
        self, own: Tensor, signature: Tensor, edge_index: Int[Tensor, "2 edge"]
    ) -> Float[Tensor, " edge"]:
        """The score u_ij of each gate, which is open above 0."""
        sender, receiver = edge_index
        pair = F.relu(own[receiver] + self.sender(signature)[sender])
        among = self.together(scatter(pair, receiver, dim_size=len(own), reduce="mean"))
        return self.gate(F.relu(pair + among[receiver])).squeeze(1)

    def attention(
        self, x: Float[Tensor, "row in"], edge_index: Int[Tensor, "2 edge"]
    ) -> tuple[Float[Tensor, "edge 1"], Float[Tensor, "row 1"]]:
        """How much each agent attends to those it hears, 0 over closed edges, and to itself."""
        sender, receiver = edge_index
        q, k, own = at_once(x, self.query, self.signature, self.receiver)
        u = self.scores(own, k, edge_index)
        soft, opened = torch.sigmoid(u / self.temperature), u > 0
        gate = opened.to(soft.dtype) + soft - soft.detach()
        edge, self_score = (q[receiver] * k[sender]).sum(1), (q * k).sum(1)
        edge, self_score = edge / self.key**0.5, self_score / self.key**0.5
        with torch.no_grad():
            # Of what is open only: what is closed must not push the rest out of range.
            heard = edge.masked_fill(~opened, float("-inf"))
            most = self_score.scatter_reduce(0, receiver, heard, "amax")
        share = gate * (edge - most[receiver]).clamp(max=0).exp()
        own_share = (self_score - most).exp()
        total = own_share + scatter(share, receiver, dim_size=len(x))
        return (share / total[receiver])[:, None], (own_share / total)[:, None]

    def forward(
        self,
        x: Float[Tensor, "row in"],
        edge_index: Int[Tensor, "2 edge"],
        alpha: tuple[Tensor, Tensor] | None = None,
    ) -> Float[Tensor, "row out"]:
        """Pass `alpha` if it is known already."""
        edge_alpha, self_alpha = self.attention(x, edge_index) if alpha is None else alpha
        v = self.value(x)
        heard = self.propagate(edge_index, v=v, alpha=edge_alpha, size=(len(x), len(x)))
        return heard + self_alpha * v

    def message(self, v_j: Tensor, alpha: Tensor) -> Tensor:
        """The value of agent j, weighted by the attention of agent i."""
        return alpha * v_j

    def sends(self, message: Tensor, v_j: Tensor, alpha: Tensor) -> Tensor:
        """Nothing goes over a closed edge."""
        return (alpha > 0).expand(message.shape)

    def importance(self, message: Tensor, v_j: Tensor, alpha: Tensor) -> Tensor:
        """A whole message is cut by its attention."""
        return alpha.expand(message.shape)
