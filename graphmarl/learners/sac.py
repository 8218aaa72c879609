"""Soft actor-critic on agent graphs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Categorical, Distribution
from torch.nn import functional as F
from torch_geometric.data import Data

from graphmarl.data import Trajectory
from graphmarl.functional import linear, masked_mean
from graphmarl.learners.off_policy import OffPolicy, one_hot_action, own_reward
from graphmarl.nn import AgentNetwork, NeighborCritic, SquashedNormal, no_memory
from graphmarl.ranges import FiniteFloat, PositiveFloat, UnitInterval


class SAC(OffPolicy):
    r"""Multi-agent soft actor-critic with a policy, V_i and Q_i per agent (VPP, eqs. 7-9).

    .. math::
        J_V &= \tfrac12 (V_i(s) - E_q[Q_i(s, a_i, a_{N_i}) - \alpha \log q_i(a_i|s)])^2 \\
        J_Q &= \tfrac12 (Q_i(s, a_i, a_{N_i}) - r_i - \gamma V_i^-(s'))^2 \\
        J_\pi &= \sum_i E_q[\alpha \log q_i(a_i|s) - Q_i(s, a_i, a_{N_i})]

    The joint action of J_V and J_pi is sampled once for the whole graph. Unlike the paper, the
    expectation over an agent's own discrete action in J_V, unless `expectation` is `sampled`, and
    the entropy in J_pi are exact.

    Args:
        network: policy of every agent.
        critics: Q-functions, of which the minimum is used (IP: two).
        value: value function V_i, with a target network.
        gamma: discount.
        alpha: temperature, the entropy weight; its initial value if `target_entropy` is set.
        target_entropy: tune the temperature so that the mean entropy of an agent approaches this
            share of the maximum entropy (for discrete actions that of a uniform policy; for
            continuous ones log 2 per component).
        final_alpha: temperature at the end of the run, relative to its start, annealed linearly.
        gradient: policy gradient for discrete actions. `gumbel`: straight-through Gumbel-softmax
            samples of all agents, so that gradients include the effect on other agents' values.
            `exact`: the expectation over the agent's own action given sampled actions of the
            others, so that each agent improves its own value only. Continuous actions are
            reparametrised.
        gumbel_temperature: temperature of the Gumbel-softmax.
        expectation: expectation over an agent's own discrete action in J_V: `exact`, or of the
            action that was `sampled`, as in the paper.
        reward_scale: factor on all rewards.
        reward: `agent` is each agent's own reward, `team` the mean over agents.
        learner: arguments of `OffPolicy`.

    Raises:
        ValueError: a network with memory, a temperature that is both tuned and annealed, or a
            number out of range.
    """

    loss_names = ("policy", "value", "critic", "temperature")
    value: nn.Module
    reward: Literal["agent", "team"]

    def __init__(
        self,
        network: AgentNetwork,
        critics: Sequence[NeighborCritic],
        value: nn.Module,
        *,
        gamma: UnitInterval = 0.95,
        alpha: PositiveFloat = 0.2,
        target_entropy: FiniteFloat | None = None,
        final_alpha: PositiveFloat = 1.0,
        gradient: Literal["gumbel", "exact"] = "gumbel",
        gumbel_temperature: PositiveFloat = 1.0,
        expectation: Literal["exact", "sampled"] = "exact",
        reward_scale: PositiveFloat = 1.0,
        reward: Literal["agent", "team"] = "agent",
        **learner: Any,
    ) -> None:
        super().__init__(network, **learner)
        if self.episodic:
            raise ValueError("soft actor-critic learns from single transitions, without memory")
        if target_entropy is not None and final_alpha != 1:
            raise ValueError(
                f"final_alpha is {final_alpha} and target_entropy {target_entropy}; a temperature "
                "is annealed or tuned, not both"
            )
        self.critics = nn.ModuleList(critics)
        self.add_target("value", value)
        self.gamma, self.target_entropy = gamma, target_entropy
        self.gradient, self.gumbel_temperature = gradient, gumbel_temperature
        self.expectation = expectation
        self.reward_scale, self.reward = reward_scale, reward
        self.alpha, self.final_alpha = alpha, final_alpha
        self.log_alpha = nn.Parameter(
            torch.tensor(alpha).log(), requires_grad=target_entropy is not None
        )
        self.entropy = torch.zeros(())
        """Mean policy entropy in the last update."""

    def act(
        self, graph: Data, memory: Float[Tensor, "row memory"], greedy: bool = False
    ) -> tuple[Tensor, dict[str, Tensor], Float[Tensor, "row memory"]]:
        """Sample from the policy, or take its mode."""
        output, memory = self.network(graph, memory)
        policy = output.distribution
        assert policy is not None, "an actor has a policy"
        return policy.mode if greedy else policy.sample(), output.stored, memory

    def update(self, trajectory: Trajectory) -> dict[str, float]:
        """Store a trajectory and train on the replay; returns mean metrics of the updates."""
        metrics = super().update(trajectory)
        alpha = float(self.log_alpha.detach().exp())
        entropy = float(self.entropy) if self.updated_last else math.nan
        return metrics | {"alpha": alpha, "entropy": entropy}

    def anneal(self) -> None:
        """Set the learning rate and the temperature to their current values."""
        super().anneal()
        if self.final_alpha != 1:
            alpha = self.alpha * linear(1, self.final_alpha, float(self.progress))
            self.log_alpha.data.fill_(math.log(alpha))

    def parts(self, batch: Trajectory) -> list[Trajectory]:
        """A batch in parts, over which the entropy is summed."""
        self.entropy = torch.zeros((), device=batch.alive.device)
        return super().parts(batch)

    @property
    def divisible(self) -> bool:
        """All losses are means over agents."""
        return True

    def losses(self, batch: Trajectory) -> dict[str, Tensor]:
        """J_pi, J_V, J_Q and the temperature loss."""
        return self.losses_of_part(batch, batch)

    def losses_of_part(self, batch: Trajectory, whole: Trajectory) -> dict[str, Tensor]:
        """Terms of all losses that belong to a part of a batch."""
        graph, acted, all_acted = batch.graph(0), batch.acted[0].flatten(), whole.acted[0]
        alpha = self.log_alpha.detach().exp()
        action = one_hot_action(graph.action, batch.spec)
        target = self._target(batch)
        critics = [critic for critic in self.critics if isinstance(critic, NeighborCritic)]
        states = [critic.features(graph) for critic in critics]
        error = torch.zeros((), device=acted.device)
        for critic, s in zip(critics, states, strict=True):
            q = critic.taken(critic(s, action, graph), action)
            error = error + masked_mean((q - target) ** 2, acted, all_acted) / 2
            self.estimate = masked_mean(q, acted, all_acted)
        policy = self.network(graph, no_memory(graph))[0].distribution
        gain, soft = self._soft_values(policy, states, graph, alpha)
        v = masked_mean((self.value(graph) - soft.detach()) ** 2, acted, all_acted) / 2
        entropy = policy.entropy()
        self.entropy = self.entropy + masked_mean(entropy.detach(), acted, all_acted)
        excess = entropy.detach() - self._least_entropy(batch)
        return {
            "policy": -masked_mean(gain, acted, all_acted),
            "value": v,
            "critic": error,
            "temperature": self._temperature(masked_mean(excess, acted, all_acted)),
        }

    @torch.no_grad()
    def _target(self, batch: Trajectory) -> Float[Tensor, " row"]:
        """TD target r_i + gamma V_i^-(s'), without bootstrap after termination."""
        reward = own_reward(batch, self.reward)[0] * self.reward_scale
        continues = batch.survived[0] & ~batch.terminated[0][:, None]
        v = self.targets["value"](batch.graph(1)).view_as(reward)
        return (reward + self.gamma * continues * v).flatten()

    def _soft_values(
        self, policy: Distribution, states: list[tuple[Tensor, ...]], graph: Data, alpha: Tensor
    ) -> tuple[Float[Tensor, " row"], Float[Tensor, " row"]]:
        """Policy objective and value target under one sampled joint action."""
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
        if self.expectation == "exact":
            soft = (policy.probs * q).sum(-1) + entropy
        else:
            soft = (q * action).sum(-1) - alpha * policy.log_prob(action.argmax(-1))
        if self.gradient == "gumbel":
            return (q * action).sum(-1) + entropy, soft
        return (policy.probs * q.detach()).sum(-1) + entropy, soft

    def _frozen_q(self, states: list[tuple[Tensor, ...]], action: Tensor, graph: Data) -> Tensor:
        """Minimum over frozen critics; gradients reach the action only."""
        self.critics.requires_grad_(False)
        each = [
            critic(tuple(part.detach() for part in s), action, graph)
            for critic, s in zip(self.critics, states, strict=True)
        ]
        self.critics.requires_grad_(True)
        return each[0] if len(each) == 1 else torch.stack(each).amin(0)

    def _least_entropy(self, batch: Trajectory) -> float:
        """Entropy below which the temperature rises."""
        actions = batch.spec.num_actions
        if batch.spec.action == "discrete":
            return (self.target_entropy or 0.0) * math.log(actions)
        return (self.target_entropy or 0.0) * math.log(2) * actions

    def _temperature(self, excess: Tensor) -> Tensor:
        """Temperature loss alpha (H - H_target); 0 if the temperature is fixed."""
        if self.target_entropy is None:
            return torch.zeros_like(excess)
        return self.log_alpha.exp() * excess

    def clip_groups(self) -> list[list[nn.Parameter]]:
        """Separate gradient-norm clipping of policy, critics, value and temperature."""
        modules = [self.network, self.critics, self.value]
        return [list(m.parameters()) for m in modules] + [[self.log_alpha]]
