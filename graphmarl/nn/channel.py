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

from graphmarl.nn.cuts import Cut

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
    """

    edge_index: Int[Tensor, "2 edge"]
    message: Float[Tensor, "edge bit"]
    keep: Bool[Tensor, "edge bit"]
    header: int = 0


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
        sends: Callable[..., Tensor] | None = getattr(layer, "sends", None)
        keep = torch.ones_like(message, dtype=torch.bool)
        if sends is not None:
            keep = sends(message, **inputs[0])
        if self.cut is not None:
            weigh: Callable[..., Tensor] | None = getattr(layer, "importance", None)
            worth = weigh(message, **inputs[0]) if weigh else message.abs()
            keep = keep & self.cut(worth, edge_index[1] // self.num_agents)
        message = torch.where(keep, message, torch.zeros_like(message))
        self.sent.append(Sent(edge_index, message, keep, getattr(layer, "header", 0)))
        return message

    def take(self, num_graphs: int) -> dict[str, Float[Tensor, " graph"]]:
        """Messages, bits and bytes of each graph since they were last taken."""
        rounds, self.sent = self.sent, []
        total = torch.zeros(len(NAMES), num_graphs)
        for each in rounds:
            bits = each.keep.sum(1).float()
            some = (bits > 0).float()
            mask = 0 if self.cut is None else math.ceil(each.keep.shape[1] / 8)
            counts = torch.stack([some, bits, BYTES * (bits + each.header) + mask * some])
            graph = each.edge_index[1] // self.num_agents
            total += scatter(counts, graph, 1, num_graphs).cpu()
        return dict(zip(NAMES, total, strict=True))
