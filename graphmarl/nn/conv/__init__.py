"""All message-passing layers, one per file."""

from torch_geometric.nn import MessagePassing

from graphmarl.nn.conv.attention import AttentionConv
from graphmarl.nn.conv.bethe import BetheConv
from graphmarl.nn.conv.flow import FlowConv, symmetric_norm
from graphmarl.nn.conv.gaussian import GaussianConv
from graphmarl.nn.conv.pair import PairConv
from graphmarl.nn.conv.sum import SumConv

CONVS: dict[str, type[MessagePassing]] = {
    "flow": FlowConv,
    "gaussian": GaussianConv,
    "attention": AttentionConv,
    "sum": SumConv,
    "pair": PairConv,
    "bethe": BetheConv,
}

__all__ = [
    "CONVS",
    "AttentionConv",
    "BetheConv",
    "FlowConv",
    "GaussianConv",
    "PairConv",
    "SumConv",
    "symmetric_norm",
]
