"""Communication modules, which compute features of each agent from the messages of others."""

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
    """Base class of modules whose output is concatenated to an agent's own input.

    Attributes:
        size: size of the output latent of each agent.
        memory_size: size of the recurrent memory per agent.
        stored: whether the latent is stored in the trajectory instead of recomputed in training,
            for frozen modules.
        rounds: hops that information travels along the edges within a step.
        num_agents: required number of agents; 0 for any number.
        replaces_input: whether agents read the latent instead of their own input.
        reads_memory: whether the latent depends on the recurrent memory of the agents.
        edge_features: features of each edge that are held at once, by which minibatches are
            divided; None for as many as the network is wide.
    """

    size: int
    memory_size: int = 0
    stored: bool = False
    rounds: int = 0
    num_agents: int = 0
    replaces_input: bool = False
    reads_memory: bool = True
    edge_features: int | None = None

    @abstractmethod
    def forward(
        self,
        graph: Data,
        x: Float[Tensor, "row input"],
        memory: Float[Tensor, "row memory"],
        output: Output,
    ) -> Float[Tensor, "row memory"]:
        """Set the `latent` of the output, and messages or attention; returns the next memory.

        `attention` (edge, head), in the order of `graph.edge_index`, is what animations draw.

        Args:
            graph: agent graph.
            x: input of each agent, its size `obs_size`, plus `hidden` if the agents are recurrent.
            memory: recurrent memory of the module.
            output: output that is filled in place.
        """


class MeanObservation(CommunicationModule):
    """Mean observation of all live agents, regardless of the edges (MS, an ablation of NVIF).

    Args:
        obs_size: size of an observation.
    """

    reads_memory = False

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
        """Mean observation; the memory is empty."""
        assert graph.x is not None, "the agent graph carries observations"
        batch, alive = batch_of(graph), graph.alive[:, None]
        x, count = graph.x.flatten(1) * alive, count_graphs(graph)
        total = scatter(x, batch, dim_size=count)
        live = scatter(alive.to(x.dtype), batch, dim_size=count)
        output.latent = (total / live.clamp(min=1))[batch]
        return memory


class GaussianCommunication(CommunicationModule):
    """Gaussian messages on every edge (NDQ).

    The `messages` of the output are the means mu_ij.

    Args:
        conv: message-passing layer.
        own: live agents send a message to themselves too; its mean is `own_message` of `extra`,
            zeros for dead agents.
    """

    rounds = 1

    def __init__(self, conv: GaussianConv, own: bool = False) -> None:
        super().__init__()
        self.conv, self.own = conv, own
        self.size, self.num_agents = conv.size, conv.slots

    def forward(
        self,
        graph: Data,
        x: Float[Tensor, "row input"],
        memory: Float[Tensor, "row memory"],
        output: Output,
    ) -> Float[Tensor, "row memory"]:
        """Sample and aggregate the messages."""
        assert graph.edge_index is not None, "a builder has set the edges"
        edge_index, count = graph.edge_index, graph.edge_index.shape[1]
        if self.own:
            live = graph.alive.nonzero().flatten()
            edge_index = torch.cat([edge_index, live.expand(2, -1)], 1)
        mean = self.conv.mean(x, edge_index)
        output.messages = mean[:count]
        if self.own:
            each = mean.new_zeros(len(x), self.conv.bits)
            output.extra["own_message"] = each.index_put((edge_index[0, count:],), mean[count:])
        output.latent = self.conv(x, edge_index, mean)
        return memory


