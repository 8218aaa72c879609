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
from graphmarl.methods.base import Method
from graphmarl.nn import Actor, CounterfactualCritic, Output
from graphmarl.ranges import (
    LearningRate,
    PositiveFloat,
    PositiveInt,
    PositiveShare,
    UnitInterval,
    Width,
)
from graphmarl.step import Spec


class COMA(Method, A2C):
    r"""Actor-critic with a counterfactual baseline.

    .. math::
        A_i(s, u) = Q_i(s, u) - \sum_a \pi_i(a \mid o_i) \, Q_i(s, (u_{-i}, a))

    (eq. 4). The critic is trained on TD(lambda) returns of a target critic; after the last
    transition of a trajectory the actions are sampled from the policy. Reads no edges; the agent
    index is part of the input.

    Unlike the paper, actor and critic are updated together, so that advantages use the critic
    before the update, and an entropy bonus replaces the exploration of the policy. The variant of
    the VPP paper, with individual rewards and no baseline, is `reward` agent and `counterfactual`
    off.

    Args:
        spec: specification of the environment, which must have a global state.
        hidden: width of the actor's layers.
        recurrent: recurrent actor (GRU), as in the paper.
        critic_learning_rate: learning rate of the critic, annealed like that of the actor.
        critic_hidden: width of the critic's layers.
        counterfactual: subtract the counterfactual baseline; without it the advantage is Q_i.
        target: `hard` copies the critic every `target_update_interval` trajectories; `soft` makes a
            Polyak update with `tau` after each.
        target_update_interval: trajectories between hard target updates.
        tau: coefficient of soft target updates.
        reward: `team` as in the paper, `team_to_end` if agents can die, or `agent`; see `PPO`.
        gae_lambda: lambda of the critic's returns.
        max_grad_norm: maximum gradient norm.
        learner: arguments of `A2C`.

    Raises:
        ValueError: the environment has no global state, or a number is out of range.
    """

    needs_state = True
    recurrent = "option"
    any_number = False

    def __init__(
        self,
        spec: Spec,
        hidden: Width = 128,
        recurrent: bool = False,
        critic_learning_rate: LearningRate = 1e-3,
        critic_hidden: Width = 128,
        counterfactual: bool = True,
        target: Literal["hard", "soft"] = "hard",
        target_update_interval: PositiveInt = 20,
        tau: PositiveShare = 0.01,
        reward: Reward = "team",
        gae_lambda: UnitInterval = 0.8,
        max_grad_norm: PositiveFloat = 10.0,
        **learner: Any,
    ) -> None:
        self.check_spec(spec)
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
        """Parameter groups of actor and critic."""
        return [
            (list(self.network.parameters()), self.learning_rate),
            (list(self.critic.parameters()), self.critic_learning_rate),
        ]

    def stored_outputs(self, graph: Data, output: Output, action: Tensor) -> dict[str, Tensor]:
        """Log-probability, action probabilities, and target Q-value of the joint action."""
        policy = output.distribution
        assert isinstance(policy, torch.distributions.Categorical), "the actor's"
        value = taken(self.targets["critic"](graph, action), action)
        return {"log_prob": policy.log_prob(action), "policy": policy.probs, "value": value}

    def value_of(self, graph: Data, output: Output, action: Tensor) -> Float[Tensor, " row"]:
        """Q_i(s, u) of the critic."""
        return taken(self.critic(graph, action), action)

    def last_value(
        self, graph: Data, memory: Float[Tensor, "row memory"]
    ) -> Float[Tensor, " row"] | None:
        """Target Q-value of actions sampled from the policy."""
        return self.act(graph, memory)[1]["value"]

    def advantages(
        self, trajectory: Trajectory
    ) -> tuple[Float[Tensor, "time env agent"], Float[Tensor, "time env agent"]]:
        """Counterfactual advantage, and return for the critic."""
        _, target = super().advantages(trajectory)
        graph = trajectory.graph()
        with torch.no_grad():
            q = self.values(self.critic(graph, graph.action))
        advantage = taken(q, graph.action)
        if self.counterfactual:
            advantage = advantage - (graph.policy * q).sum(-1)
        return advantage.view(target.shape), target

    def update(self, trajectory: Trajectory) -> dict[str, float]:
        """Train on a trajectory, then update the target critic."""
        metrics = super().update(trajectory)
        self.updated += 1
        if self.target == "soft":
            polyak_update(self.targets["critic"], self.critic, self.tau)
        elif self.updated % self.target_update_interval == 0:
            polyak_update(self.targets["critic"], self.critic, 1.0)
        return metrics
