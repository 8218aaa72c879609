"""What goes over the edges of a network: counted, and cut if wanted."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch_geometric.nn import MessagePassing
from torch_geometric.utils import scatter

from graphmarl.nn.communication.cuts import Cut

BYTES = 4
"""Of each number that is sent."""
NAMES = ("messages", "bits", "bytes")


@dataclass(frozen=True)
class Sent:
    """What one layer sent over its edges in one round.

    Args:
        edge_index: senders and receivers.
        message: what arrived; cut bits are 0.
        keep: which bits were sent.
        header: numbers that go with each message whatever is cut.
        alphabet: sizes of the one-hot vectors that the message consists of, if it does.
    """

    edge_index: Int[Tensor, "2 edge"]
    message: Float[Tensor, "edge bit"]
    keep: Bool[Tensor, "edge bit"]
    header: int = 0
    alphabet: tuple[int, ...] = ()

    @property
    def bits(self) -> Float[Tensor, " edge"]:
        """Bits of each message that were sent: numbers, or the binary digits of whole letters."""
        if not self.alphabet:
            return self.keep.sum(1).float()
        place = torch.tensor(self.alphabet).cumsum(0) - 1
        digits = torch.tensor([float(letter_digits(size)) for size in self.alphabet])
        return self.keep[:, place].float() @ digits.to(self.message.device)

    @property
    def bytes(self) -> Float[Tensor, " edge"]:
        """Bytes of each message that was sent."""
        bits = self.bits
        return (bits / 8).ceil() if self.alphabet else BYTES * (bits + self.header)


def letter_digits(size: int) -> int:
    """Binary digits that tell the letters of an alphabet apart."""
    return max(size - 1, 0).bit_length()


class Channel:
    """Watches every message-passing layer of a network while it is open.

    A message is what a layer puts on one edge in one round, a bit (as NDQ calls it) one number of
    it, which takes 4 bytes. A cut bit is replaced by 0 and not sent; a message with no bit left is
    not sent at all. A layer that may keep silent says what it sends by a method `sends(message,
    **arguments of message)`. With a cut, each message that is sent carries a mask that says which
    bits it holds, one binary digit each, rounded up to whole bytes. A layer says what a bit is
    worth by a method `importance(message, **arguments of message)`; without one it is the bit's
    size. What is needed to say so (the signatures of attention) is the layer's `header`: as many
    numbers on each edge, never cut, counted in bytes but not in bits. Each round of each layer is
    cut by itself.

    A layer whose messages are letters, each a one-hot vector, says so by its `alphabet`, the sizes
    of these vectors. There a bit is a binary digit, of which a letter of an alphabet of n takes
    log2(n), rounded up, and is sent whole or not at all: the state of a world model of 32
    categoricals of 32 classes is 160 bits. All letters are worth the same.

    Args:
        network: what is watched; any PyTorch Geometric layers in it are.
        num_agents: rows of each graph.
        cut: decides which bits are sent; None sends all.
    """

    def __init__(self, network: nn.Module, num_agents: int, cut: Cut | None = None) -> None:
        self.layers = [m for m in network.modules() if isinstance(m, MessagePassing)]
        self.num_agents, self.cut = num_agents, cut
        self.sent: list[Sent] = []
        self._edges: dict[nn.Module, Tensor] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Channel:
        for layer in self.layers:
            for handle in (
                layer.register_propagate_forward_pre_hook(self._before),
                layer.register_message_forward_hook(self._message),
            ):
                self._stack.callback(handle.remove)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _before(self, layer: nn.Module, inputs: tuple[Any, ...]) -> None:
        """Remember over which edges the layer is about to send."""
        self._edges[layer] = inputs[0]

    def _message(self, layer: nn.Module, inputs: tuple[Any, ...], message: Tensor) -> Tensor:
        """Cut one layer's messages and remember what is left."""
        edge_index = self._edges[layer]
        alphabet: tuple[int, ...] = getattr(layer, "alphabet", ())
        sends: Callable[..., Tensor] | None = getattr(layer, "sends", None)
        keep = torch.ones_like(message, dtype=torch.bool)
        if sends is not None:
            keep = sends(message, **inputs[0])
        if self.cut is not None:
            weigh: Callable[..., Tensor] | None = getattr(layer, "importance", None)
            worth = weigh(message, **inputs[0]) if weigh else message.abs()
            if alphabet:
                worth = worth.new_ones(len(worth), len(alphabet))
            cut = self.cut(worth, edge_index[1] // self.num_agents)
            if alphabet:
                size = torch.tensor(alphabet, device=cut.device)
                cut = cut.repeat_interleave(size, 1)
            keep = keep & cut
        message = torch.where(keep, message, torch.zeros_like(message))
        header = getattr(layer, "header", 0)
        self.sent.append(Sent(edge_index, message, keep, header, alphabet))
        return message

    def take(self, num_graphs: int) -> dict[str, Float[Tensor, " graph"]]:
        """Messages, bits and bytes of each graph since they were last taken."""
        rounds, self.sent = self.sent, []
        total = torch.zeros(len(NAMES), num_graphs)
        for each in rounds:
            some = (each.bits > 0).float()
            parts = len(each.alphabet) or each.keep.shape[1]
            mask = 0 if self.cut is None else math.ceil(parts / 8)
            counts = torch.stack([some, each.bits, each.bytes + mask * some])
            graph = each.edge_index[1] // self.num_agents
            total += scatter(counts, graph, 1, num_graphs).cpu()
        return dict(zip(NAMES, total, strict=True))
