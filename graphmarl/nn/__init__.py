"""Networks: message-passing layers, actors, critics and what they are made of."""

from graphmarl.nn.actor_critic import Actor, ActorCritic
from graphmarl.nn.channel import Channel, Sent
from graphmarl.nn.context import (
    Attended,
    Communicated,
    Context,
    Encoded,
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
    CommConv,
    FlowConv,
    GatedConv,
    GaussianConv,
    PairConv,
    SlotConv,
    SumConv,
    TransformerConv,
    TransformerLayer,
    side_by_side,
    slots_of,
    symmetric_norm,
)
from graphmarl.nn.counterfactual import CounterfactualCritic
from graphmarl.nn.critics import NeighborCritic, NeighborValue
from graphmarl.nn.cuts import CUTS, Cut, Rank
from graphmarl.nn.flow import FlowDecoder, FlowEncoder, FlowNet, ObservationAutoencoder
from graphmarl.nn.hearing import Cliques, Ears, Hearing, hearing_of
from graphmarl.nn.inference import Aggregator, Approximation, First, InferencePolicy, StateMessages
from graphmarl.nn.kinds import KindLinear
from graphmarl.nn.latent_agent import LatentAgent, LatentCritic
from graphmarl.nn.mixers import JointCritic, Mixer, MonotonicMixer, SumMixer
from graphmarl.nn.network import AgentNetwork, Output, batch_of, mlp, orthogonal_linear
from graphmarl.nn.own_linear import OwnLinear
from graphmarl.nn.policy import PolicyHead, SquashedNormal
from graphmarl.nn.q_network import QNetwork
from graphmarl.nn.team_critics import ConcatCritic, PooledCritic, TeamCritic
from graphmarl.nn.tree_encoder import TreeEncoder
from graphmarl.nn.trunk import AgentInput, Trunk
from graphmarl.nn.world_model import Latent, WorldModel

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
    "Cliques",
    "CommConv",
    "Communicated",
    "ConcatCritic",
    "Context",
    "CounterfactualCritic",
    "Cut",
    "Ears",
    "Encoded",
    "First",
    "FlowConv",
    "FlowDecoder",
    "FlowEncoder",
    "FlowNet",
    "GatedConv",
    "GaussianConv",
    "Hearing",
    "InferencePolicy",
    "JointCritic",
    "KindLinear",
    "Latent",
    "LatentAgent",
    "LatentCritic",
    "MeanAction",
    "MeanObservation",
    "Messages",
    "Mixer",
    "MonotonicMixer",
    "NeighborCritic",
    "NeighborValue",
    "ObservationAutoencoder",
    "Output",
    "OwnLinear",
    "PairConv",
    "PolicyHead",
    "PooledCritic",
    "QNetwork",
    "Rank",
    "Sent",
    "SlotConv",
    "SquashedNormal",
    "StateMessages",
    "SumConv",
    "SumMixer",
    "TeamCritic",
    "TreeEncoder",
    "TransformerConv",
    "TransformerLayer",
    "Trunk",
    "WorldModel",
    "batch_of",
    "hearing_of",
    "last_action",
    "mlp",
    "no_memory",
    "orthogonal_linear",
    "side_by_side",
    "slots_of",
    "symmetric_norm",
]
