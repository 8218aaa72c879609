"""Message-passing layers, one per file."""

from torch_geometric.nn import MessagePassing

from graphmarl.nn.conv.attention import AttentionConv
from graphmarl.nn.conv.bethe import BetheConv
from graphmarl.nn.conv.comm import CommConv
from graphmarl.nn.conv.concat import ConcatConv, concatenate_slots, neighbor_slots
from graphmarl.nn.conv.flow import FlowConv, symmetric_norm
from graphmarl.nn.conv.gated import GateContext, GatedConv
from graphmarl.nn.conv.gaussian import GaussianConv
from graphmarl.nn.conv.pair import PairConv
from graphmarl.nn.conv.sum import SumConv
from graphmarl.nn.conv.transformer import CommunicationTransformer, Hops, TransformerLayer

CONVS: dict[str, type[MessagePassing]] = {
    "flow": FlowConv,
    "gaussian": GaussianConv,
    "attention": AttentionConv,
    "sum": SumConv,
    "pair": PairConv,
    "bethe": BetheConv,
    "transformer": CommunicationTransformer,
    "comm": CommConv,
    "gated": GatedConv,
}

__all__ = [
    "AttentionConv",
    "BetheConv",
    "CONVS",
    "CommConv",
    "FlowConv",
    "GateContext",
    "GatedConv",
    "GaussianConv",
    "Hops",
    "PairConv",
    "ConcatConv",
    "SumConv",
    "CommunicationTransformer",
    "TransformerLayer",
    "concatenate_slots",
    "neighbor_slots",
    "symmetric_norm",
]
