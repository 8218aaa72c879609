"""Relay: an agent must act on a value that another one sees, several hops away."""

from __future__ import annotations

from typing import Any, Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from graphmarl.envs.batched import Batched
from graphmarl.ranges import Agents, Copies, Device, NonNegativeInt, PositiveInt, Size
from graphmarl.step import Scene, Spec

Topology = Literal["path", "ring", "star", "random"]


def farthest(topology: Topology, num_agents: int) -> int:
    """Largest distance between two agents that a topology allows, in hops."""
    return {"ring": num_agents // 2, "star": min(2, num_agents - 1)}.get(topology, num_agents - 1)


def topology_edges(topology: Topology, num_agents: int) -> Int[Tensor, "edge 2"]:
    """Undirected edges of a fixed topology, in which agent d is d hops from agent 0.

    Args:
        topology: `path`, `ring`, or `star` with agent 1 in the middle.
        num_agents: number of agents.
    """
    agent = torch.arange(num_agents)
    if topology == "star":
        others = agent[agent != 1]
        return torch.stack([others, torch.ones_like(others)], 1)
    edges = torch.stack([agent[:-1], agent[1:]], 1)
    if topology == "ring" and num_agents > 2:
        edges = torch.cat([edges, torch.tensor([[num_agents - 1, 0]])])
    return edges


class Relay(Batched):
    r"""Relay task: one agent sees a hidden value, and another must choose it, d hops away.

    The value is uniform over V values in each episode. In the last of `delay` + 1 steps the team
    reward is 1 if the action of the target is the value of the source, and 0 otherwise, split
    equally; other actions have no effect. After M rounds of messages in each step an agent depends
    on agents at most M hops away, or M hops for each step if it has a memory that its messages
    read. So the best return is

    .. math:: G^* = \begin{cases} 1 & M (\text{delay} + 1) \ge d \text{ with memory, or } M \ge d \\
        1 / V & \text{otherwise} \end{cases}

    for a source that sees the value in every step. Seen in the first step only, it is 1/V for
    agents without memory unless the first step is the last. Messages that arrive a step later have
    `delay` steps instead of `delay` + 1. `best_return` computes it.

    Args:
        num_agents: agents, N.
        topology: the edges are a `path`, a `ring`, a `star`, or a `random` tree, new in each
            episode, whose agents are in random order: d + 1 of them form a path, and each other one
            hangs on a random agent.
        distance: hops from the source to the target, d; the largest that is possible by default.
        values: number of values and of actions, V.
        delay: steps before the one that is rewarded.
        shown: the source sees the value `always`, or in the `first` step only.
        num_envs: copies, B.
        device: where the tensors are.

    Shapes:
        obs (B, N, 3 + V): whether the agent is the source, whether it is the target, the share of
        the steps that are over, and the value as one-hot, 0 for others than the source. The first
        two are `unique` in the layout, the others the `view`. state (B, V): the value.

    Raises:
        ValueError: fewer than two agents or values, or a distance that the topology does not have.
    """

    value: Int[Tensor, " env"]
    place: Int[Tensor, "env agent"]
    parent: Int[Tensor, "env agent"]

    def __init__(
        self,
        num_agents: Agents = 5,
        topology: Topology = "path",
        distance: PositiveInt | None = None,
        values: Size = 2,
        delay: NonNegativeInt = 0,
        shown: Literal["always", "first"] = "always",
        num_envs: Copies = 64,
        device: Device = "cpu",
    ) -> None:
        for name, number in {"num_agents": num_agents, "values": values}.items():
            if number < 2:
                raise ValueError(f"{name} is {number}; there must be at least 2")
        most = farthest(topology, num_agents)
        self.distance = most if distance is None else distance
        if not 1 <= self.distance <= most:
            raise ValueError(
                f"distance is {self.distance}; in a {topology} of {num_agents} agents it is 1 to "
                f"{most}"
            )
        self.topology, self.delay, self.shown = topology, delay, shown
        layout = {"source": slice(0, 1), "target": slice(1, 2), "time": slice(2, 3)}
        layout |= {
            "value": slice(3, 3 + values),
            "unique": slice(0, 2),
            "view": slice(2, 3 + values),
        }
        spec = Spec(num_agents, (3 + values,), values, delay + 1, layout=layout, state_size=values)
        super().__init__(spec, num_envs, device)
        self._agent = torch.arange(num_agents, device=self.device)
        self._links = None
        if topology != "random":
            edges = topology_edges(topology, num_agents).T
            self._links = self.replicate_edges(torch.cat([edges, edges.flip(0)], 1))
        self._position = self._positions().to(self.device).expand(num_envs, -1, -1)

    def _positions(self) -> Float[Tensor, "agent 2"]:
        """Positions on a line, or on a circle, with the middle of a star in its centre."""
        agent = self._agent.cpu().float()
        if self.topology == "path":
            return torch.stack([agent, torch.zeros_like(agent)], 1)
        angle = agent * (2 * torch.pi / len(agent))
        place = torch.stack([angle.cos(), angle.sin()], 1)
        if self.topology == "star":
            place[1] = 0
        return place

    def best_return(self, rounds: int, memory: bool = False, delayed: bool = False) -> float:
        """Largest mean return of agents with a number of message rounds in each step.

        Args:
            rounds: rounds of messages in each step, M.
            memory: whether messages read a memory of earlier steps.
            delayed: whether the messages of a step are sent in the step before.
        """
        steps = self.delay + 1 - delayed
        if not memory:
            # The message that is used in the last step, from a sender that sees the value then.
            steps = int(steps == 1 if self.shown == "first" else steps > 0)
        reach = rounds * steps
        return 1.0 if reach >= self.distance else 1 / self.spec.num_actions

    def begin(self) -> dict[str, Tensor]:
        """Draw the value, and the tree with the order of its agents if it is random."""
        state = {"value": self.integers(0, self.spec.num_actions)}
        if self.topology == "random":
            chain = (self._agent - 1).clamp(min=0)
            drawn = (self.uniform(len(chain)) * self._agent).long()
            state["place"] = self.uniform(len(chain)).argsort(1)
            state["parent"] = torch.where(self._agent > self.distance, drawn, chain)
        else:
            state["place"] = self._agent.expand(self.num_envs, -1)
        return state

    def advance(
        self, action: Int[Tensor, "env agent"]
    ) -> tuple[Float[Tensor, "env agent"], Bool[Tensor, " env"]]:
        """Reward the action of the target in the last step."""
        last = self.time >= self.spec.horizon
        chosen = torch.where(self.place == self.distance, action, 0).sum(1)
        return self.shared(((chosen == self.value) & last).float()), last

    def observe(self) -> dict[str, Any]:
        """Roles and time for all agents, the value for the source."""
        shape = (self.num_envs, self.spec.num_agents)
        value = torch.nn.functional.one_hot(self.value, self.spec.num_actions).float()
        source = (self.place == 0).float()
        sees = source.unsqueeze(2) * value.unsqueeze(1)
        if self.shown == "first":
            sees = torch.where((self.time == 0).view(-1, 1, 1), sees, 0.0)
        time = (self.time / self.spec.horizon).unsqueeze(1).expand(shape)
        roles = [source, (self.place == self.distance).float(), time]
        return {
            "obs": torch.cat([torch.stack(roles, 2), sees], 2),
            "state": value,
            "position": self._position,
            "links": self._tree() if self._links is None else self._links,
        }

    def _tree(self) -> Bool[Tensor, "env agent agent"]:
        """Edges of the random trees between the agents in their order."""
        child = torch.zeros(self.num_envs, len(self._agent), len(self._agent), device=self.device)
        child = child.scatter(2, self.parent.unsqueeze(2), 1.0).bool()
        child[:, 0] = False
        linked = child | child.transpose(1, 2)
        copies = torch.arange(self.num_envs, device=self.device)[:, None, None]
        return linked[copies, self.place.unsqueeze(2), self.place.unsqueeze(1)]

    def scene(self, env: int) -> Scene:
        """Source and target."""
        place = self._position[env].cpu()
        roles = {"source": 0, "target": self.distance}
        points = {
            name: (place[self.place[env].cpu() == number], torch.ones(1))
            for name, number in roles.items()
        }
        low, high = place.min(0).values - 1, place.max(0).values + 1
        corners = (tuple(low.tolist()), tuple(high.tolist()))
        return Scene(*corners, points, int(self.time[env]))
