"""What an agent knows besides its own observation: a component of `ActorCritic`."""

from abc import abstractmethod

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F
from torch_geometric.data import Data
from torch_geometric.nn import SimpleConv
from torch_geometric.utils import scatter

from graphmarl.nn.conv import AttentionConv, CommConv, GatedConv, GaussianConv
from graphmarl.nn.network import Output, batch_of, count_graphs, mlp, orthogonal_linear


class CommunicationModule(nn.Module):
    """Features from others that are joined to an agent's own input.

    Attributes:
        size: size of the latent of each agent.
        memory_size: numbers of memory per agent.
        stored: whether the latent is kept with the trajectory instead of being computed again in
            training: true for frozen parts.
        rounds: how many hops information travels along the edges within a step.
        num_agents: the only number of agents that it works with; 0 for any number.
    """

    size: int
    memory_size: int = 0
    stored: bool = False
    rounds: int = 0
    num_agents: int = 0

    @abstractmethod
    def forward(
        self,
        graph: Data,
        x: Float[Tensor, "row input"],
        memory: Float[Tensor, "row memory"],
        output: Output,
    ) -> Float[Tensor, "row memory"]:
        """Set `latent` of the output, and what else there is to see; returns the next memory.

        Args:
            graph: the agents and who hears whom.
            x: the input of each agent and what it remembers.
            memory: what the module itself remembers.
            output: what is filled in.
        """


class MeanObservation(CommunicationModule):
    """MS, an ablation of NVIF: the mean observation of all living agents, whoever hears whom.

    Args:
        obs_size: numbers in one observation.
    """

    def __init__(self, obs_size: int) -> None:
        super().__init__()
        self.size = obs_size

    def forward(
        self,
        graph: Data,
        x: Float[Tensor, "row input"],
        memory: Float[Tensor, "row memory"],
        output: Output,
    ) -> Float[Tensor, "row memory"]:
        """The mean; there is nothing to remember."""
        assert graph.x is not None, "the agent graph carries observations"
        batch, alive = batch_of(graph), graph.alive[:, None]
        seen, count = graph.x.flatten(1) * alive, count_graphs(graph)
        total = scatter(seen, batch, dim_size=count)
        living = scatter(alive.to(seen.dtype), batch, dim_size=count)
        output.latent = (total / living.clamp(min=1))[batch]
        return memory


class GaussianCommunication(CommunicationModule):
    """What NDQ's agents tell each other: a Gaussian message on every edge.

    The output's `messages` are the means mu_ij.

    Args:
        conv: the message layer.
    """

    rounds = 1

    def __init__(self, conv: GaussianConv) -> None:
        super().__init__()
        self.conv = conv
        self.size, self.num_agents = conv.size, conv.slots

    def forward(
        self,
        graph: Data,
        x: Float[Tensor, "row input"],
        memory: Float[Tensor, "row memory"],
        output: Output,
    ) -> Float[Tensor, "row memory"]:
        """Draw the messages and hand them to their receivers."""
        assert graph.edge_index is not None, "a builder has set the edges"
        output.messages = self.conv.mean(x, graph.edge_index)
        output.latent = self.conv(x, graph.edge_index, output.messages)
        return memory


class AttentionCommunication(CommunicationModule):
    """What an agent attends to among those it hears and itself (TarMAC: Das et al. 2019).

    Args:
        conv: the attention layer.
        size: size of its result.
    """

    rounds = 1

    def __init__(self, conv: AttentionConv | GatedConv, size: int) -> None:
        super().__init__()
        self.conv, self.size = conv, size

    def forward(
        self,
        graph: Data,
        x: Float[Tensor, "row input"],
        memory: Float[Tensor, "row memory"],
        output: Output,
    ) -> Float[Tensor, "row memory"]:
        """One round of attention."""
        assert graph.edge_index is not None, "a builder has set the edges"
        alpha = self.conv.attention(x, graph.edge_index)
        output.attention = alpha[0]
        output.latent = self.conv(x, graph.edge_index, alpha)
        return memory


class CommNetCommunication(CommunicationModule):
    """What an agent knows after rounds of communication (CommNet: Sukhbaatar et al. 2016).

    Args:
        known: size of the input of each agent and what it remembers.
        size: size of what is known after each round.
        rounds: how often agents tell each other all they know.
        skip: let every round also read what was known before the first.
    """

    def __init__(self, known: int, size: int, rounds: int, skip: bool) -> None:
        super().__init__()
        self.size, self.rounds, self.skip = size, rounds, skip
        self.encoder = nn.Sequential(orthogonal_linear(known, size, 1.0), nn.Tanh())
        skipped = size if skip else 0
        self.convs = nn.ModuleList(CommConv(size, size, skipped) for _ in range(rounds))

    def forward(
        self,
        graph: Data,
        x: Float[Tensor, "row input"],
        memory: Float[Tensor, "row memory"],
        output: Output,
    ) -> Float[Tensor, "row memory"]:
        """All rounds; there is nothing to remember."""
        h = first = self.encoder(x)
        for conv in self.convs:
            h = conv(h, graph.edge_index, first if self.skip else None)
        output.latent = h
        return memory


class EncodedCommunication(CommunicationModule):
    """Another communication module that reads the inputs behind a layer of its own.

    Args:
        known: size of the input of each agent and what it remembers.
        hidden: width of the layer.
        module: reads the encoded inputs.
    """

    def __init__(self, known: int, hidden: int, module: CommunicationModule) -> None:
        super().__init__()
        self.encoder = nn.Sequential(orthogonal_linear(known, hidden), nn.ReLU(inplace=True))
        self.module, self.size = module, module.size
        self.memory_size, self.stored = module.memory_size, module.stored
        self.rounds, self.num_agents = module.rounds, module.num_agents

    def forward(
        self,
        graph: Data,
        x: Float[Tensor, "row input"],
        memory: Float[Tensor, "row memory"],
        output: Output,
    ) -> Float[Tensor, "row memory"]:
        """What the other module makes of it."""
        return self.module(graph, self.encoder(x), memory, output)


class MeanAction(CommunicationModule):
    """The mean of the neighbours' last actions, one-hot (MFQ: Yang et al. 2018, eq. 11).

    Zeros where an episode begins and for an agent that hears no one.

    Args:
        num_actions: number of actions.
        hidden: width of the layers that embed it, as in the paper's code.
        size: size of the embedding.
    """

    rounds = 1

    def __init__(self, num_actions: int, hidden: int = 64, size: int = 32) -> None:
        super().__init__()
        self.num_actions, self.size = num_actions, size
        self.conv = SimpleConv(aggr="mean")
        self.embed = mlp(num_actions, hidden, size)

    def forward(
        self,
        graph: Data,
        x: Float[Tensor, "row input"],
        memory: Float[Tensor, "row memory"],
        output: Output,
    ) -> Float[Tensor, "row memory"]:
        """The embedded mean action; there is nothing to remember."""
        assert graph.edge_index is not None, "a builder has set the edges"
        mean = self.conv(last_action(graph, self.num_actions), graph.edge_index)
        output.latent = self.embed(mean)
        return memory


def last_action(graph: Data, num_actions: int) -> Float[Tensor, "row action"]:
    """What each agent did in the step before, one-hot; zeros where an episode begins."""
    chosen = F.one_hot(graph.last_action, num_actions).float()
    return chosen * (graph["time"] > 0)[batch_of(graph)][:, None]


def no_memory(graph: Data) -> Float[Tensor, "row 0"]:
    """The memory of networks that have none."""
    device = None if graph.x is None else graph.x.device
    return torch.zeros(graph.num_nodes or 0, 0, device=device)
