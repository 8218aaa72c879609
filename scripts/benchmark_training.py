"""Areas of `benchmark.py`: collection and training together."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
import torch_geometric.nn
from benchmark_work import Clocked, Line, Work, new_collector, new_learner, trained_on
from torch import Tensor, nn
from torch_geometric.data import Data

from graphmarl.envs import make_env
from graphmarl.learners import PPO, Learner
from graphmarl.learners.off_policy import OffPolicy
from graphmarl.methods import Method
from graphmarl.nn import ActorCritic, CommunicationModule, Output, mlp
from graphmarl.nn.network import batch_of
from graphmarl.nn.sparse import Compressed
from graphmarl.step import Spec

# In 64 environment steps, 4 updates of 32 graphs.
OFF_POLICY = {
    "gradient_steps": 4,
    "batch_size": 32,
    "rollout_length": 4,
    "buffer_size": 1024,
    "learning_starts": 0,
}
ON_POLICY = {"rollout_length": 8, "epochs": 5, "minibatch_size": 16_000}
CROWD = {"vpp": OFF_POLICY, "dgn": OFF_POLICY, "nvif_ppo": ON_POLICY}
"""Methods of the area `crowd`, with settings that do not depend on the number of agents."""


class Convolution(CommunicationModule):
    """A layer of PyTorch Geometric in place of the input of an agent.

    Args:
        input_size: size of the input.
        size: size of its output.
        layer: name of the layer.
        options: its further arguments.
    """

    rounds = 1
    replaces_input = True

    def __init__(self, input_size: int, size: int, layer: str, options: Mapping[str, Any]) -> None:
        super().__init__()
        self.size = size
        self.conv: nn.Module = getattr(torch_geometric.nn, layer)(input_size, size, **options)
        self.fused = bool(getattr(self.conv, "fuse", False))  # it multiplies by a sparse matrix
        self.edge_features = 0 if self.fused else None

    def forward(self, graph: Data, x: Tensor, memory: Tensor, output: Output) -> Tensor:
        """The layer's output; the memory is empty."""
        assert graph.edge_index is not None, "a builder has set the edges"
        edges = graph.edge_index
        if self.fused:
            edges = adjacency_csr(edges, len(x))
        output.latent = self.conv(x, edges)
        return memory


def adjacency_csr(edge_index: Tensor, rows: int) -> Tensor:
    """Adjacency matrix (receiver, sender) for layers of PyTorch Geometric that multiply by it.

    Args:
        edge_index: senders and receivers.
        rows: number of rows.
    """
    sender, receiver = edge_index
    by = Compressed.of(receiver, sender, rows)
    ones = torch.ones(len(by.other))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse (CSR tensor|invariant)")
        return torch.sparse_csr_tensor(by.pointer, by.other.long(), ones, (rows, rows))


class StateCritic(ActorCritic):
    """Agents with a policy, and a critic of the global state with one value for all of them.

    Args:
        state_size: size of the global state.
        hidden: width of every layer.
        actor: positional arguments of `ActorCritic`.
        options: its further arguments.
    """

    def __init__(self, *actor: Any, state_size: int, hidden: int, **options: Any) -> None:
        super().__init__(*actor, hidden=hidden, **options)
        self.critic = mlp(state_size, hidden, hidden, 1, last_gain=1.0)

    def value(self, h: Tensor, graph: Data) -> Tensor:
        """Value of each agent."""
        return self.critic(graph.state).squeeze(-1)[batch_of(graph)]


class GraphMAPPO(Method, PPO):
    """MAPPO whose agents read one layer of PyTorch Geometric.

    Args:
        spec: specification of the environment.
        layer: name of the layer.
        options: its arguments.
        hidden: width of every layer.
        policy: arguments of `PolicyHead`.
        orthogonal: linear layers begin as orthogonal ones; otherwise as PyTorch makes them.
        learner: arguments of `PPO`.
    """

    default_graph = "complete"
    sends_messages = True

    def __init__(
        self,
        spec: Spec,
        layer: str,
        options: Mapping[str, Any],
        hidden: int,
        policy: Mapping[str, Any] | None = None,
        orthogonal: bool = True,
        **learner: Any,
    ) -> None:
        sizes = {"hidden": hidden, "state_size": spec.state_size, "policy": policy}
        module = Convolution(spec.obs_size, hidden, layer, options)
        shapes = (spec.obs_size, spec.num_actions, spec.action)
        network = StateCritic(*shapes, communication=module, **sizes)
        for each in () if orthogonal else network.modules():
            if isinstance(each, nn.Linear):
                each.reset_parameters()
        super().__init__(network, **learner)


def gnn_mappo(quick: bool) -> list[Line]:
    """PPO with a graph convolution: collection, training and both, per environment frame.

    Args:
        quick: small sizes.
    """
    lines = []
    crowds = ((3, 2, 5),) if quick else ((3, 60, 100), (30, 32, 100))
    layers: dict[str, dict[str, Any]] = {"GraphConv": {"aggr": "mean"}, "GATv2Conv": {}}
    for agents, copies, steps in crowds:
        for layer, options in layers.items():
            sizes = {"agents": agents, "copies": copies, "steps": steps, "layer": layer}
            sizes |= {"options": options, "minibatch": 400, "epochs": 5, "hidden": 64}
            name = f"{layer}, {agents} agents x {copies} copies"
            lines.append(Line(name, partial(_iteration, sizes), "benchmarl", sizes))
    return lines


def _iteration(sizes: Mapping[str, Any]) -> Work:
    """Collection of a trajectory, and training on it."""
    agents, copies, steps = sizes["agents"], sizes["copies"], sizes["steps"]
    env = make_env(
        "navigation", num_agents=agents, num_envs=copies, action="continuous", horizon=100
    )
    options = {name: sizes[name] for name in ("layer", "options", "hidden", "epochs")}
    options |= {"rollout_length": steps, "minibatch_size": sizes["minibatch"] * agents}
    learner = new_learner(GraphMAPPO, env.spec, options)
    collector = new_collector(env, "complete", learner)
    trajectories = iter(collector)
    clocked = Clocked()

    def call() -> dict[str, float]:
        trajectory = clocked.part("collection", lambda: next(trajectories))
        clocked.part("training", lambda: trained_on(learner, trajectory))
        return clocked.seconds

    played = next(trajectories)
    return Work(
        call,
        "frames",
        copies * steps,
        agents,
        timers=(collector.timer, learner.timer),
        products="training",
        update=lambda: trained_on(learner, played),
        clocked=clocked,
    )


def crowd(quick: bool) -> list[Line]:
    """Training by the number of agents at constant density, with 8 neighbours.

    Args:
        quick: small sizes.
    """
    crowds = (30,) if quick else (30, 100, 300, 1000)
    return [
        Line(f"{method}, {agents} agents", partial(_crowd, method, agents, 2 if quick else 16))
        for method in CROWD
        for agents in crowds
    ]


def _crowd(method: str, agents: int, copies: int) -> Work:
    env = make_env("navigation", num_agents=agents, num_envs=copies)
    learner: Learner = new_learner(method, env.spec, CROWD[method])
    collector = new_collector(env, "knn:k=8,refresh=5", learner)
    trajectories = iter(collector)

    def call() -> dict[str, float]:
        before = collector.env_steps
        trained_on(learner, next(trajectories))
        return {"steps": float(collector.env_steps - before)}

    if isinstance(learner, OffPolicy):
        while len(learner.replay) < learner.replay.capacity - copies:
            learner.replay.add(next(trajectories))
    timers = (collector.timer, learner.timer)
    return Work(call, "steps", agent_steps=agents, timers=timers, products="call")
