"""Soft actor-critic of agents on a graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Categorical, Distribution
from torch.nn import functional as F
from torch_geometric.data import Data

from graphmarl.data import Trajectory
from graphmarl.functional import masked_mean
from graphmarl.learners.off_policy import OffPolicy, one_hot_action, own_reward
from graphmarl.nn import AgentNetwork, NeighborCritic, SquashedNormal, no_memory


class SAC(OffPolicy):
    r"""Joint maximum-entropy learning with one policy, V_i and Q_i per agent (VPP, eqs. 7-9).

    .. math::
        J_V &= \tfrac12 (V_i(s) - E_q[Q_i(s, a_i, a_{N_i}) - \alpha \log q_i(a_i|s)])^2 \\
        J_Q &= \tfrac12 (Q_i(s, a_i, a_{N_i}) - r_i - \gamma V_i^-(s'))^2 \\
        J_\pi &= \sum_i E_q[\alpha \log q_i(a_i|s) - Q_i(s, a_i, a_{N_i})]

    The joint action of J_V and J_pi is drawn once for the whole graph. Unlike the paper, the
    expectation over one's own discrete action is exact in J_V, and so is the entropy in J_pi.

    Args:
        network: policies of all agents.
        critics: one, or several of which the smallest value counts (IP: two).
        value: V_i, of which the target is kept.
        gamma: discount.
        alpha: temperature, the weight of the entropy; with `target_entropy` where it begins.
        target_entropy: learn the temperature so that the mean entropy of an agent comes to this
            share of the largest one (of discrete actions, that of a uniform policy; of continuous
            ones, log 2 for each component).
        gradient: of the policy of discrete actions. `gumbel`: straight-through samples of all
            agents, so that an action answers for the values of the others too. `exact`: the
            expectation over the own action beside sampled actions of the others, as in a game
            in which everyone improves its own value. Continuous actions are reparametrised.
        gumbel_temperature: temperature of the Gumbel-softmax.
        reward_scale: factor on every reward before learning.
        reward: `agent` gives each agent its own reward, `team` all of them the mean over agents.
        learner: arguments of `OffPolicy`.

    Raises:
        ValueError: a network with memory, or a number out of range.
    """

    measures = ("policy", "value", "critic", "temperature")
    value: nn.Module
    reward: Literal["agent", "team"]

    def __init__(
        self,
        network: AgentNetwork,
        critics: Sequence[NeighborCritic],
        value: nn.Module,
        *,
        gamma: float = 0.95,
        alpha: float = 0.2,
        target_entropy: float | None = None,
        gradient: Literal["gumbel", "exact"] = "gumbel",
        gumbel_temperature: float = 1.0,
        reward_scale: float = 1.0,
        reward: Literal["agent", "team"] = "agent",
        **learner: Any,
    ) -> None:
        super().__init__(network, **learner)
        if self.episodic:
            raise ValueError("soft actor-critic learns from single transitions, without memory")
        for name, number in {"alpha": alpha, "gumbel_temperature": gumbel_temperature}.items():
            if number <= 0:
                raise ValueError(f"{name} is {number}; it must be positive")
        self.critics = nn.ModuleList(critics)
        self.add_target("value", value)
        self.gamma, self.target_entropy = gamma, target_entropy
        self.gradient, self.gumbel_temperature = gradient, gumbel_temperature
        self.reward_scale, self.reward = reward_scale, reward
        log_alpha = torch.tensor(alpha).log()
        self.log_alpha = nn.Parameter(log_alpha, requires_grad=target_entropy is not None)
        self.spread = torch.zeros(())
        """Mean entropy of an agent in the last update."""

    def act(
        self, graph: Data, memory: Float[Tensor, "row memory"], greedy: bool = False
    ) -> tuple[Tensor, dict[str, Tensor], Float[Tensor, "row memory"]]:
        """Sample from the policies, or take their modes."""
        output, memory = self.network(graph, memory)
        policy = output.distribution
        assert policy is not None, "an actor has a policy"
        return policy.mode if greedy else policy.sample(), output.stored, memory

    def update(self, trajectory: Trajectory) -> dict[str, float]:
        """Keep a trajectory and learn from what is kept; returns means over the updates."""
        self.spread = torch.tensor(float("nan"))
        told = super().update(trajectory)
        return told | {"alpha": float(self.log_alpha.detach().exp()), "entropy": float(self.spread)}

    def losses(self, batch: Trajectory) -> dict[str, Tensor]:
        """J_pi, J_V, J_Q and the loss of the temperature."""
        now, acted = batch.graph(0), batch.acted[0].flatten()
        alpha = self.log_alpha.detach().exp()
        action = one_hot_action(now.action, batch.spec)
        target = self._target(batch)
        critics = [critic for critic in self.critics if isinstance(critic, NeighborCritic)]
        states = [critic.features(now) for critic in critics]
        error = torch.zeros((), device=acted.device)
        for critic, s in zip(critics, states, strict=True):
            q = critic.taken(critic(s, action, now), action)
            error = error + masked_mean((q - target) ** 2, acted) / 2
            self.estimate = masked_mean(q, acted)
        policy = self.network(now, no_memory(now))[0].distribution
        gain, soft = self._soft_values(policy, states, now, alpha)
        v = masked_mean((self.value(now) - soft.detach()) ** 2, acted) / 2
        entropy = masked_mean(policy.entropy(), acted)
        self.spread = entropy.detach()
        return {
            "policy": -masked_mean(gain, acted),
            "value": v,
            "critic": error,
            "temperature": self._temperature(entropy.detach(), batch),
        }

    @torch.no_grad()
    def _target(self, batch: Trajectory) -> Float[Tensor, " row"]:
        """r_i + gamma V_i^-(s'), without what follows an end."""
        reward = own_reward(batch, self.reward)[0] * self.reward_scale
        goes_on = batch.survived[0] & ~batch.terminated[0][:, None]
        v = self.targets["value"](batch.graph(1)).view_as(reward)
        return (reward + self.gamma * goes_on * v).flatten()

    def _soft_values(
        self, policy: Distribution, states: list[tuple[Tensor, ...]], graph: Data, alpha: Tensor
    ) -> tuple[Float[Tensor, " row"], Float[Tensor, " row"]]:
        """What the policies are to increase, and what V is to learn, under one joint draw."""
        if isinstance(policy, SquashedNormal):
            action, log_prob = policy.rsample_with_log_prob()
            gain = self._frozen_q(states, action, graph).squeeze(-1) - alpha * log_prob
            return gain, gain
        assert isinstance(policy, Categorical), "discrete or squashed"
        if self.gradient == "gumbel":
            action = F.gumbel_softmax(policy.logits, self.gumbel_temperature, hard=True)
        else:
            action = F.one_hot(policy.sample(), policy.probs.shape[-1]).to(policy.probs.dtype)
        q = self._frozen_q(states, action, graph)
        entropy = alpha * policy.entropy()
        soft = (policy.probs * q).sum(-1) + entropy
        if self.gradient == "gumbel":
            return (q * action).sum(-1) + entropy, soft
        return (policy.probs * q.detach()).sum(-1) + entropy, soft

    def _frozen_q(self, states: list[tuple[Tensor, ...]], action: Tensor, graph: Data) -> Tensor:
        """The smallest values of the critics, through which gradients reach the action alone."""
        self.critics.requires_grad_(False)
        each = [
            critic(tuple(part.detach() for part in s), action, graph)
            for critic, s in zip(self.critics, states, strict=True)
        ]
        self.critics.requires_grad_(True)
        return each[0] if len(each) == 1 else torch.stack(each).amin(0)

    def _temperature(self, entropy: Tensor, batch: Trajectory) -> Tensor:
        """Alpha (H - H_target), or nothing where the temperature is fixed."""
        if self.target_entropy is None:
            return torch.zeros((), device=entropy.device)
        actions = batch.spec.num_actions
        count = torch.tensor(float(actions if batch.spec.action == "discrete" else 2)).log()
        largest = count * (1 if batch.spec.action == "discrete" else actions)
        return self.log_alpha.exp() * (entropy - self.target_entropy * largest)

    def parts(self) -> list[list[nn.Parameter]]:
        """Policy and critics have gradients of different sizes."""
        modules = [self.network, self.critics, self.value]
        return [list(m.parameters()) for m in modules] + [[self.log_alpha]]
