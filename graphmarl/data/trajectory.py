"""Trajectories of B environments, with the edges of each step."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace

import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor
from torch_geometric.data import Data

from graphmarl.agent_graph import Edges, agent_graph
from graphmarl.step import Spec, Step


@dataclass
class Trajectory:
    """T steps of B environments with N agent slots, time first.

    Index t of `obs`, `alive`, `action`, `stored` is the state in which the action was chosen; of
    `reward`, `terminated`, `truncated`, `valid`, `survived` it is the transition that followed.

    Args:
        spec: shapes of the environment.
        edges: edges of the agent graphs, graph `t * B + b` for time t of environment b.
        obs: observations, of any floating type, or pictures as bytes; graphs have float32.
        alive: live agents.
        time: steps since the episode began.
        action: action of each agent.
        reward: reward of the transition.
        survived: agents that are alive after the transition.
        terminated: the transition terminated the episode.
        truncated: the transition truncated the episode.
        valid: False for the step between two episodes, which is no transition.
        memory: memory of the network at the first step.
        last_value: value after the last transition, or None.
        position: coordinates or None.
        available: legal actions or None.
        state: global state or None.
        last_action: action of each agent in the previous step.
        stored: tensors stored by the network, and log-probabilities and values of the policy.
        env_steps: environment steps of the run until the end of this trajectory.
        progress: fraction of the run at the end of this trajectory, in [0, 1].
    """

    spec: Spec
    edges: Edges
    obs: Float[Tensor, "time env agent ..."] | UInt8[Tensor, "time env agent ..."]
    alive: Bool[Tensor, "time env agent"]
    time: Int[Tensor, "time env"]
    action: Tensor
    reward: Float[Tensor, "time env agent"]
    survived: Bool[Tensor, "time env agent"]
    terminated: Bool[Tensor, "time env"]
    truncated: Bool[Tensor, "time env"]
    valid: Bool[Tensor, "time env"]
    memory: Float[Tensor, "row memory"]
    last_value: Float[Tensor, "env agent"] | None = None
    position: Float[Tensor, "time env agent 2"] | None = None
    available: Bool[Tensor, "time env agent action"] | None = None
    state: Float[Tensor, "time env state"] | None = None
    last_action: Tensor | None = None
    stored: dict[str, Tensor] = field(default_factory=dict)
    env_steps: int = 0
    progress: float = 0.0
    _whole: Data | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def num_steps(self) -> int:
        """Number of steps, T."""
        return self.alive.shape[0]

    @property
    def num_envs(self) -> int:
        """Number of environment copies, B."""
        return self.alive.shape[1]

    @property
    def acted(self) -> Bool[Tensor, "time env agent"]:
        """Live agents whose action led to a transition: the mask of every loss."""
        return self.alive & self.valid[..., None]

    def graph(self, pick: int | Int[Tensor, " pick"] | None = None) -> Data:
        """The agent graphs of one time, of some graphs `t * B + b`, or of all times, as one batch.

        That of all times is made once, and must not be changed.

        Args:
            pick: a time t, or the numbers of graphs, or None for all of them in order.

        Shapes:
            one disjoint union of the picked graphs, N rows each.
        """
        if pick is None:
            if self._whole is None:
                self._whole = self._union(slice(0, self.num_steps * self.num_envs))
            return self._whole
        if isinstance(pick, Tensor):
            return self._union(pick)
        return self._union(slice(pick * self.num_envs, (pick + 1) * self.num_envs))

    def _union(self, some: Tensor | slice) -> Data:
        """The disjoint union of some graphs."""
        alive = _take(self.alive, some)
        nothing = torch.zeros(len(alive), dtype=torch.bool, device=alive.device)
        step = Step(
            obs=_take(self.obs, some),
            alive=alive,
            reward=torch.zeros(alive.shape, device=alive.device),
            terminated=nothing,
            truncated=nothing,
            time=_take(self.time, some),
            position=None if self.position is None else _take(self.position, some),
            available=None if self.available is None else _take(self.available, some),
            state=None if self.state is None else _take(self.state, some),
        )
        last_action = None if self.last_action is None else _take(self.last_action, some)
        graph = agent_graph(step, self.spec, last_action)
        graph.edge_index, graph.edge_attr = self.edges.select(some)
        for name, value in {"action": self.action, **self.stored}.items():
            graph[name] = _take(value, some).flatten(0, 1)
        return graph

    def part(self, envs: Int[Tensor, " pick"]) -> Trajectory:
        """The trajectory of some copies; without memory and last value.

        Args:
            envs: numbers of the copies.
        """
        apart = ("memory", "last_value", "_whole")
        given = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in apart}
        taken = {n: value[:, envs] for n, value in given.items() if isinstance(value, Tensor)}
        stored = {name: value[:, envs] for name, value in self.stored.items()}
        graphs = torch.arange(self.num_steps, device=envs.device)[:, None] * self.num_envs + envs
        nothing = self.memory.new_zeros(len(envs) * self.spec.num_agents, 0)
        edges = self.edges.part(graphs.flatten())
        return replace(self, edges=edges, memory=nothing, last_value=None, stored=stored, **taken)

    def to(self, device: torch.device) -> Trajectory:
        """The same trajectory on another device.

        Args:
            device: the device.
        """
        if self.alive.device == device:
            return self
        moved = {
            f.name: value.to(device)
            for f in fields(self)
            if isinstance(value := getattr(self, f.name), Tensor)
        }
        stored = {name: value.to(device) for name, value in self.stored.items()}
        return replace(self, edges=self.edges.to(device), stored=stored, **moved)


def _take(value: Tensor, pick: Tensor | slice) -> Tensor:
    """The picked graphs of a time-major field; a slice is a view of the field."""
    flat = value.flatten(0, 1)
    return flat[pick] if isinstance(pick, slice) else flat.index_select(0, pick)
