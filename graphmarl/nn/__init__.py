"""Networks: message-passing layers, communication modules, actors, critics and mixers."""

from graphmarl.nn.actor_critic import Actor, ActorCritic
from graphmarl.nn.adjacency import Adjacency, BlockMask, NeighborLists, adjacency_of
from graphmarl.nn.communication.channel import Channel, LayerMessages, without_noise
from graphmarl.nn.communication.cuts import CUTS, Cut, Rank
from graphmarl.nn.communication.flow import (
    FlowDecoder,
    FlowEncoder,
    FlowNet,
    ObservationAutoencoder,
)
from graphmarl.nn.communication.modules import (
    AttentionCommunication,
    CommNetCommunication,
    CommunicationModule,
    EncodedCommunication,
    GaussianCommunication,
    MeanAction,
    MeanObservation,
    last_action,
    no_memory,
)
from graphmarl.nn.conv import (
    CONVS,
    AttentionConv,
    BetheConv,
    CommConv,
    CommunicationTransformer,
    ConcatConv,
    FlowConv,
    GateContext,
    GatedConv,
    GaussianConv,
    Hops,
    PairConv,
    SumConv,
    TransformerLayer,
    concatenate_slots,
    neighbor_slots,
    symmetric_norm,
)
from graphmarl.nn.critics.central import (
    AgentConcatCritic,
    CentralCritic,
    ConcatCritic,
    PooledCritic,
)
from graphmarl.nn.critics.counterfactual import CounterfactualCritic
from graphmarl.nn.critics.joint import JointCritic
from graphmarl.nn.critics.latent import LatentCritic
from graphmarl.nn.critics.neighbor import NeighborCritic, NeighborValue
from graphmarl.nn.distributions import (
    ContinuousHead,
    ContinuousPolicy,
    LogStd,
    ScaledBeta,
    SquashedNormal,
    Std,
    action_log_prob,
    choose_action,
)
from graphmarl.nn.inference import Aggregator, Approximation, First, InferencePolicy
from graphmarl.nn.latent_agent import LatentAgent
from graphmarl.nn.linear import AgentLinear, KindLinear, own_weights
from graphmarl.nn.mixers import Mixer, MonotonicMixer, SumMixer
from graphmarl.nn.moments import RunningMoments
from graphmarl.nn.network import AgentNetwork, Output, batch_of, mlp, orthogonal_linear
from graphmarl.nn.picture_encoder import (
    Encoder,
    FrozenEncoder,
    ObsSize,
    PictureEncoder,
    encoded_size,
    observation_encoder,
)
from graphmarl.nn.policy import PolicyHead, parameters_of, policy_kl, policy_rows
from graphmarl.nn.q_network import QNetwork
from graphmarl.nn.state_messages import StateAggregator, StateMessages
from graphmarl.nn.tree_encoder import TreeEncoder
from graphmarl.nn.trunk import AgentInput, MessagesFrom, Trunk
from graphmarl.nn.world_model import Latent, WorldModel

__all__ = [
    "Encoder",
    "FrozenEncoder",
    "ObsSize",
    "PictureEncoder",
    "encoded_size",
    "observation_encoder",
    "ContinuousHead",
    "ContinuousPolicy",
    "LogStd",
    "ScaledBeta",
    "Std",
    "action_log_prob",
    "choose_action",
    "Actor",
    "AgentConcatCritic",
    "ActorCritic",
    "AgentInput",
    "AgentNetwork",
    "Aggregator",
    "Approximation",
    "AttentionCommunication",
    "AttentionConv",
    "BetheConv",
    "CONVS",
    "CUTS",
    "Channel",
    "BlockMask",
    "CommConv",
    "CommNetCommunication",
    "ConcatCritic",
    "CommunicationModule",
    "CounterfactualCritic",
    "Cut",
    "NeighborLists",
    "EncodedCommunication",
    "First",
    "FlowConv",
    "FlowDecoder",
    "FlowEncoder",
    "FlowNet",
    "GateContext",
    "GatedConv",
    "GaussianConv",
    "Adjacency",
    "Hops",
    "InferencePolicy",
    "JointCritic",
    "KindLinear",
    "Latent",
    "LatentAgent",
    "LatentCritic",
    "MeanAction",
    "MeanObservation",
    "GaussianCommunication",
    "MessagesFrom",
    "Mixer",
    "MonotonicMixer",
    "NeighborCritic",
    "NeighborValue",
    "ObservationAutoencoder",
    "Output",
    "AgentLinear",
    "PairConv",
    "PolicyHead",
    "parameters_of",
    "policy_kl",
    "policy_rows",
    "PooledCritic",
    "QNetwork",
    "Rank",
    "RunningMoments",
    "LayerMessages",
    "without_noise",
    "ConcatConv",
    "SquashedNormal",
    "StateAggregator",
    "StateMessages",
    "SumConv",
    "SumMixer",
    "CentralCritic",
    "TreeEncoder",
    "CommunicationTransformer",
    "TransformerLayer",
    "Trunk",
    "WorldModel",
    "batch_of",
    "adjacency_of",
    "last_action",
    "mlp",
    "no_memory",
    "orthogonal_linear",
    "own_weights",
    "concatenate_slots",
    "neighbor_slots",
    "symmetric_norm",
]
