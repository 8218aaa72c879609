"""The policy and value network of the on-policy methods."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Categorical
from torch_geometric.data import Data

from graphmarl.functional import mask_logits
from graphmarl.nn.context import Context
from graphmarl.nn.network import AgentNetwork, Output, batch_of, mlp, orthogonal_linear


class ActorCritic(AgentNetwork):
    """Policy pi(a_i | o_i, s_i) and value V(o_i, s_i), shared by all agents (NVIF, Section III-C).

    A shared input layer, then an actor and a critic of two layers each. With a GRU the input layer
    has memory; with a state critic the value also reads the global state (MAPPO).

    Args:
        obs_size: numbers in an agent's observation o_i.
        num_actions: number of actions.
        hidden: width of every layer.
        context: gives s_i; None for policies of the own observation alone.
        state_size: size of the global state that the critic reads; 0 for a critic of o_i and s_i.
        recurrent: put a GRU behind the input layer.

    Shapes:
        graph.x (row, obs_size), memory (row, memory_size); value (row,), distribution over rows.
    """

    def __init__(
        self,
        obs_size: int,
        num_actions: int,
        *,
        hidden: int = 128,
        context: Context | None = None,
        state_size: int = 0,
        recurrent: bool = False,
    ) -> None:
        super().__init__()
        self.context = context
        self.state_size = state_size
        size = obs_size + (context.size if context else 0)
        self.context_memory = context.memory_size if context else 0
        self.encoder = nn.Sequential(orthogonal_linear(size, hidden), nn.ReLU())
        self.gru = nn.GRUCell(hidden, hidden) if recurrent else None
        self.actor = mlp(hidden, hidden, num_actions, last_gain=0.01)
        self.critic = mlp(hidden + state_size, hidden, 1, last_gain=1.0)
        self.memory_size = self.context_memory + (hidden if recurrent else 0)
        self.sequential = recurrent
        self.rounds = context.rounds if context else 0

    def forward(
        self, graph: Data, memory: Float[Tensor, "row memory"]
    ) -> tuple[Output, Float[Tensor, "row memory"]]:
        """Policy, value and what to remember."""
        assert graph.x is not None, "the agent graph carries observations"
        x = graph.x.flatten(1)
        own, heard = memory[:, self.context_memory :], memory[:, : self.context_memory]
        output = Output()
        if self.context is not None:
            output.latent, heard = self.hear(graph, heard)
            x = torch.cat([x, output.latent], 1)
            if self.context.stored:
                output.stored["latent"] = output.latent
        h = self.encoder(x)
        if self.gru is not None:
            h = own = self.gru(h, own)
        output.distribution = self.policy(h, graph)
        output.value = self.value(h, graph)
        return output, torch.cat([heard, own], 1)

    def hear(self, graph: Data, memory: Tensor) -> tuple[Tensor, Tensor]:
        """The context, or the one that was stored when this graph was played."""
        assert self.context is not None, "only called with a context"
        if "latent" in graph:
            return graph.latent, memory
        return self.context(graph, memory)

    def policy(self, h: Tensor, graph: Data) -> Categorical:
        """Distribution over actions of each agent."""
        available = graph.available if "available" in graph else None
        return Categorical(logits=mask_logits(self.actor(h), available), validate_args=False)

    def value(self, h: Tensor, graph: Data) -> Tensor:
        """Value of each agent."""
        if self.state_size:
            h = torch.cat([h, graph.state[batch_of(graph)]], 1)
        return self.critic(h).squeeze(-1)
