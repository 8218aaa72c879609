"""Channel: counts and optionally cuts the messages of a network."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch_geometric.nn import MessagePassing
from torch_geometric.utils import scatter

from graphmarl.nn.communication.cuts import Cut
from graphmarl.nn.delayed import row_of_now

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
        layer: name of the layer in its network.
        round: how often the layer sent messages in this step before.
        weights: gives the attention of the receiver to each message, (edge, head); None without
            attention. It is called where it is needed, as recording must not slow the policy.
    """

    edge_index: Int[Tensor, "2 edge"]
    message: Float[Tensor, "edge bit"]
    keep: Bool[Tensor, "edge bit"]
    header: int = 0
    alphabet: tuple[int, ...] = ()
    layer: str = ""
    round: int = 0
    weights: Callable[[], Tensor] | None = None

    @cached_property
    def attention(self) -> Float[Tensor, "edge head"] | None:
        """Attention of the receiver to each message, by head; None without attention."""
        return None if self.weights is None else self.weights()

    @property
    def open(self) -> Bool[Tensor, " edge"]:
        """Whether a part of the message was sent: its gate."""
        return self.keep.any(1)

    @property
    def bits(self) -> Float[Tensor, " edge"]:
        """Bits sent per message: numbers, or the binary digits of its symbols."""
        if not self.alphabet:
            return self.keep.sum(1).float()
        device = self.message.device
        last = torch.tensor(self.alphabet, device=device).cumsum(0) - 1
        digits = torch.tensor([float(symbol_bits(size)) for size in self.alphabet], device=device)
        return self.keep[:, last].float() @ digits

    @property
    def bytes(self) -> Float[Tensor, " edge"]:
        """Bytes sent per message."""
        bits = self.bits
        return (bits / 8).ceil() if self.alphabet else BYTES * (bits + self.header)


def symbol_bits(size: int) -> int:
    """Binary digits of a symbol from an alphabet of the given size."""
    return max(size - 1, 0).bit_length()


def attention_of(
    layer: nn.Module, arguments: dict[str, Any], edges: int
) -> Float[Tensor, "edge head"] | None:
    """Attention to each message of a layer; None for a layer without attention.

    Args:
        layer: the layer.
        arguments: arguments of its `message`.
        edges: number of messages.
    """
    alpha = arguments.get("alpha")
    alpha = getattr(layer, "_alpha", None) if alpha is None else alpha
    if not isinstance(alpha, Tensor) or not alpha.ndim or len(alpha) != edges:
        return None
    return alpha.reshape(edges, -1) if edges else alpha.flatten(1)


