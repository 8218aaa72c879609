"""Channel: counts and optionally cuts the messages of a network."""

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
"""Bytes per number of a message."""
NAMES = ("messages", "bits", "bytes")


@dataclass(frozen=True)
class LayerMessages:
    """Messages of one layer in one round.

    Args:
        edge_index: senders and receivers.
        message: received messages; cut bits are 0.
        keep: mask of the bits that were sent.
        header: additional numbers per message that are never cut.
        alphabet: sizes of the one-hot symbols of a message; empty for messages of numbers.
    """

    edge_index: Int[Tensor, "2 edge"]
    message: Float[Tensor, "edge bit"]
    keep: Bool[Tensor, "edge bit"]
    header: int = 0
    alphabet: tuple[int, ...] = ()

    @property
    def bits(self) -> Float[Tensor, " edge"]:
        """Bits sent per message: numbers, or the binary digits of its symbols."""
        if not self.alphabet:
            return self.keep.sum(1).float()
        last = torch.tensor(self.alphabet).cumsum(0) - 1
        digits = torch.tensor([float(symbol_bits(size)) for size in self.alphabet])
        return self.keep[:, last].float() @ digits.to(self.message.device)

    @property
    def bytes(self) -> Float[Tensor, " edge"]:
        """Bytes sent per message."""
        bits = self.bits
        return (bits / 8).ceil() if self.alphabet else BYTES * (bits + self.header)


def symbol_bits(size: int) -> int:
    """Binary digits of a symbol from an alphabet of the given size."""
    return max(size - 1, 0).bit_length()


class Channel:
    """Counts, and optionally cuts, the messages of all message-passing layers of a network.

    A context manager that hooks into every `MessagePassing` layer. A message is the output of
    `message` on one edge in one round; a bit (NDQ's term) is one of its numbers, of 4 bytes. A cut
    bit is replaced by 0 and not sent; a message without any bit left is not sent at all. With a
    cut, each message that is sent carries a mask of its bits, one binary digit each, rounded up to
    whole bytes. Each round of each layer is cut separately.

    Layers can define

    - `sends(message, **arguments of message)`: mask of the bits that are sent, for layers with
      gates;
    - `importance(message, **arguments of message)`: importance of each bit, by which it is cut; the
      default is its absolute value;
    - `header`: additional numbers per message that are never cut, such as the signatures of
      attention; they count as bytes but not as bits;
    - `cuts_self`: whether edges from agents to themselves are cut with all others, of which they
      are then a part of the ranking; they are never counted;
    - `alphabet`: sizes of the one-hot symbols of a message. A symbol from an alphabet of n takes
      log2(n) binary digits, rounded up, which are its bits, and is sent or cut as a whole; all
      symbols have the same importance. The state of a world model with 32 categoricals of 32
      classes takes 160 bits.

    Args:
        network: network whose PyTorch Geometric layers are hooked.
        num_agents: rows per graph.
        cut: decides which bits are sent; None sends all.
    """

    def __init__(self, network: nn.Module, num_agents: int, cut: Cut | None = None) -> None:
        self.layers = [m for m in network.modules() if isinstance(m, MessagePassing)]
        self.num_agents, self.cut = num_agents, cut
        self.messages: list[LayerMessages] = []
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
        """Store the edges of the layer's next messages."""
        self._edges[layer] = inputs[0]

    def _message(self, layer: nn.Module, inputs: tuple[Any, ...], message: Tensor) -> Tensor:
        """Cut the messages of one layer and record the rest."""
        edge_index = self._edges[layer]
        flat = message.flatten(1) if message.ndim > 1 else message[:, None]
        alphabet: tuple[int, ...] = getattr(layer, "alphabet", ())
        sends: Callable[..., Tensor] | None = getattr(layer, "sends", None)
        keep = torch.ones_like(flat, dtype=torch.bool)
        if sends is not None:
            keep = sends(message, **inputs[0]).reshape(flat.shape)
        # A self-loop that a layer adds is no message.
        between = edge_index[0] != edge_index[1]
        ranked = torch.ones_like(between) if getattr(layer, "cuts_self", False) else between
        if self.cut is not None:
            score: Callable[..., Tensor] | None = getattr(layer, "importance", None)
            importance = score(message, **inputs[0]) if score else message.abs()
            importance = importance.reshape(flat.shape)[ranked]
            if alphabet:
                importance = importance.new_ones(len(importance), len(alphabet))
            cut = self.cut(importance, edge_index[1][ranked] // self.num_agents)
            if alphabet:
                size = torch.tensor(alphabet, device=cut.device)
                cut = cut.repeat_interleave(size, 1)
            keep = keep.clone()
            keep[ranked] &= cut
        flat = torch.where(keep, flat, torch.zeros_like(flat))
        header = getattr(layer, "header", 0)
        parts = edge_index[:, between], flat[between], keep[between]
        self.messages.append(LayerMessages(*parts, header, alphabet))
        return flat.view(message.shape)

    def take(self, num_graphs: int) -> dict[str, Float[Tensor, " graph"]]:
        """Messages, bits and bytes of each graph since the last call."""
        rounds, self.messages = self.messages, []
        total = torch.zeros(len(NAMES), num_graphs)
        for each in rounds:
            sent = (each.bits > 0).float()
            parts = len(each.alphabet) or each.keep.shape[1]
            mask = 0 if self.cut is None else math.ceil(parts / 8)
            counts = torch.stack([sent, each.bits, each.bytes + mask * sent])
            graph = each.edge_index[1] // self.num_agents
            total += scatter(counts, graph, 1, num_graphs).cpu()
        return dict(zip(NAMES, total, strict=True))
