"""Deterministic policy gradients under a central critic."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Categorical
from torch.nn import functional as F
from torch_geometric.data import Data

from graphmarl.data import Trajectory
from graphmarl.functional import linear, masked_mean
from graphmarl.learners.off_policy import OffPolicy, one_hot_action, team_reward
from graphmarl.nn import AgentNetwork, CentralCritic, SquashedNormal, no_memory


class DDPG(OffPolicy):
    r"""Actors that follow the gradient of the team's value in their actions (MADDPG, eqs. 5-6).

    .. math::
        L &= (Q(s, a) - r - \gamma Q^-(s', a'))^2, \qquad
        J = Q(s, \mu(o_1), ..., \mu(o_N)) - c \, \overline{z^2}

    with a mean of squares that keeps policies from being sure, as in the code of PIC. Discrete
    actions are drawn by Gumbel-softmax, forward one-hot, backward relaxed. The team's reward is the
    mean over agents. Unlike in that code, z are the log-probabilities of the legal actions in place
    of unnormalised logits, a' is drawn as it is in play, not at the relaxed mean, and the greedy
    policy has no noise.

    Args:
        network: actors of all agents.
        critic: value of the team's joint action; its target is kept.
        gamma: discount.
        gumbel_temperature: temperature of the Gumbel-softmax.
        noise: standard deviation of what is added to continuous actions in play.
        final_noise: the same at the end of the run; it falls linearly.
        regulariser: c, weight of the squared log-probabilities, or of continuous actions before
            the tanh.
        shuffle: read agents in a random order, a new one for each batch (MADDPGS).
        reward_scale: factor on every reward before learning.
        learner: arguments of `OffPolicy`.

    Raises:
        ValueError: a network with memory, or a number out of range.
    """

    measures = ("critic", "policy")
    critic: CentralCritic

    def __init__(
        self,
        network: AgentNetwork,
        critic: CentralCritic,
        *,
        gamma: float = 0.95,
        gumbel_temperature: float = 1.0,
        noise: float = 0.3,
        final_noise: float = 0.05,
        regulariser: float = 1e-3,
        shuffle: bool = False,
        reward_scale: float = 1.0,
        **learner: Any,
    ) -> None:
        super().__init__(network, **learner)
        if self.episodic:
            raise ValueError("deterministic gradients learn from single transitions, no memory")
        if gumbel_temperature <= 0:
            raise ValueError(f"gumbel_temperature is {gumbel_temperature}; it must be positive")
        self.add_target("critic", critic)
        self.gamma, self.gumbel_temperature, self.shuffle = gamma, gumbel_temperature, shuffle
        self.noise, self.final_noise = noise, final_noise
        self.regulariser, self.reward_scale = regulariser, reward_scale

    def act(
        self, graph: Data, memory: Float[Tensor, "row memory"], greedy: bool = False
    ) -> tuple[Tensor, dict[str, Tensor], Float[Tensor, "row memory"]]:
        """The actors' actions, with noise unless greedy."""
        output, memory = self.network(graph, memory)
        policy = output.distribution
        assert policy is not None, "an actor has a policy"
        action = policy.mode
        if not greedy and isinstance(policy, SquashedNormal):
            spread = linear(self.noise, self.final_noise, float(self.progress))
            action = (action + spread * torch.randn_like(action)).clamp(-1, 1)
        elif not greedy:
            action = policy.sample()
        return action, output.stored, memory

    def losses(self, batch: Trajectory) -> dict[str, Tensor]:
        """The critic's error, then the actors' loss under the critic as it is."""
        now, agents = batch.graph(0), batch.spec.num_agents
        order = torch.randperm(agents, device=now.alive.device) if self.shuffle else None
        counts = batch.acted[0].any(-1)
        q = self.critic(now, one_hot_action(now.action, batch.spec), order)
        self.estimate = masked_mean(q, counts)
        error = masked_mean((q - self._target(batch, order)) ** 2, counts)
        action, numbers = self._drawn(now)
        self.critic.requires_grad_(False)
        gain = self.critic(now, action, order)
        self.critic.requires_grad_(True)
        size = masked_mean((numbers**2).mean(-1), batch.acted[0].flatten())
        return {
            "critic": error,
            "policy": self.regulariser * size - masked_mean(gain, counts),
        }

    @torch.no_grad()
    def _target(self, batch: Trajectory, order: Tensor | None) -> Float[Tensor, " graph"]:
        """R + gamma Q^-(s', a'), without what follows an end."""
        following = batch.graph(1)
        q = self.targets["critic"](following, self._drawn(following)[0], order)
        reward = team_reward(batch)[0] * self.reward_scale / batch.spec.num_agents
        return reward + self.gamma * ~batch.terminated[0] * q

    def _drawn(
        self, graph: Data
    ) -> tuple[Float[Tensor, "row action"], Float[Tensor, "row number"]]:
        """The actors' actions, through which gradients flow, and the numbers behind them."""
        policy = self.network(graph, no_memory(graph))[0].distribution
        if isinstance(policy, SquashedNormal):
            return policy.mode, policy.normal.mean
        assert isinstance(policy, Categorical), "discrete or squashed"
        logits = legal = policy.logits
        if "available" in graph:
            legal = logits.masked_fill(~graph.available, 0)
        return F.gumbel_softmax(logits, self.gumbel_temperature, hard=True), legal

    def parts(self) -> list[list[nn.Parameter]]:
        """Actors and critic have gradients of different sizes."""
        return [list(m.parameters()) for m in (self.network, self.critic)]
