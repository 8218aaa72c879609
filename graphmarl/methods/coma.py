"""COMA: Foerster et al. 2018, "Counterfactual Multi-Agent Policy Gradients"."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Categorical
from torch_geometric.data import Data

from graphmarl.data import Trajectory
from graphmarl.functional import linear, mask_logits, taken
from graphmarl.learners import A2C, Reward, polyak_update
from graphmarl.learners.minibatch import Minibatch
from graphmarl.methods.base import Method
from graphmarl.nn import (
    Actor,
    AttentionCommunication,
    CommNetCommunication,
    CommunicationModule,
    CounterfactualCritic,
    EncodedCommunication,
    Encoder,
    GatedConv,
    Output,
    encoded_size,
)
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
    transition of a trajectory the actions are sampled from the policy. Reads no edges, unless its
    actors communicate; the agent index is part of the input. There is one optimiser step for each
    `minibatch_size` agent slots.

    Unlike the paper, actor and critic are updated together, so that advantages use the critic
    before the update, unless `critic_first`; and an entropy bonus replaces the exploration of the
    policy, unless it has an `epsilon`. The variant of the VPP paper, with individual rewards and no
    baseline, is `reward` agent and `counterfactual` off.

    Args:
        spec: specification of the environment, which must have a global state.
        hidden: width of the actor's layers.
        recurrent: recurrent actor (GRU), as in the paper.
        communication: how the actors communicate: `commnet` or `g2anet`, as in the code of the
            baselines of the MAMBA paper, with the sizes of these methods; the default graph is then
            `complete`.
        critic_first: train the critic on a trajectory before the advantages are computed.
        epsilon: initial share of uniform actions in the policy.
        final_epsilon: share at the end of the run, to which it changes linearly.
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
        encoder: `mlp` reads flattened observations, `cnn` reads pictures by convolutions first.
        learner: arguments of `A2C`.

    Raises:
        ValueError: the environment has no global state, or a number is out of range.
    """

    needs_state = True
    recurrent = "option"
    pictures = "option"
    any_number = False

    def __init__(
        self,
        spec: Spec,
        hidden: Width = 128,
        recurrent: bool = False,
        communication: Literal["none", "commnet", "g2anet"] = "none",
        critic_first: bool = False,
        epsilon: UnitInterval = 0.0,
        final_epsilon: UnitInterval = 0.0,
        critic_learning_rate: LearningRate = 1e-3,
        critic_hidden: Width = 128,
        counterfactual: bool = True,
        target: Literal["hard", "soft"] = "hard",
        target_update_interval: PositiveInt = 20,
        tau: PositiveShare = 0.01,
        reward: Reward = "team",
        gae_lambda: UnitInterval = 0.8,
        max_grad_norm: PositiveFloat = 10.0,
        encoder: Encoder = "mlp",
        **learner: Any,
    ) -> None:
        self.check_spec(spec)
        shapes = (self.observed(spec, encoder), spec.num_actions)
        agents = spec.num_agents
        module = make_communication(
            communication, encoded_size(shapes[0]) + agents + hidden * recurrent
        )
        trunk: dict[str, Any] = {"communication": module, "agent_id": agents}
        network = MixedActor(*shapes, hidden=hidden, recurrent=recurrent, **trunk)
        network.uniform.fill_(epsilon)
        super().__init__(
            network, reward=reward, gae_lambda=gae_lambda, max_grad_norm=max_grad_norm, **learner
        )
        self.critic = CounterfactualCritic(agents, spec.state_size, *shapes, critic_hidden)
        self.targets = nn.ModuleDict({"critic": copy.deepcopy(self.critic).requires_grad_(False)})
        self.critic_learning_rate, self.counterfactual = critic_learning_rate, counterfactual
        self.target, self.target_update_interval, self.tau = target, target_update_interval, tau
        self.critic_first, self.epsilons = critic_first, (epsilon, final_epsilon)
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

    @classmethod
    def graph_for(cls, options: Mapping[str, Any]) -> str:
        """`complete` for actors that communicate, else none."""
        return "none" if options.get("communication", "none") == "none" else "complete"

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
        """Train on a trajectory, then update the target critic and the policy's epsilon."""
        if self.critic_first:
            self._train_critic(trajectory)
        metrics = super().update(trajectory)
        assert isinstance(self.network, MixedActor), "made above"
        self.network.uniform.fill_(linear(*self.epsilons, trajectory.progress))
        self.updated += 1
        if self.target == "soft":
            self._update_target(self.tau)
        elif self.updated % self.target_update_interval == 0:
            self._update_target(1.0)
        return metrics

    def _update_target(self, tau: float) -> None:
        """Polyak update of the target critic."""
        target, online = self.targets["critic"].parameters(), self.critic.parameters()
        polyak_update(list(target), list(online), tau)

    def loss(
        self, log_prob: Tensor, entropy: Tensor, value: Tensor, rows: Minibatch, bonus: float
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Loss of PPO, without that of the critic if it is trained first."""
        value = value.detach() if self.critic_first else value
        return super().loss(log_prob, entropy, value, rows, bonus)

    def _train_critic(self, trajectory: Trajectory) -> None:
        """All optimiser steps of the critic on a trajectory."""
        advantage, target = super().advantages(trajectory)
        if self.value_normalizer is not None:
            target = self.value_normalizer.normalize(target)
        optimizer: Any = self.optimizers()
        for pick in self.minibatches(trajectory):
            rows, graph = Minibatch(trajectory, pick, advantage, target), trajectory.graph(pick)
            value = taken(self.critic(graph, graph.action), graph.action)
            error = self.value_error(value, rows)
            loss, trained = self.value_coef * error, [self.critic.parameters()]
            self.optimise(optimizer, loss, self.max_grad_norm, trained)


class MixedActor(Actor):
    """Policy mixed with a uniform one over available actions: `(1 - epsilon) pi + epsilon / |U|`.

    Args:
        actor: arguments of `Actor`.
        options: further ones.
    """

    def __init__(self, *actor: Any, **options: Any) -> None:
        super().__init__(*actor, **options)
        self.register_buffer("uniform", torch.zeros(()))
        self.uniform: Tensor
        """Epsilon, the share of uniform actions."""

    def heads(self, graph: Data, output: Output) -> None:
        """Compute the policy."""
        super().heads(graph, output)
        policy = output.distribution
        assert isinstance(policy, Categorical), "actions are discrete"
        if self.uniform:
            available = graph.available if "available" in graph else None
            uniform = mask_logits(torch.zeros_like(policy.probs), available).softmax(-1)
            mixed = torch.lerp(policy.probs, uniform, self.uniform)
            output.distribution = Categorical(probs=mixed, validate_args=False)


def make_communication(name: str, input_size: int) -> CommunicationModule | None:
    """Communication module of a method, with its default sizes.

    Args:
        name: `none`, `commnet` or `g2anet`.
        input_size: size of an agent's input with its recurrent memory.
    """
    if name == "none":
        return None
    if name == "commnet":
        return CommNetCommunication(input_size, 64, rounds=2, skip=True)
    attention = AttentionCommunication(GatedConv(128, 32, 32), 32)
    return EncodedCommunication(input_size, 128, attention)
