"""Shared trunk of the agent networks: inputs, communication and recurrent memory."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F
from torch_geometric.data import Data

from graphmarl.nn.communication.modules import CommunicationModule, last_action
from graphmarl.nn.network import AgentNetwork, Output, batch_of, orthogonal_linear
from graphmarl.nn.picture_encoder import ObsSize, encoded_size, observation_encoder


class AgentInput(nn.Module):
    """Input of an agent: its observation, optionally with its last action and agent index.

    Args:
        obs_size: size of an agent's observation o_i, or the shape of pictures.
        last_action: number of actions, to append the one-hot last action (zeros at the start of an
            episode); 0 omits it.
        agent_id: number of agents, to append the one-hot agent index, which fixes the number of
            agents; 0 omits it.

    Shapes:
        graph.x (row, obs_size); out (row, size).
    """

    def __init__(self, obs_size: ObsSize, last_action: int = 0, agent_id: int = 0) -> None:
        super().__init__()
        self.observation = observation_encoder(obs_size)
        self.last_action, self.agent_id = last_action, agent_id
        self.size = encoded_size(obs_size) + last_action + agent_id

    def forward(self, graph: Data) -> Float[Tensor, "row size"]:
        """Input of every agent."""
        assert graph.x is not None, "the agent graph carries observations"
        parts = [self.observation(graph.x.flatten(1))]
        if self.last_action:
            parts.append(last_action(graph, self.last_action))
        if self.agent_id:
            parts.append(F.one_hot(agent_index(graph), self.agent_id).to(parts[0].dtype))
        return torch.cat(parts, 1) if len(parts) > 1 else parts[0]


def agent_index(graph: Data) -> Tensor:
    """Index of each agent within its graph; that of the past of an agent is the agent's."""
    row = torch.arange(graph.num_nodes or 0, device=batch_of(graph).device)
    index = row - graph.ptr[batch_of(graph)] if "ptr" in graph else row
    return index % graph["agents_of_now"] if "agents_of_now" in graph else index


class Trunk(AgentNetwork):
    """Input layer on o_i and the communication s_i, optionally followed by a GRU.

    Args:
        obs_size: size of an agent's observation o_i, or the shape of pictures.
        hidden: width of the features.
        communication: module that computes s_i; None for no communication.
        recurrent: add a GRU after the input layer.
        last_action: number of actions, to append the last action to the input; else 0.
        agent_id: number of agents, to append the agent index to the input; else 0.

    Shapes:
        graph.x (row, obs_size), memory (row, memory_size); features (row, hidden).

    Attributes:
        input_size: size of the input of the first layer.
        keeps_inputs: whether outputs hold this input.
    """

    keeps_inputs: bool = False

    def __init__(
        self,
        obs_size: ObsSize,
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
        own = 0 if communication and communication.replaces_input else self.inputs.size
        self.input_size = size = own + (communication.size if communication else 0)
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
        """Inputs of the heads, as the `features` of an output, and the next memory."""
        self.check_agents(graph)
        x = self.inputs(graph)
        split = self.communication_memory
        own, module_memory = memory[:, split:], memory[:, :split]
        output = Output()
        if self.communication is not None:
            module_memory = self._communicate(
                self.communication, graph, x, own, module_memory, output
            )
            assert output.latent is not None, "a communication module sets it"
            replaced = self.communication.replaces_input
            x = output.latent if replaced else torch.cat([x, output.latent], 1)
        if self.keeps_inputs:
            output.inputs = x
        h = self.encoder(x)
        if self.gru is not None:
            h = own = self.gru(h, own)
        output.features = h
        return output, torch.cat([module_memory, own], 1)

    def _communicate(
        self,
        communication: CommunicationModule,
        graph: Data,
        x: Tensor,
        own: Tensor,
        memory: Tensor,
        output: Output,
    ) -> Tensor:
        """Compute the latent, or read the one stored with the trajectory; returns the memory."""
        if communication.stored and "latent" in graph:
            output.latent = graph.latent
        else:
            memory = communication(graph, torch.cat([x, own], 1), memory, output)
        if communication.stored:
            assert output.latent is not None, "a communication module sets it"
            output.stored["latent"] = output.latent
        return memory
