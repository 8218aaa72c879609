"""Communication modules, and the channel that counts and cuts their messages."""

from graphmarl.nn.communication.channel import Channel as Channel
from graphmarl.nn.communication.channel import LayerMessages as LayerMessages
from graphmarl.nn.communication.cuts import CUTS as CUTS
from graphmarl.nn.communication.cuts import Cut as Cut
from graphmarl.nn.communication.flow import FlowEncoder as FlowEncoder
from graphmarl.nn.communication.modules import AttentionCommunication as AttentionCommunication
from graphmarl.nn.communication.modules import CommNetCommunication as CommNetCommunication
from graphmarl.nn.communication.modules import CommunicationModule as CommunicationModule
from graphmarl.nn.communication.modules import EncodedCommunication as EncodedCommunication
from graphmarl.nn.communication.modules import GaussianCommunication as GaussianCommunication
from graphmarl.nn.communication.modules import MeanAction as MeanAction
from graphmarl.nn.communication.modules import MeanObservation as MeanObservation