@contextmanager
def without_noise(network: nn.Module) -> Iterator[None]:
    """Modules that sample messages in evaluation mode send their means instead.

    Args:
        network: holds the modules, whose attribute `noise` is set.
    """
    noisy: list[Any] = [m for m in network.modules() if getattr(m, "noise", None) is True]
    try:
        for module in noisy:
            module.noise = False
        yield
    finally:
        for module in noisy:
            module.noise = True


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
    - `noise`: whether messages are sampled in evaluation mode too; `without_noise` turns it off;
    - `cuts_self`: whether edges from agents to themselves are cut with all others, of which they
      are then a part of the ranking; they are never counted;
    - `alphabet`: sizes of the one-hot symbols of a message. A symbol from an alphabet of n takes
      log2(n) binary digits, rounded up, which are its bits, and is sent or cut as a whole; all
      symbols have the same importance. The state of a world model with 32 categoricals of 32
      classes takes 160 bits;
    - `attention_weights`: functions that give the attention of each layer of a transformer inside,
      (edge, head) each, which is kept if its `keeps_attention` is set.

    The attention of other layers is the argument `alpha` of `message`, as in PyTorch Geometric, or
    the attribute `_alpha` of its transformer layer.

    Args:
        network: network whose PyTorch Geometric layers are hooked.
        num_agents: rows per graph.
        cut: decides which bits are sent; None sends all.
        attention: record the attention of the layers.
    """

    def __init__(
        self,
        network: nn.Module,
        num_agents: int,
        cut: Cut | None = None,
        attention: bool = False,
    ) -> None:
        named = network.named_modules()
        self.names: dict[nn.Module, str] = {
            m: name for name, m in named if isinstance(m, MessagePassing)
        }
        self.layers = [layer for layer in self.names if isinstance(layer, MessagePassing)]
        self.network: Any = network
        self.num_agents, self.cut, self.attention = num_agents, cut, attention
        self.messages: list[LayerMessages] = []
        self._edges: dict[nn.Module, Tensor] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Channel:
        for layer in self.layers:
            handles = [
                layer.register_propagate_forward_pre_hook(self._before),
                layer.register_message_forward_hook(self._message),
            ]
            if self.attention and hasattr(layer, "keeps_attention"):
                self._keep_attention(layer, True)
                handles.append(layer.register_forward_hook(self._attended))
                self._stack.callback(self._keep_attention, layer, False)
            for handle in handles:
                self._stack.callback(handle.remove)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @staticmethod
    def _keep_attention(layer: Any, keep: bool) -> None:
        layer.keeps_attention = keep

    def _before(self, layer: nn.Module, inputs: tuple[Any, ...]) -> None:
        """Store the edges of the layer's next messages."""
        self._edges[layer] = inputs[0]

    def _message(self, layer: nn.Module, inputs: tuple[Any, ...], message: Tensor) -> Tensor:
        """Cut the messages of one layer and record the rest."""
        edge_index, arguments = self._edges[layer], inputs[0]
        flat = message.flatten(1) if message.ndim > 1 else message[:, None]
        # A self-loop that a layer adds is no message.
        between = edge_index[0] != edge_index[1]
        keep = self._kept(layer, message, arguments, between)
        flat = torch.where(keep, flat, torch.zeros_like(flat))
        alpha = attention_of(layer, arguments, len(flat)) if self.attention else None
        name = self.names[layer]
        if getattr(
            self.network, "heard_agents", 0
        ):  # what agents of the past hear is not sent again
            between = between & (edge_index[1] % (2 * self.num_agents) < self.num_agents)
            edge_index = row_of_now(edge_index, self.num_agents)
        parts = (edge_index, flat, keep)
        if not between.all():
            parts = (edge_index[:, between], flat[between], keep[between])
        self.messages.append(
            LayerMessages(
                *parts,
                getattr(layer, "header", 0),
                getattr(layer, "alphabet", ()),
                name,
                sum(each.layer == name for each in self.messages),
                None if alpha is None else partial(alpha.__getitem__, between),
            )
        )
        return flat.view(message.shape)

    def _kept(
        self, layer: nn.Module, message: Tensor, arguments: dict[str, Any], between: Tensor
    ) -> Tensor:
        """Mask of the numbers that are sent, by the layer's gates and by the cut."""
        shape = message.flatten(1).shape if message.ndim > 1 else (len(message), 1)
        sends: Callable[..., Tensor] | None = getattr(layer, "sends", None)
        keep = torch.ones(shape, dtype=torch.bool, device=message.device)
        if sends is not None:
            keep = sends(message, **arguments).reshape(shape)
        if self.cut is None:
            return keep
        ranked = torch.ones_like(between) if getattr(layer, "cuts_self", False) else between
        score: Callable[..., Tensor] | None = getattr(layer, "importance", None)
        importance = score(message, **arguments) if score else message.abs()
        importance = importance.reshape(shape)[ranked]
        alphabet: tuple[int, ...] = getattr(layer, "alphabet", ())
        if alphabet:
            importance = importance.new_ones(len(importance), len(alphabet))
        cut = self.cut(importance, self._edges[layer][1][ranked] // self.num_agents)
        if alphabet:
            cut = cut.repeat_interleave(torch.tensor(alphabet, device=cut.device), 1)
        keep = keep.clone()
        keep[ranked] &= cut
        return keep

    def _attended(self, layer: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        """Record the attention of a transformer, whose layers after the first send nothing."""
        name, rounds = self.names[layer], self.messages
        last = max(i for i, each in enumerate(rounds) if each.layer == name)
        first, *others = layer.attention_weights
        sent = rounds[last]
        rounds[last] = replace(sent, weights=first)
        empty = sent.message[:, :0]
        for number, alpha in enumerate(others, 1):
            named = f"{name}.layers.{number}"
            parts = sent.edge_index, empty, empty.bool()
            rounds.append(LayerMessages(*parts, layer=named, weights=alpha))

    @property
    def unit(self) -> str:
        """What its bits are: `numbers` of 4 bytes, or `bits` where messages are symbols."""
        symbols = [bool(getattr(layer, "alphabet", ())) for layer in self.layers]
        return "bits" if symbols and all(symbols) else "numbers"

    def take(self, num_graphs: int) -> dict[str, Float[Tensor, " graph"]]:
        """Messages, bits and bytes of each graph since the last call."""
        rounds, self.messages = self.messages, []
        device = rounds[0].message.device if rounds else None
        total = torch.zeros(len(NAMES), num_graphs, device=device)
        for each in rounds:
            sent = (each.bits > 0).float()
            parts = len(each.alphabet) or each.keep.shape[1]
            mask = 0 if self.cut is None else math.ceil(parts / 8)
            counts = torch.stack([sent, each.bits, each.bytes + mask * sent])
            graph = each.edge_index[1] // self.num_agents
            total += scatter(counts, graph, 1, num_graphs)
        return dict(zip(NAMES, total, strict=True))
