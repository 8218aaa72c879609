"""COMA: Foerster et al. 2018, "Counterfactual Multi-Agent Policy Gradients"."""

from __future__ import annotations

import copy
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch_geometric.data import Data

from graphmarl.data import Trajectory
from graphmarl.functional import taken
from graphmarl.learners import A2C, Reward, polyak_update
from graphmarl.nn import Actor, CounterfactualCritic, Output
from graphmarl.step import Spec, require_discrete


class COMA(A2C):
    r"""Actor-critic whose advantage is what an agent's own action changed (eq. 4).

    .. math::
        A_i(s, u) = Q_i(s, u) - \sum_a \pi_i(a \mid o_i) \, Q_i(s, (u_{-i}, a))

    The critic learns the returns of TD(lambda) over a target critic; after the last transition of a
    trajectory the actions are drawn from the policy. Reads no edges; agents know their places.

    Unlike the paper, actor and critic step together, so that advantages are those of the critic
    before the step, and an entropy bonus takes the place of the exploring share of the policy.
    The VPP paper, where each agent's reward is seen, fits Q_i to it directly and without a
    baseline: `reward` agent, `counterfactual` off.

    Args:
        spec: shapes of the environment, which must have a global state.
        hidden: width of the actor's layers.
        recurrent: give agents a memory (GRU) that is trained, as in the paper.
        critic_learning_rate: of the critic; falls as the actor's does.
        critic_hidden: width of the critic's layers.
        counterfactual: subtract the counterfactual baseline; without it the advantage is Q_i.
        target: `hard` copies the critic every `target_update_interval` trajectories; `soft` moves
            the target by the share `tau` after each.
        target_update_interval: trajectories between hard copies.
        tau: share of a soft update.
        reward: `team` as in the paper, `team_to_end` where agents die, or `agent`; see `PPO`.
        gae_lambda: lambda of the critic's returns.
        max_grad_norm: largest norm of the gradient.
        learner: arguments of `A2C`.

    Raises:
        ValueError: the environment has no global state, or a number is out of range.
    """

    def __init__(
        self,
        spec: Spec,
        hidden: int = 128,
        recurrent: bool = False,
        critic_learning_rate: float = 1e-3,
        critic_hidden: int = 128,
        counterfactual: bool = True,
        target: Literal["hard", "soft"] = "hard",
        target_update_interval: int = 20,
        tau: float = 0.01,
        reward: Reward = "team",
        gae_lambda: float = 0.8,
        max_grad_norm: float = 10.0,
        **learner: Any,
    ) -> None:
        require_discrete(spec, "COMA")
        if not spec.state_size:
            raise ValueError("COMA's critic reads the global state; this environment has none")
        if target_update_interval < 1:
            raise ValueError(
                f"target_update_interval is {target_update_interval}; allowed are 1 and more"
            )
        if not 0 < tau <= 1:
            raise ValueError(f"tau is {tau}; allowed is more than 0, up to 1")
        shapes = (spec.obs_size, spec.num_actions)
        agents = spec.num_agents
        network = Actor(*shapes, hidden=hidden, recurrent=recurrent, agent_id=agents)
        super().__init__(
            network, reward=reward, gae_lambda=gae_lambda, max_grad_norm=max_grad_norm, **learner
        )
        self.critic = CounterfactualCritic(agents, spec.state_size, *shapes, critic_hidden)
        self.targets = nn.ModuleDict({"critic": copy.deepcopy(self.critic).requires_grad_(False)})
        self.critic_learning_rate, self.counterfactual = critic_learning_rate, counterfactual
        self.target, self.target_update_interval, self.tau = target, target_update_interval, tau
        self.register_buffer("updated", torch.zeros((), dtype=torch.long))
        self.updated: Tensor

    def parameter_groups(self) -> list[tuple[list[nn.Parameter], float]]:
        """Actor and critic."""
        return [
            (list(self.network.parameters()), self.learning_rate),
            (list(self.critic.parameters()), self.critic_learning_rate),
        ]

    def stored_outputs(self, graph: Data, output: Output, action: Tensor) -> dict[str, Tensor]:
        """Log-probability, the whole policy, and what the target critic says of all actions."""
        policy = output.distribution
        assert isinstance(policy, torch.distributions.Categorical), "the actor's"
        value = taken(self.targets["critic"](graph, action), action)
        return {"log_prob": policy.log_prob(action), "policy": policy.probs, "value": value}

    def value_of(self, graph: Data, output: Output, action: Tensor) -> Float[Tensor, " row"]:
        """Q_i(s, u), which the loss brings to the return."""
        return taken(self.critic(graph, action), action)

    def last_value(
        self, graph: Data, memory: Float[Tensor, "row memory"]
    ) -> Float[Tensor, " row"] | None:
        """What the target critic says of actions that are drawn from the policy."""
        return self.act(graph, memory)[1]["value"]

    def advantages(
        self, trajectory: Trajectory
    ) -> tuple[Float[Tensor, "time env agent"], Float[Tensor, "time env agent"]]:
        """The counterfactual advantage, and the return that the critic learns."""
        _, target = super().advantages(trajectory)
        graph = trajectory.graph()
        with torch.no_grad():
            q = self.critic(graph, graph.action)
        advantage = taken(q, graph.action)
        if self.counterfactual:
            advantage = advantage - (graph.policy * q).sum(-1)
        return advantage.view(target.shape), target

    def update(self, trajectory: Trajectory) -> dict[str, float]:
        """Learn from a trajectory, then let the target critic follow."""
        metrics = super().update(trajectory)
        self.updated += 1
        if self.target == "soft":
            polyak_update(self.targets["critic"], self.critic, self.tau)
        elif self.updated % self.target_update_interval == 0:
            polyak_update(self.targets["critic"], self.critic, 1.0)
        return metrics