class AttentionCommunication(CommunicationModule):
    r"""Attention over neighbours and the agent itself, in one or more rounds (TarMAC).

    Das et al. 2019. Between rounds the input is updated from what was received,

    .. math::
        x_i \leftarrow \tanh \left( W [x_i, c_i] \right)

    and the same layer attends again.

    Args:
        conv: attention layer.
        size: output size of the layer.
        rounds: rounds of messages in each step.
        input_size: size of x; needed for several rounds.
        detach: no gradient flows through messages, signatures and queries into their inputs.
    """

    def __init__(
        self,
        conv: AttentionConv | GatedConv,
        size: int,
        rounds: int = 1,
        input_size: int = 0,
        detach: bool = False,
    ) -> None:
        super().__init__()
        self.conv, self.size, self.rounds, self.detach = conv, size, rounds, detach
        joined = orthogonal_linear(input_size + size, input_size, 1.0) if rounds > 1 else None
        self.between = None if joined is None else nn.Sequential(joined, nn.Tanh())

    def forward(
        self,
        graph: Data,
        x: Float[Tensor, "row input"],
        memory: Float[Tensor, "row memory"],
        output: Output,
    ) -> Float[Tensor, "row memory"]:
        """All rounds of attention; the attention of the last one is stored."""
        assert graph.edge_index is not None, "a builder has set the edges"
        x = x.detach() if self.detach else x
        for number in range(self.rounds):
            if number and self.between is not None and output.latent is not None:
                x = self.between(torch.cat([x, output.latent], 1))
            alpha = self.conv.attention(x, graph.edge_index)
            output.attention = alpha[0]
            output.latent = self.conv(x, graph.edge_index, alpha)
        return memory


class CommNetCommunication(CommunicationModule):
    """Rounds of CommNet communication by mean aggregation (Sukhbaatar et al. 2016).

    Args:
        input_size: size of an agent's input with its recurrent memory.
        size: size of the hidden state h_i.
        rounds: number of communication rounds.
        skip: skip connection from h_i^0 to every round.
    """

    def __init__(self, input_size: int, size: int, rounds: int, skip: bool) -> None:
        super().__init__()
        self.size, self.rounds, self.skip = size, rounds, skip
        self.encoder = nn.Sequential(orthogonal_linear(input_size, size, 1.0), nn.Tanh())
        skipped = size if skip else 0
        self.convs = nn.ModuleList(CommConv(size, size, skipped) for _ in range(rounds))

    def forward(
        self,
        graph: Data,
        x: Float[Tensor, "row input"],
        memory: Float[Tensor, "row memory"],
        output: Output,
    ) -> Float[Tensor, "row memory"]:
        """All rounds; the memory is empty."""
        h = first = self.encoder(x)
        for conv in self.convs:
            h = conv(h, graph.edge_index, first if self.skip else None)
        output.latent = h
        return memory


class EncodedCommunication(CommunicationModule):
    """Communication module on inputs that are encoded by a linear layer with ReLU.

    Args:
        input_size: size of an agent's input with its recurrent memory.
        hidden: width of the layer.
        module: communication module on the encoded inputs.
    """

    def __init__(self, input_size: int, hidden: int, module: CommunicationModule) -> None:
        super().__init__()
        self.encoder = nn.Sequential(orthogonal_linear(input_size, hidden), nn.ReLU(inplace=True))
        self.module, self.size = module, module.size
        self.memory_size, self.stored = module.memory_size, module.stored
        self.rounds, self.num_agents = module.rounds, module.num_agents
        self.reads_memory = module.reads_memory

    def forward(
        self,
        graph: Data,
        x: Float[Tensor, "row input"],
        memory: Float[Tensor, "row memory"],
        output: Output,
    ) -> Float[Tensor, "row memory"]:
        """Encode the inputs and apply the module."""
        return self.module(graph, self.encoder(x), memory, output)


class MeanAction(CommunicationModule):
    """Embedded mean of the neighbours' last one-hot actions (MFQ: Yang et al. 2018, eq. 11).

    The mean is zero at the start of an episode and for agents without neighbours.

    Args:
        num_actions: number of actions.
        hidden: hidden width of the embedding, as in the paper's code.
        size: size of the embedding.
    """

    rounds = 1
    reads_memory = False

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
        """Embedded mean action; the memory is empty."""
        assert graph.edge_index is not None, "a builder has set the edges"
        mean = self.conv(last_action(graph, self.num_actions), graph.edge_index)
        output.latent = self.embed(mean)
        return memory


def last_action(graph: Data, num_actions: int) -> Float[Tensor, "row action"]:
    """Previous action of each agent, one-hot if discrete; zeros at the start of an episode."""
    chosen = graph.last_action
    if not chosen.is_floating_point():
        chosen = F.one_hot(chosen, num_actions).float()
    return chosen * (graph["time"] > 0)[batch_of(graph)][:, None]


def no_memory(graph: Data) -> Float[Tensor, "row 0"]:
    """Empty memory, for networks without recurrence."""
    device = None if graph.x is None else graph.x.device
    return torch.zeros(graph.num_nodes or 0, 0, device=device)
