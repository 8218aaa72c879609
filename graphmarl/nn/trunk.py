"""What an agent makes of its input, its memory and what it hears: the body below all heads."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F
from torch_geometric.data import Data

from graphmarl.nn.communication.modules import CommunicationModule, last_action
from graphmarl.nn.network import AgentNetwork, Output, batch_of, orthogonal_linear


class AgentInput(nn.Module):
    """What an agent knows by itself: its observation, and if wanted its last action and its place.

    Args:
        obs_size: numbers in an agent's observation o_i.
        last_action: number of actions, to append which one was taken last (none where an episode
            begins); 0 leaves it out.
        agent_id: number of agents, to append which one this is, which ties the network to that many
            agents; 0 leaves it out.

    Shapes:
        graph.x (row, obs_size); out (row, size).
    """

    def __init__(self, obs_size: int, last_action: int = 0, agent_id: int = 0) -> None:
        super().__init__()
        self.last_action, self.agent_id = last_action, agent_id
        self.size = obs_size + last_action + agent_id

    def forward(self, graph: Data) -> Float[Tensor, "row size"]:
        """The input of every agent."""
        assert graph.x is not None, "the agent graph carries observations"
        parts = [graph.x.flatten(1)]
        if self.last_action:
            parts.append(last_action(graph, self.last_action))
        if self.agent_id:
            parts.append(F.one_hot(place_of(graph), self.agent_id).to(parts[0].dtype))
        return torch.cat(parts, 1) if len(parts) > 1 else parts[0]


def place_of(graph: Data) -> Tensor:
    """Number of each agent within its own graph."""
    row = torch.arange(graph.num_nodes or 0, device=batch_of(graph).device)
    return row - graph.ptr[batch_of(graph)] if "ptr" in graph else row


class Trunk(AgentNetwork):
    """An input layer that reads o_i and what was heard, s_i, with memory if wanted.

    Args:
        obs_size: numbers in an agent's observation o_i.
        hidden: width of the features.
        communication: gives s_i; None for agents that hear nothing.
        recurrent: put a GRU behind the input layer.
        last_action: number of actions, for agents that know their last one; else 0.
        agent_id: number of agents, for agents that know which one they are; else 0.

    Shapes:
        graph.x (row, obs_size), memory (row, memory_size); features (row, hidden).
    """

    def __init__(
        self,
        obs_size: int,
        *,
        hidden: int = 128,
        communication: CommunicationModule | None = None,
        recurrent: bool = False,
        last_action: int = 0,
        agent_id: int = 0,
    ) -> None:
        super().__init__()
        self.inputs = AgentInput(obs_size, last_action, agent_id)
        self.communication, self.hidden = communication, hidden
        size = self.inputs.size + (communication.size if communication else 0)
        self.communication_memory = communication.memory_size if communication else 0
        self.encoder = nn.Sequential(orthogonal_linear(size, hidden), nn.ReLU(inplace=True))
        self.gru = nn.GRUCell(hidden, hidden) if recurrent else None
        self.memory_size = self.communication_memory + (hidden if recurrent else 0)
        self.sequential = recurrent
        self.rounds = communication.rounds if communication else 0
        self.num_agents = agent_id or (communication.num_agents if communication else 0)

    def features(
        self, graph: Data, memory: Float[Tensor, "row memory"]
    ) -> tuple[Output, Float[Tensor, "row memory"]]:
        """What the heads read, as the `features` of an output, and what to remember."""
        self.check_agents(graph)
        x = self.inputs(graph)
        own, heard = memory[:, self.communication_memory :], memory[:, : self.communication_memory]
        output = Output()
        if self.communication is not None:
            heard = self._hear(self.communication, graph, x, own, heard, output)
            assert output.latent is not None, "a communication module sets it"
            x = torch.cat([x, output.latent], 1)
        h = self.encoder(x)
        if self.gru is not None:
            h = own = self.gru(h, own)
        output.features = h
        return output, torch.cat([heard, own], 1)

    def _hear(
        self,
        communication: CommunicationModule,
        graph: Data,
        x: Tensor,
        own: Tensor,
        heard: Tensor,
        output: Output,
    ) -> Tensor:
        """Compute the latent, or take the one that was stored when this graph was played."""
        if communication.stored and "latent" in graph:
            output.latent = graph.latent
        else:
            heard = communication(graph, torch.cat([x, own], 1), heard, output)
        if communication.stored:
            assert output.latent is not None, "a communication module sets it"
            output.stored["latent"] = output.latent
        return heard
