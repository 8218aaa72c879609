"""All message-passing layers, one per file."""

from torch_geometric.nn import MessagePassing

from graphmarl.nn.conv.flow import FlowConv, symmetric_norm

CONVS: dict[str, type[MessagePassing]] = {"flow": FlowConv}

__all__ = ["CONVS", "FlowConv", "symmetric_norm"]
