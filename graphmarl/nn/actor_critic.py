"""Actor and actor-critic networks."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric.data import Data

from graphmarl.nn.network import Output, batch_of, mlp, orthogonal_linear
from graphmarl.nn.picture_encoder import ObsSize
from graphmarl.nn.policy import Action, PolicyHead
from graphmarl.nn.trunk import Trunk


class Actor(Trunk):
    """Policy pi(a_i | o_i, s_i), shared by all agents.

    Args:
        obs_size: size of an agent's observation o_i, or the shape of pictures.
        num_actions: number of actions, or of action components.
        action: discrete or continuous.
        hidden: width of every layer.
        policy: form of a continuous policy; arguments of `ContinuousHead`.
        trunk: communication, memory and inputs; arguments of `Trunk`.

    Shapes:
        graph.x (row, obs_size), memory (row, memory_size); distribution over rows.
    """

    def __init__(
        self,
        obs_size: ObsSize,
        num_actions: int,
        action: Action = "discrete",
        *,
        hidden: int = 128,
        policy: Mapping[str, Any] | None = None,
        **trunk: Any,
    ) -> None:
        super().__init__(obs_size, hidden=hidden, **trunk)
        self.actor = PolicyHead(hidden, num_actions, action, hidden, **(policy or {}))

    def heads(self, graph: Data, output: Output) -> None:
        """Compute the policy."""
        assert output.features is not None, "the trunk sets them"
        output.distribution = self.actor(output.features, graph)


class ActorCritic(Actor):
    """Policy pi(a_i | o_i, s_i) and value V(o_i, s_i), shared by all agents (NVIF, Section III-C).

    A shared trunk with an actor and a critic of two layers each. With `recurrent` the trunk has a
    GRU; with `state_size` the critic also reads the global state (MAPPO); with `separate_critic`
    the critic has an input layer of its own.

    Args:
        obs_size: size of an agent's observation o_i, or the shape of pictures.
        num_actions: number of actions, or of action components.
        action: discrete or continuous.
        hidden: width of every layer.
        state_size: size of the global state for the critic; 0 for a critic of o_i and s_i alone.
        separate_critic: the critic shares no layer with the policy, which may have no memory.
        trunk: policy, communication, memory and inputs; arguments of `Actor`.

    Shapes:
        graph.x (row, obs_size), memory (row, memory_size); value (row,), distribution over rows.

    Raises:
        ValueError: a separate critic with a memory.
    """

    def __init__(
        self,
        obs_size: ObsSize,
        num_actions: int,
        action: Action = "discrete",
        *,
        hidden: int = 128,
        state_size: int = 0,
        separate_critic: bool = False,
        **trunk: Any,
    ) -> None:
        super().__init__(obs_size, num_actions, action, hidden=hidden, **trunk)
        if separate_critic and self.gru is not None:
            raise ValueError("separate_critic is True; it needs agents without a memory")
        self.state_size, self.keeps_inputs = state_size, separate_critic
        self.critic_encoder: nn.Module | None = None
        if separate_critic:
            first = orthogonal_linear(self.input_size, hidden)
            self.critic_encoder = nn.Sequential(first, nn.ReLU(inplace=True))
        self.critic = mlp(hidden + state_size, hidden, 1, last_gain=1.0)

    def heads(self, graph: Data, output: Output) -> None:
        """Compute policy and value."""
        super().heads(graph, output)
        h = output.features
        if self.critic_encoder is not None:
            h = self.critic_encoder(output.inputs)
        assert h is not None, "the trunk sets them"
        output.value = self.value(h, graph)

    def value(self, h: Tensor, graph: Data) -> Tensor:
        """Value of each agent."""
        if self.state_size:
            h = torch.cat([h, graph.state[batch_of(graph)]], 1)
        return self.critic(h).squeeze(-1)
