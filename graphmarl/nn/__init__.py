"""Networks: message-passing layers, actors, critics and what they are made of."""

from graphmarl.nn.actor_critic import Actor, ActorCritic
from graphmarl.nn.channel import Channel, Sent
from graphmarl.nn.context import (
    Attended,
    Context,
    MeanAction,
    MeanObservation,
    Messages,
    last_action,
    no_memory,
)
from graphmarl.nn.conv import (
    CONVS,
    AttentionConv,
    FlowConv,
    GaussianConv,
    SlotConv,
    side_by_side,
    slots_of,
    symmetric_norm,
)
from graphmarl.nn.counterfactual import CounterfactualCritic
from graphmarl.nn.cuts import CUTS, Cut, Rank
from graphmarl.nn.flow import FlowDecoder, FlowEncoder, FlowNet, ObservationAutoencoder
from graphmarl.nn.mixers import JointCritic, Mixer, MonotonicMixer, SumMixer
from graphmarl.nn.network import AgentNetwork, Output, batch_of, mlp, orthogonal_linear
from graphmarl.nn.own_linear import OwnLinear
from graphmarl.nn.q_network import QNetwork
from graphmarl.nn.trunk import AgentInput, Trunk

__all__ = [
    "CONVS",
    "CUTS",
    "Actor",
    "ActorCritic",
    "AgentInput",
    "AgentNetwork",
    "Attended",
    "AttentionConv",
    "Channel",
    "Context",
    "CounterfactualCritic",
    "Cut",
    "FlowConv",
    "FlowDecoder",
    "FlowEncoder",
    "FlowNet",
    "GaussianConv",
    "JointCritic",
    "MeanAction",
    "MeanObservation",
    "Messages",
    "Mixer",
    "MonotonicMixer",
    "ObservationAutoencoder",
    "Output",
    "OwnLinear",
    "QNetwork",
    "Rank",
    "Sent",
    "SlotConv",
    "SumMixer",
    "Trunk",
    "batch_of",
    "last_action",
    "mlp",
    "no_memory",
    "orthogonal_linear",
    "side_by_side",
    "slots_of",
    "symmetric_norm",
]
