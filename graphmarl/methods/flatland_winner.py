"""Winning RL solution of the Flatland challenge 2020, a baseline of the MAMBA paper."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Categorical
from torch.nn import functional as F
from torch_geometric.data import Data

from graphmarl.functional import mask_logits
from graphmarl.learners import PPO
from graphmarl.methods.base import Method
from graphmarl.nn import AgentNetwork, AttentionConv, Output, TreeEncoder, mlp, orthogonal_linear
from graphmarl.ranges import (
    Layers,
    LearningRate,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    UnitInterval,
    Width,
)
from graphmarl.step import Spec


class RailNetwork(AgentNetwork):
    r"""Actor-critic on tree observations with attention over neighbours' signals.

    .. math::
        t_i = \mathrm{tree}(o_i), \quad s_i = \mathrm{relu}(W_s t_i), \quad
        c_i = \mathrm{attention}(s_i, s_{N_i}), \quad \pi_i = \mathrm{mlp}([t_i, c_i])

    The critic reads the agent's own tree only, with a separate encoder.

    Args:
        obs_size: size of an observation.
        part: slice of the tree in the observation; the rest is the agent's own features.
        depth: depth of the tree.
        num_actions: number of actions.
        thought: width of the encoded tree, t_i.
        signal: size of a signal, and of the values of each attention head.
        heads: number of attention heads.
        hidden: hidden width of the policy and value heads.

    Shapes:
        graph.x (row, obs_size); latent c_i (row, heads * signal), value (row,).
    """

    rounds = 1

    def __init__(
        self,
        obs_size: int,
        part: slice,
        depth: Layers,
        num_actions: int,
        thought: Width,
        signal: Width,
        heads: Layers,
        hidden: Width,
    ) -> None:
        super().__init__()
        self.part, self.nodes = part, 2 ** (depth + 1) - 2
        width = part.stop - part.start
        sizes = obs_size - width, width // self.nodes, depth, thought
        self.tree_encoder, self.critic_encoder = TreeEncoder(*sizes), TreeEncoder(*sizes)
        self.signal = orthogonal_linear(thought, signal)
        self.conv = AttentionConv(signal, heads * signal, heads=heads)
        self.actor = mlp(thought + heads * signal, hidden, num_actions, last_gain=0.01)
        self.critic = mlp(thought, hidden, 1, last_gain=1.0)

    def forward(
        self, graph: Data, memory: Float[Tensor, "row memory"]
    ) -> tuple[Output, Float[Tensor, "row memory"]]:
        """Policy and value; the memory is empty."""
        assert graph.x is not None and graph.edge_index is not None, "a builder has set the edges"
        x = graph.x.flatten(1)
        own = torch.cat([x[:, : self.part.start], x[:, self.part.stop :]], 1)
        tree = x[:, self.part].unflatten(1, (self.nodes, -1))
        thought = self.tree_encoder(own, tree)
        signal = F.relu(self.signal(thought))
        alpha = self.conv.attention(signal, graph.edge_index)
        attended = self.conv(signal, graph.edge_index, alpha)
        features = torch.cat([thought, attended], 1)
        available = graph.available if "available" in graph else None
        logits = mask_logits(self.actor(features), available)
        output = Output(
            distribution=Categorical(logits=logits, validate_args=False),
            value=self.critic(self.critic_encoder(own, tree)).squeeze(-1),
            features=features,
            latent=attended,
            attention=alpha[0],
        )
        return output, memory


class FlatlandWinner(Method, PPO):
    """PPO with a tree encoder and attention between trains.

    The settings are those of the `solution <https://github.com/jbr-ai-labs/
    NeurIPS2020-Flatland-Competition-Solution>`_ as the MAMBA paper trains it, without its schedule
    of departures. Runs on any graph; `links` connects trains to those met in their tree, as in the
    solution. Unlike the solution, signals do not include the position in the tree where the sender
    was met, which edges do not carry; queries are computed from signals; and agents also attend to
    themselves.

    Args:
        spec: specification of the environment, whose layout must name a tree.
        tree: name of the tree in the layout: its nodes level by level, with equal feature sizes.
        depth: depth of the tree.
        thought: width of the encoded tree.
        signal: size of a signal.
        heads: number of attention heads.
        hidden: hidden width of the policy and value heads.
        learning_rate, final_learning_rate, gamma, entropy_coef, final_entropy_coef: as in `PPO`.
        epochs, minibatch_size, reward_scale, rollout_length: as in `PPO`.
        learner: further arguments of `PPO`.

    Raises:
        ValueError: no such tree in the observation, or actions are not discrete.
    """

    default_graph = "complete"
    sends_messages = True

    def __init__(
        self,
        spec: Spec,
        tree: str = "tree",
        depth: Layers = 3,
        thought: Width = 128,
        signal: Width = 32,
        heads: Layers = 5,
        hidden: Width = 256,
        learning_rate: LearningRate = 1e-5,
        final_learning_rate: NonNegativeFloat = 1.0,
        gamma: UnitInterval = 0.995,
        entropy_coef: NonNegativeFloat = 0.01,
        final_entropy_coef: NonNegativeFloat = 1.0,
        epochs: PositiveInt = 3,
        minibatch_size: PositiveInt = 32,
        reward_scale: PositiveFloat = 1.0,
        rollout_length: PositiveInt = 16,
        **learner: Any,
    ) -> None:
        self.check_spec(spec)
        part = tree_of(spec, tree, depth)
        sizes = thought, signal, heads, hidden
        network = RailNetwork(spec.obs_size, part, depth, spec.num_actions, *sizes)
        super().__init__(
            network,
            learning_rate=learning_rate,
            final_learning_rate=final_learning_rate,
            gamma=gamma,
            entropy_coef=entropy_coef,
            final_entropy_coef=final_entropy_coef,
            epochs=epochs,
            minibatch_size=minibatch_size,
            reward_scale=reward_scale,
            rollout_length=rollout_length,
            **learner,
        )


def tree_of(spec: Spec, name: str, depth: int) -> slice:
    """Slice of a tree in the observation.

    Args:
        spec: specification of the environment.
        name: name of the tree in the layout.
        depth: depth of the tree.

    Raises:
        ValueError: no such name in the layout, or a size that does not match the depth.
    """
    if name not in spec.layout:
        has = ", ".join(spec.layout) or "nothing"
        raise ValueError(f"tree is {name!r}; the layout of the observation names {has}")
    start, stop, _ = spec.layout[name].indices(spec.obs_size)
    nodes = 2 ** (depth + 1) - 2
    if (stop - start) % nodes:
        raise ValueError(f"{name} has {stop - start} numbers, which {nodes} nodes cannot share")
    return slice(start, stop)
