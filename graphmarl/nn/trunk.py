"""Shared trunk of the agent networks: inputs, communication and recurrent memory."""

from abc import abstractmethod
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F
from torch_geometric.data import Data

from graphmarl.nn.communication.modules import CommunicationModule, last_action
from graphmarl.nn.network import AgentNetwork, Output, batch_of, orthogonal_linear
from graphmarl.nn.picture_encoder import ObsSize, encoded_size, observation_encoder
from graphmarl.nn.unrolling import first_steps, gru_over_time, split_steps

MessagesFrom = Literal["memory", "input"]


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

    Base class of networks whose heads read the features of an agent.

    Args:
        obs_size: size of an agent's observation o_i, or the shape of pictures.
        hidden: width of the features.
        communication: module that computes s_i; None for no communication.
        recurrent: add a GRU after the input layer.
        last_action: number of actions, to append the last action to the input; else 0.
        agent_id: number of agents, to append the agent index to the input; else 0.
        messages_from: the communication of recurrent agents reads their input and their `memory`,
            or their `input` alone.

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
        messages_from: MessagesFrom = "memory",
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
        self.sequential, self.messages_from = recurrent, messages_from
        self.rounds = communication.rounds if communication else 0
        self.num_agents = agent_id or (communication.num_agents if communication else 0)

    @property
    def edge_width(self) -> int:
        """Features of each edge that a call holds at once, by which minibatches are divided."""
        held = self.communication.edge_features if self.communication else None
        return self.width if held is None else held

    @abstractmethod
    def heads(self, graph: Data, output: Output) -> None:
        """Compute the outputs of the heads from the `features`, in place."""

    def forward(
        self, graph: Data, memory: Float[Tensor, "row memory"]
    ) -> tuple[Output, Float[Tensor, "row memory"]]:
        """Outputs of the heads, and the next memory."""
        output, memory = self.features(graph, memory)
        self.heads(graph, output)
        return output, memory

    def features(
        self, graph: Data, memory: Float[Tensor, "row memory"]
    ) -> tuple[Output, Float[Tensor, "row memory"]]:
        """Inputs of the heads, as the `features` of an output, and the next memory."""
        self.check_agents(graph)
        output, split = Output(), self.communication_memory
        own, module_memory = memory[:, split:], memory[:, :split]
        x = self.inputs(graph)
        x, module_memory = self._joined(graph, x, own, module_memory, output)
        h = self.encoder(x)
        if self.gru is not None:
            h = own = self.gru(h, own)
        output.features = h
        return output, torch.cat([module_memory, own], 1)

    def unroll(self, graph: Data, memory: Float[Tensor, "row memory"], num_steps: int) -> Output:
        """Outputs for sequences; messages are in a loop over the steps if they read the memory."""
        assert self.gru is not None, "of recurrent networks"
        self.check_agents(graph)
        begins, x = first_steps(graph, num_steps), self.inputs(graph)
        split = self.communication_memory
        own, module_memory = memory[:, split:], memory[:, :split]
        if self._reads_memory(graph):
            output = self._unroll_messages(self.gru, graph, x, own, begins)
        else:
            output, nothing = Output(), x.new_zeros(len(x), 0)
            if split:  # of stored latents, which are not computed again
                nothing = module_memory.repeat(num_steps, 1)
            x, _ = self._joined(graph, x, x.new_zeros(len(x), 0), nothing, output)
            h = self.encoder(x).unflatten(0, (num_steps, -1))
            output.features = gru_over_time(self.gru, h, own, begins).flatten(0, 1)
        self.heads(graph, output)
        return output

    def _reads_memory(self, graph: Data) -> bool:
        """Whether what is communicated depends on the memory."""
        module = self.communication
        if module is None or not module.reads_memory or self.messages_from == "input":
            return False
        return not (module.stored and "latent" in graph)

    def _unroll_messages(
        self, gru: nn.GRUCell, graph: Data, x: Tensor, own: Tensor, begins: Tensor
    ) -> Output:
        """Features for sequences of agents whose messages depend on their memory."""
        parts: list[Output] = []
        steps = split_steps(graph, len(begins)), x.unflatten(0, (len(begins), -1)), begins
        nothing = x.new_zeros(len(own), 0)
        for step, each, first in zip(*steps, strict=True):
            output = Output()
            own = own.masked_fill(first[:, None], 0)
            joined, _ = self._joined(step, each, own, nothing, output)
            output.features = own = gru(self.encoder(joined), own)
            parts.append(output)
        return Output.joined(parts)

    def _joined(
        self, graph: Data, x: Tensor, own: Tensor, module_memory: Tensor, output: Output
    ) -> tuple[Tensor, Tensor]:
        """Input of the first layer, from that of the agent and its messages; the next memory."""
        if self.communication is not None:
            module_memory = self._communicate(
                self.communication, graph, x, own, module_memory, output
            )
            assert output.latent is not None, "a communication module sets it"
            replaced = self.communication.replaces_input
            x = output.latent if replaced else torch.cat([x, output.latent], 1)
        if self.keeps_inputs:
            output.inputs = x
        return x, module_memory

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
            read = x if self.messages_from == "input" else torch.cat([x, own], 1)
            memory = communication(graph, read, memory, output)
        if communication.stored:
            assert output.latent is not None, "a communication module sets it"
            output.stored["latent"] = output.latent
        return memory
