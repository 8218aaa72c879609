"""Deterministic policy gradients with a centralised critic."""

from __future__ import annotations

from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Categorical, Distribution
from torch.nn import functional as F
from torch_geometric.data import Data

from graphmarl.data import Trajectory
from graphmarl.functional import linear, masked_mean
from graphmarl.learners.off_policy import OffPolicy, one_hot_action, team_reward
from graphmarl.nn import (
    Actor,
    AgentNetwork,
    CentralCritic,
    FrozenEncoder,
    SquashedNormal,
    no_memory,
)
from graphmarl.ranges import NonNegativeFloat, PositiveFloat, UnitInterval


class DDPG(OffPolicy):
    r"""Deterministic policy gradients with a centralised critic (MADDPG, eqs. 5-6).

    .. math::
        L &= (Q(s, a) - r - \gamma Q^-(s', a'))^2, \qquad
        J = Q(s, \mu(o_1), ..., \mu(o_N)) - c \, \overline{z^2}

    where the last term regularises the policies, as in the code of PIC. Discrete actions are
    straight-through Gumbel-softmax samples. The team reward is the mean over agents; critics of
    single agents learn from their own rewards. Unlike in that code, z are the log-probabilities of
    the available actions instead of unnormalised logits, actions are samples unless they are
    `relaxed`, and the greedy policy has no noise.

    Args:
        network: actor of every agent.
        critic: centralised critic of the joint action, with a target network.
        gamma: discount.
        gumbel_temperature: temperature of the Gumbel-softmax.
        actions: discrete actions are `sampled`, or `relaxed` as in the code of PIC: the critic is
            trained on softmax((logits + noise) / gumbel_temperature), of which the environment
            takes the largest, and so is the policy.
        target_action: next actions a' of discrete policies: `sampled`, or the probabilities
            (`relaxed`), without noise, as in the code of PIC.
        target_actor: next actions are those of a target network of the actor (MADDPG) instead of
            the current actor (PIC).
        noise: initial standard deviation of the exploration noise on continuous actions.
        final_noise: standard deviation at the end of the run, by linear annealing.
        regulariser: c, weight of the squared log-probabilities, or of the squared pre-tanh means of
            continuous actions.
        shuffle: permute the agents of the critic's input at random in each batch (MADDPGS).
        reward_scale: factor on all rewards.
        learner: arguments of `OffPolicy`.

    Raises:
        ValueError: a network with memory, or a number out of range.
    """

    loss_names = ("critic", "policy")
    critic: CentralCritic

    def __init__(
        self,
        network: AgentNetwork,
        critic: CentralCritic,
        *,
        gamma: UnitInterval = 0.95,
        gumbel_temperature: PositiveFloat = 1.0,
        actions: Literal["sampled", "relaxed"] = "sampled",
        target_action: Literal["sampled", "relaxed"] = "sampled",
        target_actor: bool = False,
        noise: NonNegativeFloat = 0.3,
        final_noise: NonNegativeFloat = 0.05,
        regulariser: NonNegativeFloat = 1e-3,
        shuffle: bool = False,
        reward_scale: PositiveFloat = 1.0,
        **learner: Any,
    ) -> None:
        super().__init__(network, **learner)
        if self.episodic:
            raise ValueError("deterministic gradients learn from single transitions, no memory")
        self.add_target("critic", critic)
        if target_actor:
            self.add_target("network", network)
        self.actions, self.target_action, self.target_actor = actions, target_action, target_actor
        self.gamma, self.gumbel_temperature, self.shuffle = gamma, gumbel_temperature, shuffle
        self.noise, self.final_noise = noise, final_noise
        self.regulariser, self.reward_scale = regulariser, reward_scale

    def share_encoder(self) -> None:
        """Let actors read pictures by the encoders of the critics, current and target.

        An encoder is trained by the loss of the critic alone, as in DrQ.
        """
        pairs = [(self.network, self.critic)]
        if self.target_actor:
            pairs.append((self.targets["network"], self.targets["critic"]))  # type: ignore[arg-type]
        for actor, critic in pairs:
            assert isinstance(actor, Actor), "made by the method"
            actor.inputs.observation = FrozenEncoder(critic.observation)

    def act(
        self, graph: Data, memory: Float[Tensor, "row memory"], greedy: bool = False
    ) -> tuple[Tensor, dict[str, Tensor], Float[Tensor, "row memory"]]:
        """Actions of the actors, with exploration noise unless greedy."""
        output, memory = self.network(graph, memory)
        policy = output.distribution
        assert policy is not None, "an actor has a policy"
        action = policy.mode
        if not greedy and isinstance(policy, SquashedNormal):
            std = linear(self.noise, self.final_noise, float(self.progress))
            action = (action + std * torch.randn_like(action)).clamp(-1, 1)
        elif not greedy and self.actions == "sampled":
            action = policy.sample()
        stored = output.stored
        if self.actions == "relaxed" and isinstance(policy, Categorical):
            relaxed = policy.probs if greedy else self._perturbed(policy.logits)
            action, stored = relaxed.argmax(-1), {**stored, "relaxed": relaxed}
        return action, stored, memory

    def _perturbed(self, logits: Tensor) -> Tensor:
        """Sample of the Gumbel-softmax; one-hot with straight-through gradients if sampled."""
        return F.gumbel_softmax(logits, self.gumbel_temperature, hard=self.actions == "sampled")

    def losses(self, batch: Trajectory) -> dict[str, Tensor]:
        """TD error of the critic, and the policy loss under the fixed critic."""
        return self.losses_of_part(batch, batch)

    @property
    def divisible(self) -> bool:
        """Whether a batch may be divided; a permutation of the agents is of a whole one."""
        return not self.shuffle

    def losses_of_part(self, batch: Trajectory, whole: Trajectory) -> dict[str, Tensor]:
        """Terms of both losses that belong to a part of a batch."""
        graph, agents = batch.graph(0), batch.spec.num_agents
        order = torch.randperm(agents, device=graph.alive.device) if self.shuffle else None
        done = graph.relaxed if "relaxed" in graph else one_hot_action(graph.action, batch.spec)
        q = self.critic(graph, done, order)
        valid = batch.acted[0] if q.ndim == 2 else batch.acted[0].any(-1)
        all_valid = whole.acted[0] if q.ndim == 2 else whole.acted[0].any(-1)
        self.estimate = masked_mean(q, valid, all_valid)
        error = masked_mean((q - self._target(batch, order)) ** 2, valid, all_valid)
        action, z = self._sample_action(graph)
        self.critic.requires_grad_(False)
        gain = self.critic.gain(graph, done, action, order)
        self.critic.requires_grad_(True)
        z_squared = masked_mean((z**2).mean(-1), batch.acted[0].flatten(), whole.acted[0])
        return {
            "critic": error,
            "policy": self.regulariser * z_squared - masked_mean(gain, valid, all_valid),
        }

    @torch.no_grad()
    def _target(self, batch: Trajectory, order: Tensor | None) -> Tensor:
        """TD target r + gamma Q^-(s', a'), without bootstrap after termination."""
        next_graph = batch.graph(1)
        actor = self.targets["network"] if self.target_actor else self.network
        policy = actor(next_graph, no_memory(next_graph))[0].distribution
        if isinstance(policy, Categorical) and self.target_action == "relaxed":
            action = policy.probs
        else:
            action = self._action_of(policy)[0]
        q = self.targets["critic"](next_graph, action, order)
        if q.ndim == 2:
            reward, continues = batch.reward[0], batch.survived[0] & ~batch.terminated[0][:, None]
        else:
            reward = team_reward(batch)[0] / batch.spec.num_agents
            continues = ~batch.terminated[0]
        return reward * self.reward_scale + self.gamma * continues * q

    def _sample_action(
        self, graph: Data
    ) -> tuple[Float[Tensor, "row action"], Float[Tensor, "row number"]]:
        """Differentiable actions of the actors, and the regularised z."""
        action, z = self._action_of(self.network(graph, no_memory(graph))[0].distribution)
        if "available" in graph:
            z = z.masked_fill(~graph.available, 0)
        return action, z

    def _action_of(self, policy: Distribution | None) -> tuple[Tensor, Tensor]:
        """Differentiable actions, and log-probabilities or pre-tanh means."""
        if isinstance(policy, SquashedNormal):
            return policy.mode, policy.normal.mean
        assert isinstance(policy, Categorical), "discrete or squashed"
        return self._perturbed(policy.logits), policy.logits

    def clip_groups(self) -> list[list[nn.Parameter]]:
        """Separate gradient-norm clipping of actor and critic."""
        return [list(m.parameters()) for m in (self.network, self.critic)]
