"""Transformer over neighbour messages: the communication block of MAMBA."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F
from torch_geometric.nn import MessagePassing

from graphmarl.nn.adjacency import Adjacency, BlockMask, NeighborLists

Hops = Literal["single", "layer"]


def dropped(x: Tensor, p: float) -> Tensor:
    """Dropout with probability p, also in evaluation mode; the identity if p is 0."""
    return F.dropout(x, p) if p else x


class TransformerLayer(nn.Module):
    """Post-norm transformer encoder layer: multi-head attention and a feed-forward block.

    Vaswani et al. 2017, "Attention Is All You Need".

    Args:
        size: size of the tokens.
        heads: number of attention heads.
        hidden: width of the feed-forward block; by default `size`.
        dropout: dropout probability, for calls with `drop`.

    Raises:
        ValueError: the size is not a multiple of the heads, or dropout is not in [0, 1).
    """

    def __init__(
        self, size: int, heads: int = 8, hidden: int | None = None, dropout: float = 0.0
    ) -> None:
        super().__init__()
        if heads < 1 or size % heads:
            raise ValueError(f"size is {size}; it must be a multiple of {heads} heads")
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout is {dropout}; allowed is 0 up to less than 1")
        self.heads, self.dropout = heads, dropout
        self.keeps_attention, self.weights = False, torch.empty(0)
        self.attended = nn.Linear(size, 3 * size)
        self.joined = nn.Linear(size, size)
        self.first_norm, self.second_norm = nn.LayerNorm(size), nn.LayerNorm(size)
        self.up, self.down = nn.Linear(size, hidden or size), nn.Linear(hidden or size, size)

    def forward(self, x: Tensor, mask: Tensor, drop: bool = False, queries: int = 0) -> Tensor:
        """Apply the layer.

        Args:
            x: (group, token, size).
            mask: (group, 1 or token, token), true where the second token is attended to.
            drop: apply dropout.
            queries: number of leading tokens of a group to compute; 0 for all.

        Returns:
            (group, token, size), of the query tokens.
        """
        p = self.dropout if drop else 0.0
        query = x[:, :queries] if queries else x
        x = self.first_norm(query + dropped(self._attend(x, query, mask, p), p))
        hidden = dropped(F.relu(self.up(x), inplace=True), p)
        return self.second_norm(x + dropped(self.down(hidden), p))

    def _attend(self, x: Tensor, query: Tensor, mask: Tensor, p: float) -> Tensor:
        size = x.shape[-1]
        projection, bias = self.attended.weight, self.attended.bias
        if query is x:
            q, k, v = self.attended(x).split(size, -1)
        else:
            q = F.linear(query, projection[:size], bias[:size])
            k, v = F.linear(x, projection[size:], bias[size:]).split(size, -1)
        q, k, v = (each.unflatten(-1, (self.heads, -1)).transpose(1, 2) for each in (q, k, v))
        scores = (q @ k.transpose(-1, -2)) / (size // self.heads) ** 0.5
        scores = scores.masked_fill(~mask[:, None], float("-inf"))
        # PyTorch's softmax is slow over rows as short as these.
        weight = (scores - scores.detach().amax(-1, keepdim=True)).exp()
        alpha = dropped(weight / weight.sum(-1, keepdim=True), p)
        if self.keeps_attention:
            self.weights = alpha
        return self.joined((alpha @ v).transpose(1, 2).flatten(2))


class TokenConv(MessagePassing):
    """Sends the tokens of neighbours between two layers of a transformer.

    Shapes:
        x (row, size), edge_index (2, edge); out (edge, size).
    """

    def __init__(self) -> None:
        super().__init__(aggr=None)

    def forward(
        self, x: Float[Tensor, "row size"], edge_index: Int[Tensor, "2 edge"]
    ) -> Float[Tensor, "edge size"]:
        """Token of the sender on each edge."""
        return self.propagate(edge_index, x=x)

    def message(self, x_j: Tensor) -> Tensor:
        """Token of sender j."""
        return x_j

    def aggregate(self, inputs: Tensor) -> Tensor:
        """Keep the tokens separate."""
        return inputs


class CommunicationTransformer(MessagePassing):
    """Transformer over an agent's own and its neighbours' messages, in one round (MAMBA).

    Messages are the raw features. The receiver embeds them, adds a positional encoding of the
    sender's index if `positional`, and applies the layers to its own and the received tokens, so
    that information travels a single hop on any graph. Unlike in the paper's code, where each layer
    carries information another hop, all layers but the first attend to tokens computed by the
    receiver itself, unless `hops` is `layer`: then neighbours also send their tokens between the
    layers. In a clique all receivers compute the same tokens, so both are equal, and the tokens are
    computed once per clique.

    Args:
        in_channels: size of a message.
        out_channels: size of the tokens and of the output.
        layers: number of transformer layers.
        heads: number of attention heads.
        dropout: dropout probability, for calls with `drop`.
        positional: add a sinusoidal encoding of the sender's index (Vaswani et al. 2017).
        alphabet: sizes of the one-hot symbols of a message, by which `Channel` counts its binary
            digits; empty for messages of numbers.
        hops: information travels a `single` hop, or one hop in each `layer`.

    Attributes:
        keeps_attention: whether `attention_weights` are kept.
        attention_weights: of the last call, by layer: a function that gives the weight of each
            edge, (edge, heads).

    Shapes:
        x (row, in_channels), edge_index (2, edge); out (row, out_channels).

    Raises:
        ValueError: the alphabet sizes do not sum to the size of a message.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        layers: int = 1,
        heads: int = 1,
        dropout: float = 0.0,
        positional: bool = False,
        alphabet: Sequence[int] = (),
        hops: Hops = "single",
    ) -> None:
        super().__init__(aggr=None)
        if layers < 1:
            raise ValueError(f"layers is {layers}; allowed are 1 and more")
        if alphabet and sum(alphabet) != in_channels:
            raise ValueError(f"the alphabet has {sum(alphabet)} symbols for {in_channels} numbers")
        self.alphabet, self.positional = tuple(alphabet), positional
        relays = layers - 1 if hops == "layer" else 0
        self.relays, self.rounds = nn.ModuleList(TokenConv() for _ in range(relays)), 1 + relays
        self.keeps_attention = False
        self.attention_weights: list[Callable[[], Tensor]] = []
        self.embed = nn.Linear(in_channels, out_channels)
        self.layers = nn.ModuleList(
            TransformerLayer(out_channels, heads, dropout=dropout) for _ in range(layers)
        )

    def forward(
        self, x: Float[Tensor, "row in"], edge_index: Int[Tensor, "2 edge"], num_agents: int = 0
    ) -> Float[Tensor, "row out"]:
        """Pass messages and apply the layers, without dropout.

        Args:
            x: message of each agent.
            edge_index: senders and receivers.
            num_agents: rows per graph; 0 if all rows are one graph.
        """
        layers = [layer for layer in self.layers if isinstance(layer, TransformerLayer)]
        for layer in layers:
            layer.keeps_attention = self.keeps_attention
        out, place = self._transform(x, edge_index, num_agents or max(1, len(x)))
        if self.keeps_attention:
            self.attention_weights = [partial(picked, each.weights, *place) for each in layers]
        return out

    def _transform(
        self, x: Tensor, edge_index: Tensor, num_agents: int
    ) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor]]:
        """Output, and where the weight of each edge is: its group, query and token."""
        sender, receiver = edge_index
        received = self.propagate(edge_index, x=x)
        tokens = self.tokens(x, num_agents)
        # If messages were cut, the members of a clique no longer receive the same.
        if not self.relays and torch.equal(received, x[sender]):
            cliques = BlockMask.of(edge_index, len(x) // num_agents, num_agents)
            if cliques is not None:
                at = receiver // num_agents, receiver % num_agents, sender % num_agents
                return self.encode(tokens, cliques), at
        lists, slot = NeighborLists.of(edge_index, len(x))
        embedded = F.relu(self.embed(received)) + self.positional_encoding(sender % num_agents)
        place, at = (receiver, slot), (receiver, torch.zeros_like(slot), slot)
        if not self.relays:
            listed = beside(tokens, embedded, place, lists)
            return self._encode_lists(listed, lists.mask), at
        for number, layer in enumerate(self.layers):
            if number:
                embedded = self.relays[number - 1](tokens, edge_index)
            listed = beside(tokens, embedded, place, lists)
            tokens = layer(listed, lists.mask[:, None], queries=1)[:, 0]
        return tokens, at

    def message(self, x_j: Tensor) -> Tensor:
        """Features of sender j."""
        return x_j

    def aggregate(self, inputs: Tensor) -> Tensor:
        """Keep the messages separate, for the transformer."""
        return inputs

    def tokens(self, x: Tensor, num_agents: int) -> Tensor:
        """Embedded message of each row, with its positional encoding."""
        index = torch.arange(len(x), device=x.device) % num_agents
        return F.relu(self.embed(x)) + self.positional_encoding(index)

    def positional_encoding(self, index: Tensor) -> Tensor:
        """Sinusoidal encoding of agent indices; zeros without `positional`."""
        size = self.embed.out_features
        if not self.positional:
            return torch.zeros(size, device=index.device)
        even = torch.arange(0, size, 2, device=index.device)
        angle = index[:, None] * torch.exp(even * (-math.log(10_000.0) / size))
        return torch.stack([angle.sin(), angle.cos()], -1).flatten(1)[:, :size]

    def encode(self, tokens: Tensor, adjacency: Adjacency, drop: bool = False) -> Tensor:
        """Apply the layers to uncut messages: tokens (row, out) to output (row, out)."""
        if isinstance(adjacency, NeighborLists) and self.relays:
            for layer in self.layers:
                lists = tokens[adjacency.neighbors]
                tokens = layer(lists, adjacency.mask[:, None], drop, queries=1)[:, 0]
            return tokens
        if isinstance(adjacency, NeighborLists):
            return self._encode_lists(tokens[adjacency.neighbors], adjacency.mask, drop)
        x = tokens.unflatten(0, adjacency.mask.shape[:2])
        for layer in self.layers:
            x = layer(x, adjacency.mask, drop)
        return x.flatten(0, 1)

    def _encode_lists(self, x: Tensor, mask: Tensor, drop: bool = False) -> Tensor:
        """Apply the layers per receiver: (row, slot, out), slot 0 its own token, to (row, out)."""
        for number, layer in enumerate(self.layers):
            last = number == len(self.layers) - 1
            x = layer(x, mask[:, None], drop, queries=1 if last else 0)
        return x[:, 0]


def picked(weights: Tensor, group: Tensor, query: Tensor, token: Tensor) -> Tensor:
    """Attention (edge, head) out of that of all tokens, (group, head, query, token)."""
    return weights[group, :, query, token]


def beside(
    own: Tensor, received: Tensor, place: tuple[Tensor, Tensor], lists: NeighborLists
) -> Tensor:
    """Lists (row, slot, size) of an agent's own token and those that it has received.

    Args:
        own: token of each row.
        received: token on each edge.
        place: row and slot of each edge.
        lists: neighbour lists.
    """
    first = torch.arange(lists.neighbors.shape[1], device=own.device) == 0
    return (own[:, None] * first[:, None]).index_put(place, received)
