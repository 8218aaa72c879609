"""Networks: message-passing layers, actors, critics and what they are made of."""

from graphmarl.nn.actor import Actor
from graphmarl.nn.actor_critic import ActorCritic
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
    BetheConv,
    FlowConv,
    GaussianConv,
    PairConv,
    SumConv,
    symmetric_norm,
)
from graphmarl.nn.critics import NeighborCritic, NeighborValue
from graphmarl.nn.cuts import CUTS, Cut, Rank
from graphmarl.nn.flow import FlowDecoder, FlowEncoder, FlowNet, ObservationAutoencoder
from graphmarl.nn.inference import Aggregator, Approximation, First, InferencePolicy, StateMessages
from graphmarl.nn.kinds import KindLinear
from graphmarl.nn.mixers import JointCritic, Mixer, MonotonicMixer, SumMixer
from graphmarl.nn.network import AgentNetwork, Output, batch_of, mlp, orthogonal_linear
from graphmarl.nn.policy import PolicyHead, SquashedNormal
from graphmarl.nn.q_network import QNetwork
from graphmarl.nn.team_critics import ConcatCritic, PooledCritic, TeamCritic
from graphmarl.nn.trunk import AgentInput, Trunk

__all__ = [
    "Actor",
    "ActorCritic",
    "AgentInput",
    "AgentNetwork",
    "Aggregator",
    "Approximation",
    "Attended",
    "AttentionConv",
    "BetheConv",
    "CONVS",
    "CUTS",
    "Channel",
    "ConcatCritic",
    "Context",
    "Cut",
    "First",
    "FlowConv",
    "FlowDecoder",
    "FlowEncoder",
    "FlowNet",
    "GaussianConv",
    "InferencePolicy",
    "JointCritic",
    "KindLinear",
    "MeanAction",
    "MeanObservation",
    "Messages",
    "Mixer",
    "MonotonicMixer",
    "NeighborCritic",
    "NeighborValue",
    "ObservationAutoencoder",
    "Output",
    "PairConv",
    "PolicyHead",
    "PooledCritic",
    "QNetwork",
    "Rank",
    "Sent",
    "SquashedNormal",
    "StateMessages",
    "SumConv",
    "SumMixer",
    "TeamCritic",
    "Trunk",
    "batch_of",
    "last_action",
    "mlp",
    "no_memory",
    "orthogonal_linear",
    "symmetric_norm",
]
