"""Winning RL solution of the Flatland challenge 2020, a baseline of the MAMBA paper."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F
from torch_geometric.data import Data

from graphmarl.functional import mask_logits
from graphmarl.learners import PPO
from graphmarl.methods.base import Method
from graphmarl.nn import (
    AgentNetwork,
    AttentionConv,
    CategoricalPolicy,
    Output,
    TreeEncoder,
    mlp,
    orthogonal_linear,
)
from graphmarl.ranges import (
    Layers,
    LearningRate,
    NonNegativeFloat,
    NonNegativeInt,
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

    The critic reads the agent's own tree only, with a separate encoder. If observations name the
    agents that were met on the nodes of the tree, each signal is attended to with the way to the
    node where its sender was met: -1 (left) or 1 (right) for each level down to it, then zeros.

    Args:
        obs_size: size of an observation.
        part: slice of the tree in the observation; the rest is the agent's own features.
        depth: depth of the tree.
        num_actions: number of actions.
        thought: width of the encoded tree, t_i.
        signal: size of a signal, and of the values of each attention head.
        heads: number of attention heads.
        hidden: hidden width of the policy and value heads.
        met: slice of the handles of the agents that were met on the nodes, if there is one.
        handle: place of the agent's own handle in the observation.

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
        met: slice | None = None,
        handle: int = 0,
    ) -> None:
        super().__init__()
        self.part, self.nodes = part, 2 ** (depth + 1) - 2
        self.own: Tensor
        self.ways: Tensor
        self.met, self.handle = met, handle
        read = torch.ones(obs_size, dtype=torch.bool)
        read[part] = False
        if met is not None:
            read[met] = False
        self.register_buffer("own", read.nonzero().flatten(), persistent=False)
        self.register_buffer("ways", ways(depth), persistent=False)
        sizes = len(self.own), (part.stop - part.start) // self.nodes, depth, thought
        self.tree_encoder, self.critic_encoder = TreeEncoder(*sizes), TreeEncoder(*sizes)
        self.signal = orthogonal_linear(thought, signal)
        edge_dim = None if met is None else depth
        self.conv = AttentionConv(signal, heads * signal, heads=heads, edge_dim=edge_dim)
        self.actor = mlp(thought + heads * signal, hidden, num_actions, last_gain=0.01)
        self.critic = mlp(thought, hidden, 1, last_gain=1.0)

    def forward(
        self, graph: Data, memory: Float[Tensor, "row memory"]
    ) -> tuple[Output, Float[Tensor, "row memory"]]:
        """Policy and value; the memory is empty."""
        assert graph.x is not None and graph.edge_index is not None, "a builder has set the edges"
        x = graph.x.flatten(1)
        own = x[:, self.own]
        tree = x[:, self.part].unflatten(1, (self.nodes, -1))
        thought = self.tree_encoder(own, tree)
        signal = F.relu(self.signal(thought))
        way = self.way(x, graph.edge_index)
        alpha = self.conv.attention(signal, graph.edge_index, way)
        attended = self.conv(signal, graph.edge_index, alpha, way)
        features = torch.cat([thought, attended], 1)
        available = graph.available if "available" in graph else None
        logits = mask_logits(self.actor(features), available)
        output = Output(
            distribution=CategoricalPolicy(logits=logits, validate_args=False),
            value=self.critic(self.critic_encoder(own, tree)).squeeze(-1),
            features=features,
            latent=attended,
            attention=alpha[0],
        )
        return output, memory

    def way(
        self, x: Float[Tensor, "row obs"], edge_index: Int[Tensor, "2 edge"]
    ) -> Float[Tensor, "edge depth"] | None:
        """Way from the receiver to the first node where it met the sender; zeros if it did not.

        Args:
            x: observations.
            edge_index: senders and receivers.
        """
        if self.met is None:
            return None
        sender, receiver = edge_index
        there = x[receiver][:, self.met] == x[sender, self.handle, None]
        return self.ways[there.int().argmax(1)] * there.any(1, keepdim=True)


def ways(depth: int) -> Float[Tensor, "node depth"]:
    """Way to each node of a binary tree, level by level: -1 (left) or 1 (right), then zeros.

    Args:
        depth: levels of nodes below the root.
    """
    found = torch.zeros(2 ** (depth + 1) - 2, depth)
    for level in range(1, depth + 1):
        first = 2**level - 2
        for node in range(2**level):
            turns = [2 * (node >> (level - 1 - i) & 1) - 1 for i in range(level)]
            found[first + node, :level] = torch.tensor(turns).float()
    return found


class FlatlandWinner(Method, PPO):
    """PPO with a tree encoder and attention between trains.

    The settings are those of the `solution <https://github.com/jbr-ai-labs/
    NeurIPS2020-Flatland-Competition-Solution>`_ as the MAMBA paper trains it, without its schedule
    of departures. Runs on any graph; `links` connects trains to those met in their tree, as in the
    solution. With `met`, signals have the direction code of the solution: the way in the receiver's
    tree to where the sender was met. Unlike the solution, queries are computed from signals, and
    agents also attend to themselves.

    Args:
        spec: specification of the environment, whose layout must name a tree.
        tree: name of the tree in the layout: its nodes level by level, with equal feature sizes.
        depth: depth of the tree.
        thought: width of the encoded tree.
        signal: size of a signal.
        heads: number of attention heads.
        hidden: hidden width of the policy and value heads.
        met: name of the part of the layout with the handles of the agents met on the nodes, as
            `Flatland` has it by its option `met`; None attends to signals alone.
        handle: place of the agent's own handle in the observation.
        learning_rate, final_learning_rate, gamma, entropy_coef, final_entropy_coef: as in `PPO`.
        epochs, minibatch_size, reward_scale, rollout_length: as in `PPO`.
        learner: further arguments of `PPO`.

    Raises:
        ValueError: no such tree or part in the observation, or actions are not discrete.
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
        met: str | None = None,
        handle: NonNegativeInt = 2,
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
        places = None if met is None else met_of(spec, met, depth, handle)
        network = RailNetwork(spec.obs_size, part, depth, spec.num_actions, *sizes, places, handle)
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
    start, stop = part_of(spec, "tree", name)
    nodes = 2 ** (depth + 1) - 2
    if (stop - start) % nodes:
        raise ValueError(f"{name} has {stop - start} numbers, which {nodes} nodes cannot share")
    return slice(start, stop)


