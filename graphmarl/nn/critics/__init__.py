"""Critics: value functions of agents and of teams."""

from graphmarl.nn.critics.central import AgentConcatCritic as AgentConcatCritic
from graphmarl.nn.critics.central import CentralCritic as CentralCritic
from graphmarl.nn.critics.central import ConcatCritic as ConcatCritic
from graphmarl.nn.critics.central import PooledCritic as PooledCritic
from graphmarl.nn.critics.counterfactual import CounterfactualCritic as CounterfactualCritic
from graphmarl.nn.critics.joint import JointCritic as JointCritic
from graphmarl.nn.critics.latent import LatentCritic as LatentCritic
from graphmarl.nn.critics.neighbor import NeighborCritic as NeighborCritic
from graphmarl.nn.critics.neighbor import NeighborValue as NeighborValue
