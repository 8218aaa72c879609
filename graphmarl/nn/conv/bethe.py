"""Loopy belief propagation as a message-passing layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F
from torch_geometric.nn import MessagePassing
from torch_geometric.utils import scatter, softmax

from graphmarl.functional import cavity, damped, reverse_edges
from graphmarl.nn.network import mlp, orthogonal_linear


class BetheConv(MessagePassing):
    r"""Loopy belief propagation on embeddings (VPP, Section 4.4 and Appendix C).

    .. math::
        \nu_{ij}^0 = \mathrm{MLP}([\mu_i, \mu_j]), \quad
        \nu_{ij}^m = \mathrm{MLP}\big(\sigma(W_s [s_i^{m-1}, s_j^{m-1}]
            + \sum_{k \in N_i \setminus j} a_{ik} \nu_{ki}^{m-1})\big), \quad
        y_i = \sigma(W_3 s_i + W_4 \sum_{k \in N_i} \nu_{ki})

    Messages never return straight to their sender. The first messages and the final sum are one
    hop, so that M rounds are nu^0 to nu^{M-1} and reach M hops. With `sum` all a_ik are 1 and the
    map of the sum is linear, as in the main text of the paper; with `attention` they are a softmax
    over k per head, between W_Q nu_ij and W_K nu_ki.

    Args:
        in_channels: size of the embedding mu.
        out_channels: size of the output.
        rounds: number of rounds, M.
        state_channels: sizes of the states s^0 to s^M; if empty, mu is used instead.
        hidden: width of the hidden layers.
        aggregator: `attention` or `sum`.
        heads: number of attention heads.
        damping: share of the old messages that is kept in each round.
        reweight: rho of tree-reweighted belief propagation; 1 is the Bethe approximation. With
            attention it weights the sum over k, and (1 - rho) nu_ji is subtracted.

    Shapes:
        x (row, in_channels), edge_index (2, edge), states M + 1 of (row, state_channels);
        out (row, out_channels).

    Raises:
        ValueError: a number out of range.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        rounds: int = 1,
        state_channels: Sequence[int] = (),
        hidden: int = 128,
        aggregator: Literal["attention", "sum"] = "sum",
        heads: int = 2,
        damping: float = 0.0,
        reweight: float = 1.0,
    ) -> None:
        super().__init__(aggr="sum")
        _check(rounds, damping, reweight)
        if aggregator == "attention" and out_channels % heads:
            raise ValueError(
                f"out_channels is {out_channels}; it must be a multiple of {heads} heads"
            )
        sizes = tuple(state_channels) or (in_channels,) * (rounds + 1)
        self.rounds, self.heads, self.aggregator = rounds, heads, aggregator
        self.damping, self.reweight, self.size = damping, reweight, out_channels
        size = out_channels
        self.first = mlp(2 * in_channels, hidden, size)
        later = range(rounds - 1)
        self.pairs = nn.ModuleList(orthogonal_linear(2 * sizes[m], size) for m in later)
        self.maps = nn.ModuleList(
            mlp(size, hidden, size) if aggregator == "attention" else orthogonal_linear(size, size)
            for _ in later
        )
        self.scores = nn.ModuleList(
            orthogonal_linear(size, 2 * size, 1.0) for _ in later if aggregator == "attention"
        )
        self.last = orthogonal_linear(sizes[-1] + size, out_channels)

    def forward(
        self,
        x: Float[Tensor, "row in"],
        edge_index: Int[Tensor, "2 edge"],
        states: Sequence[Tensor] = (),
    ) -> Float[Tensor, "row out"]:
        """Output after M rounds; `states` are s^0 to s^M."""
        sender, receiver = edge_index
        states = states or [x] * (self.rounds + 1)
        nu = F.relu(self.first(torch.cat([x[sender], x[receiver]], 1)))
        reverse = reverse_edges(edge_index, len(x)) if self.rounds > 1 else sender
        for m, (pair, map_) in enumerate(zip(self.pairs, self.maps, strict=True)):
            sent = self.propagate(edge_index, nu=nu, size=(len(x), len(x)))
            state = pair(torch.cat([states[m][sender], states[m][receiver]], 1))
            if self.aggregator == "sum":
                incoming, _ = cavity(sent, edge_index, reverse, len(x), self.reweight)
                new = F.relu(state + map_(incoming))
            else:
                incoming = self._attend(self.scores[m], nu, sent, edge_index, reverse)
                new = F.relu(map_(F.relu(state + incoming)))
            nu = damped(new, nu, self.damping)
        sent = self.propagate(edge_index, nu=nu, size=(len(x), len(x)))
        total = scatter(sent, receiver, dim_size=len(x))
        return F.relu(self.last(torch.cat([states[-1], total], 1)))

    def message(self, nu: Tensor) -> Tensor:
        """Message nu_ij of each edge."""
        return nu

    def aggregate(self, inputs: Tensor) -> Tensor:
        """Keep the messages separate, as their aggregation depends on the receiving edge."""
        return inputs

    def _attend(
        self, scores: nn.Module, nu: Tensor, sent: Tensor, edge_index: Tensor, reverse: Tensor
    ) -> Tensor:
        """Sum rho sum_{k other than j} a_ik nu_ki - (1 - rho) nu_ji for each edge i -> j."""
        edge, source = incoming_pairs(edge_index, reverse)
        width = self.size // self.heads
        q = scores(nu)[:, : self.size].view(-1, self.heads, width)
        k = scores(sent)[:, self.size :].view(-1, self.heads, width)
        alpha = softmax((q[edge] * k[source]).sum(-1) / width**0.5, edge, num_nodes=len(nu))
        v = sent.view(-1, self.heads, width)[source]
        total = scatter((alpha[..., None] * v).flatten(1), edge, dim_size=len(nu))
        if self.reweight == 1:
            return total
        back = sent[reverse] * (reverse >= 0)[:, None]
        return self.reweight * total - (1 - self.reweight) * back


def incoming_pairs(
    edge_index: Int[Tensor, "2 edge"], reverse: Int[Tensor, " edge"]
) -> tuple[Int[Tensor, " pair"], Int[Tensor, " pair"]]:
    """Indices of all pairs of an edge i -> j and an edge k -> i with k other than j."""
    sender, receiver = edge_index
    order = torch.argsort(receiver, stable=True)
    into = receiver[order].contiguous()
    first = torch.searchsorted(into, sender.contiguous())
    count = torch.searchsorted(into, sender.contiguous(), right=True) - first
    edge = torch.arange(len(sender), device=sender.device).repeat_interleave(count)
    start = (first - count.cumsum(0) + count)[edge]
    source = order[start + torch.arange(len(edge), device=edge.device)]
    other = source != reverse[edge]
    return edge[other], source[other]


def _check(rounds: int, damping: float, reweight: float) -> None:
    """Check the ranges of the options."""
    if rounds < 1:
        raise ValueError(f"rounds is {rounds}; allowed are 1 and more")
    if not 0 <= damping < 1:
        raise ValueError(f"damping is {damping}; allowed is 0 to less than 1")
    if not 0 < reweight <= 1:
        raise ValueError(f"reweight is {reweight}; allowed is more than 0, up to 1")