def met_of(spec: Spec, name: str, depth: int, handle: int) -> slice:
    """Slice of the handles of the agents that were met on the nodes of the tree.

    Args:
        spec: specification of the environment.
        name: name of the part in the layout.
        depth: depth of the tree.
        handle: place of the agent's own handle.

    Raises:
        ValueError: no such name in the layout, a size other than that of the tree, or no such
            place.
    """
    start, stop = part_of(spec, "met", name)
    nodes = 2 ** (depth + 1) - 2
    if stop - start != nodes:
        raise ValueError(f"{name} has {stop - start} numbers; the tree has {nodes} nodes")
    if handle >= spec.obs_size:
        raise ValueError(f"handle is {handle}; allowed are 0 to {spec.obs_size - 1}")
    return slice(start, stop)


def part_of(spec: Spec, option: str, name: str) -> tuple[int, int]:
    """Start and stop of a part of the observation.

    Args:
        spec: specification of the environment.
        option: name of the option, for messages.
        name: name of the part in the layout.

    Raises:
        ValueError: no such name in the layout.
    """
    if name not in spec.layout:
        has = ", ".join(spec.layout) or "nothing"
        raise ValueError(f"{option} is {name!r}; the layout of the observation names {has}")
    start, stop, _ = spec.layout[name].indices(spec.obs_size)
    return start, stop
