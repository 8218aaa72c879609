"""Networks: message-passing layers, actors, critics and what they are made of."""

from graphmarl.nn.actor_critic import ActorCritic
from graphmarl.nn.context import Context, MeanObservation, no_memory
from graphmarl.nn.conv import CONVS, FlowConv, symmetric_norm
from graphmarl.nn.flow import FlowDecoder, FlowEncoder, FlowNet, ObservationAutoencoder
from graphmarl.nn.network import AgentNetwork, Output, batch_of, mlp, orthogonal_linear

__all__ = [
    "CONVS",
    "ActorCritic",
    "AgentNetwork",
    "Context",
    "FlowConv",
    "FlowDecoder",
    "FlowEncoder",
    "FlowNet",
    "MeanObservation",
    "ObservationAutoencoder",
    "Output",
    "batch_of",
    "mlp",
    "no_memory",
    "orthogonal_linear",
    "symmetric_norm",
]
