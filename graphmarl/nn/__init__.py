"""Networks: message-passing layers, communication modules, actors, critics and mixers."""

from graphmarl.nn.actor_critic import Actor, ActorCritic
from graphmarl.nn.adjacency import (
    Adjacency,
    BlockMask,
    DenseMatrix,
    NeighborLists,
    adjacency_matrix,
    adjacency_of,
    has_hooks,
)
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
    CategoricalPolicy,
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
from graphmarl.nn.sparse import CSRMatrix
from graphmarl.nn.state_messages import StateAggregator, StateMessages
from graphmarl.nn.tree_encoder import TreeEncoder
from graphmarl.nn.trunk import AgentInput, MessagesFrom, Trunk
from graphmarl.nn.world_model import Latent, WorldModel

__all__ = [
    "Actor",
    "ActorCritic",
    "Adjacency",
    "AgentConcatCritic",
    "AgentInput",
    "AgentLinear",
    "AgentNetwork",
    "Aggregator",
    "Approximation",
    "AttentionCommunication",
    "AttentionConv",
    "BetheConv",
    "BlockMask",
    "CONVS",
    "CSRMatrix",
    "CUTS",
    "CentralCritic",
    "Channel",
    "CommConv",
    "CommNetCommunication",
    "CommunicationModule",
    "CommunicationTransformer",
    "ConcatConv",
    "ConcatCritic",
    "CategoricalPolicy",
    "ContinuousHead",
    "ContinuousPolicy",
    "CounterfactualCritic",
    "Cut",
    "DenseMatrix",
    "EncodedCommunication",
    "Encoder",
    "First",
    "FlowConv",
    "FlowDecoder",
    "FlowEncoder",
    "FlowNet",
    "FrozenEncoder",
    "GateContext",
    "GatedConv",
    "GaussianCommunication",
    "GaussianConv",
    "Hops",
    "InferencePolicy",
    "JointCritic",
    "KindLinear",
    "Latent",
    "LatentAgent",
    "LatentCritic",
    "LayerMessages",
    "LogStd",
    "MeanAction",
    "MeanObservation",
    "MessagesFrom",
    "Mixer",
    "MonotonicMixer",
    "NeighborCritic",
    "NeighborLists",
    "NeighborValue",
    "ObsSize",
    "ObservationAutoencoder",
    "Output",
    "PairConv",
    "PictureEncoder",
    "PolicyHead",
    "PooledCritic",
    "QNetwork",
    "Rank",
    "RunningMoments",
    "ScaledBeta",
    "SquashedNormal",
    "StateAggregator",
    "StateMessages",
    "Std",
    "SumConv",
    "SumMixer",
    "TransformerLayer",
    "TreeEncoder",
    "Trunk",
    "WorldModel",
    "action_log_prob",
    "adjacency_matrix",
    "adjacency_of",
    "batch_of",
    "choose_action",
    "concatenate_slots",
    "encoded_size",
    "has_hooks",
    "last_action",
    "mlp",
    "neighbor_slots",
    "no_memory",
    "observation_encoder",
    "orthogonal_linear",
    "own_weights",
    "parameters_of",
    "policy_kl",
    "policy_rows",
    "symmetric_norm",
    "without_noise",
]
