"""Transformer layers over what an agent hears: the communication block of MAMBA."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F
from torch_geometric.nn import MessagePassing

from graphmarl.nn.adjacency import Adjacency, BlockMask, NeighborLists


def dropped(x: Tensor, p: float) -> Tensor:
    """Numbers of which a share p is dropped; the same numbers if it is 0."""
    return F.dropout(x, p) if p else x


class TransformerLayer(nn.Module):
    """Attention and two linear layers, each added to its input and normalised (post-norm).

    Vaswani et al. 2017, "Attention Is All You Need".

    Args:
        size: numbers of each token.
        heads: heads of the attention.
        hidden: width between the linear layers; `size` without it.
        dropout: share of numbers that is dropped where dropping is asked for.

    Raises:
        ValueError: the size is no multiple of the heads, or the dropout no share.
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
        self.attended = nn.Linear(size, 3 * size)
        self.joined = nn.Linear(size, size)
        self.first_norm, self.second_norm = nn.LayerNorm(size), nn.LayerNorm(size)
        self.up, self.down = nn.Linear(size, hidden or size), nn.Linear(hidden or size, size)

    def forward(self, x: Tensor, mask: Tensor, drop: bool = False, queries: int = 0) -> Tensor:
        """What tokens make of each other.

        Args:
            x: (group, token, size).
            mask: (group, 1 or token, token), true where the second token is attended to.
            drop: drop numbers, as in training.
            queries: how many of the first tokens of a group are wanted; 0 for all.

        Returns:
            (group, token, size), of the wanted tokens.
        """
        p = self.dropout if drop else 0.0
        wanted = x[:, :queries] if queries else x
        x = self.first_norm(wanted + dropped(self._attend(x, wanted, mask, p), p))
        hidden = dropped(F.relu(self.up(x), inplace=True), p)
        return self.second_norm(x + dropped(self.down(hidden), p))

    def _attend(self, x: Tensor, wanted: Tensor, mask: Tensor, p: float) -> Tensor:
        size = x.shape[-1]
        weight, bias = self.attended.weight, self.attended.bias
        if wanted is x:
            q, k, v = self.attended(x).split(size, -1)
        else:
            q = F.linear(wanted, weight[:size], bias[:size])
            k, v = F.linear(x, weight[size:], bias[size:]).split(size, -1)
        q, k, v = (each.unflatten(-1, (self.heads, -1)).transpose(1, 2) for each in (q, k, v))
        scores = (q @ k.transpose(-1, -2)) / (size // self.heads) ** 0.5
        scores = scores.masked_fill(~mask[:, None], float("-inf"))
        # PyTorch's softmax is slow over rows as short as these.
        share = (scores - scores.detach().amax(-1, keepdim=True)).exp()
        alpha = dropped(share / share.sum(-1, keepdim=True), p)
        return self.joined((alpha @ v).transpose(1, 2).flatten(2))


class CommunicationTransformer(MessagePassing):
    """A transformer over oneself and those that one hears, in one round of messages (MAMBA).

    What is sent is the features as they are; the receiver embeds them, adds a code of the sender's
    place if wanted, and runs the layers over them and its own. So in any graph an agent knows only
    what its neighbours told it in this round. Unlike in the paper's code, where each of the layers
    carries information another hop, all layers but the first attend to what the receiver itself
    made of what it heard. In groups in which all hear all, that is what everyone makes of it, and
    both are equal; there it is computed once for the whole group.

    Args:
        in_channels: numbers of a message.
        out_channels: size of the tokens and of the result.
        layers: transformer layers.
        heads: heads of their attention.
        dropout: share of numbers that is dropped where dropping is asked for.
        positional: add sinusoids of the sender's place within its graph (Vaswani et al. 2017).
        alphabet: sizes of the one-hot vectors that a message consists of, if it does, by which
            `Channel` counts its binary digits.

    Shapes:
        x (row, in_channels), edge_index (2, edge); out (row, out_channels).

    Raises:
        ValueError: the alphabet is not of as many numbers as the message.
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
    ) -> None:
        super().__init__(aggr=None)
        if layers < 1:
            raise ValueError(f"layers is {layers}; allowed are 1 and more")
        if alphabet and sum(alphabet) != in_channels:
            raise ValueError(f"the alphabet has {sum(alphabet)} letters for {in_channels} numbers")
        self.alphabet, self.positional = tuple(alphabet), positional
        self.embed = nn.Linear(in_channels, out_channels)
        self.layers = nn.ModuleList(
            TransformerLayer(out_channels, heads, dropout=dropout) for _ in range(layers)
        )

    def forward(
        self, x: Float[Tensor, "row in"], edge_index: Int[Tensor, "2 edge"], num_agents: int = 0
    ) -> Float[Tensor, "row out"]:
        """Send, receive and think, without dropout.

        Args:
            x: what each agent tells.
            edge_index: who hears whom.
            num_agents: rows of each graph; 0 if all rows are one graph.
        """
        num_agents = num_agents or max(1, len(x))
        arrived = self.propagate(edge_index, x=x)
        tokens = self.tokens(x, num_agents)
        # Where something was cut on the way, receivers no longer know the same.
        if torch.equal(arrived, x[edge_index[0]]):
            cliques = BlockMask.of(edge_index, len(x) // num_agents, num_agents)
            if cliques is not None:
                return self.think(tokens, cliques)
        ears, slot = NeighborLists.of(edge_index, len(x))
        told = F.relu(self.embed(arrived)) + self.code(edge_index[0] % num_agents)
        own = tokens[:, None] * (torch.arange(ears.place.shape[1], device=x.device) == 0)[:, None]
        return self._think(own.index_put((edge_index[1], slot), told), ears.heard)

    def message(self, x_j: Tensor) -> Tensor:
        """What the sender tells."""
        return x_j

    def aggregate(self, inputs: Tensor) -> Tensor:
        """Each message stays by itself until the receiver has read it."""
        return inputs

    def tokens(self, x: Tensor, num_agents: int) -> Tensor:
        """What anyone makes of what each row tells."""
        place = torch.arange(len(x), device=x.device) % num_agents
        return F.relu(self.embed(x)) + self.code(place)

    def code(self, place: Tensor) -> Tensor:
        """Sinusoids of the place; zero if places are not told apart."""
        size = self.embed.out_features
        if not self.positional:
            return torch.zeros(size, device=place.device)
        even = torch.arange(0, size, 2, device=place.device)
        angle = place[:, None] * torch.exp(even * (-math.log(10_000.0) / size))
        return torch.stack([angle.sin(), angle.cos()], -1).flatten(1)[:, :size]

    def think(self, tokens: Tensor, hearing: Adjacency, drop: bool = False) -> Tensor:
        """The layers, where all messages arrive whole: tokens (row, out) to result (row, out)."""
        if isinstance(hearing, NeighborLists):
            return self._think(tokens[hearing.place], hearing.heard, drop)
        x = tokens.unflatten(0, hearing.mask.shape[:2])
        for layer in self.layers:
            x = layer(x, hearing.mask, drop)
        return x.flatten(0, 1)

    def _think(self, heard: Tensor, mask: Tensor, drop: bool = False) -> Tensor:
        """Each receiver for itself: (row, slot, out) of which slot 0 is its own, to (row, out)."""
        for number, layer in enumerate(self.layers):
            last = number == len(self.layers) - 1
            heard = layer(heard, mask[:, None], drop, queries=1 if last else 0)
        return heard[:, 0]
