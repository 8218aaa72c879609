"""All message-passing layers, one per file."""

from torch_geometric.nn import MessagePassing

from graphmarl.nn.conv.attention import AttentionConv
from graphmarl.nn.conv.flow import FlowConv, symmetric_norm
from graphmarl.nn.conv.gaussian import GaussianConv
from graphmarl.nn.conv.slots import SlotConv, side_by_side, slots_of

CONVS: dict[str, type[MessagePassing]] = {
    "flow": FlowConv,
    "gaussian": GaussianConv,
    "attention": AttentionConv,
}

__all__ = [
    "CONVS",
    "AttentionConv",
    "FlowConv",
    "GaussianConv",
    "SlotConv",
    "side_by_side",
    "slots_of",
    "symmetric_norm",
]
