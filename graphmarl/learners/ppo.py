"""Proximal policy optimisation over agent graphs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch_geometric.data import Data

from graphmarl.data import Trajectory
from graphmarl.functional import (
    clipped_surrogate,
    fill_dead,
    generalised_advantage,
    linear,
    masked_mean,
    masked_standardise,
    value_error,
)
from graphmarl.learners.diagnostics import TeamGradients
from graphmarl.learners.minibatch import Minibatch
from graphmarl.learners.on_policy import OnPolicy
from graphmarl.learners.value_normalizer import ValueNormalizer
from graphmarl.nn import AgentNetwork, Output, action_log_prob, choose_action
from graphmarl.ranges import (
    LearningRate,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    UnitInterval,
)

Reward = Literal["agent", "team", "team_to_end"]


class PPO(OnPolicy):
    """Proximal policy optimisation with shared parameters (Schulman et al. 2017; NVIF, Alg. 2).

    Advantages and returns are per agent; minibatches consist of whole graphs, so that any network
    can pass messages in training. With one epoch and no clipping it is A2C.

    Args:
        network: actor-critic of every agent.
        learning_rate: initial learning rate, annealed linearly.
        final_learning_rate: learning rate at the end of the run, relative to its start.
        gamma: discount.
        gae_lambda: lambda of generalised advantage estimation.
        clip_range: clip range of the probability ratio; None for no clipping.
        entropy_coef: initial weight of the entropy bonus, annealed linearly.
        final_entropy_coef: entropy coefficient at the end of the run, relative to its start.
        value_coef: weight of the value loss.
        value_target: `monte_carlo` is the discounted return, bootstrapped where an episode is cut
            (NVIF, eq. 17); `lambda` is the lambda return.
        clip_range_vf: clip range of the change of a value, as in the code of MAPPO; None for no
            clipping.
        huber_delta: error above which the value loss is linear, as in the code of MAPPO, where it
            is 10; None for the squared error.
        normalize_value: the critic's outputs are values standardised by running statistics, as in
            the code of MAPPO (PopArt without its correction of weights).
        epochs: epochs over each trajectory.
        minibatch_size: agent slots per optimiser step.
        max_grad_norm: maximum gradient norm.
        optimizer: `adam`, or `rmsprop` with a smoothing of 0.99.
        optimizer_eps: term that is added to the denominator of each step, as in the code of PPO.
        normalize_advantage: standardise the advantages of each trajectory.
        reward_scale: factor on all rewards.
        reward: `agent` is each agent's own reward; `team` is the mean over agents, the team reward
            up to a constant. With both, the return of an agent ends with its death;
            `team_to_end` is the team reward up to the end of the episode, where the value of a dead
            agent is the mean value of the live ones.
        rollout_length: steps per trajectory.
        chunk_length: steps through which recurrent networks are trained, from the memory with which
            they acted; None for whole trajectories.
    """

    def __init__(
        self,
        network: AgentNetwork,
        *,
        learning_rate: LearningRate = 5e-4,
        final_learning_rate: NonNegativeFloat = 0.05,
        gamma: UnitInterval = 0.97,
        gae_lambda: UnitInterval = 0.95,
        clip_range: PositiveFloat | None = 0.2,
        entropy_coef: NonNegativeFloat = 0.01,
        final_entropy_coef: NonNegativeFloat = 0.1,
        value_coef: NonNegativeFloat = 0.5,
        value_target: Literal["monte_carlo", "lambda"] = "lambda",
        clip_range_vf: PositiveFloat | None = None,
        huber_delta: PositiveFloat | None = None,
        normalize_value: bool = False,
        epochs: PositiveInt = 5,
        minibatch_size: PositiveInt = 2048,
        max_grad_norm: PositiveFloat = 0.5,
        optimizer: Literal["adam", "rmsprop"] = "adam",
        optimizer_eps: PositiveFloat = 1e-5,
        normalize_advantage: bool = True,
        reward_scale: PositiveFloat = 0.3,
        reward: Reward = "agent",
        rollout_length: PositiveInt = 50,
        chunk_length: PositiveInt | None = None,
    ) -> None:
        super().__init__(network, rollout_length, epochs, minibatch_size, chunk_length)
        self.learning_rate, self.final_learning_rate = learning_rate, final_learning_rate
        self.gamma, self.gae_lambda, self.clip_range = gamma, gae_lambda, clip_range
        self.entropy_coef, self.final_entropy_coef = entropy_coef, final_entropy_coef
        self.value_coef, self.value_target = value_coef, value_target
        self.clip_range_vf, self.huber_delta = clip_range_vf, huber_delta
        self.max_grad_norm = max_grad_norm
        self.optimizer, self.optimizer_eps = optimizer, optimizer_eps
        self.normalize_advantage = normalize_advantage
        self.reward_scale, self.reward = reward_scale, reward
        self.value_normalizer = ValueNormalizer() if normalize_value else None

    def parameter_groups(self) -> list[tuple[list[nn.Parameter], float]]:
        """Groups of the parameters that are not frozen, each with its learning rate."""
        return [([p for p in self.parameters() if p.requires_grad], self.learning_rate)]

    def configure_optimizers(self) -> Any:
        """Optimiser of all parameter groups."""
        groups = [{"params": group, "lr": rate} for group, rate in self.parameter_groups()]
        if self.optimizer == "rmsprop":
            return torch.optim.RMSprop(groups, alpha=0.99, eps=self.optimizer_eps)
        return torch.optim.Adam(groups, eps=self.optimizer_eps, fused=True)

    def act(
        self, graph: Data, memory: Float[Tensor, "row memory"], greedy: bool = False
    ) -> tuple[Tensor, dict[str, Tensor], Float[Tensor, "row memory"]]:
        """Sample from the policy, or take its mode; stores log-probability and value."""
        output, next_memory = self.network(graph, memory)
        policy = output.distribution
        assert policy is not None, "an actor has a policy"
        action, drawn = choose_action(policy, greedy)
        output.stored |= drawn
        stored = output.stored | self.stored_outputs(graph, output, action)
        if self.chunk_length:
            stored["memory"] = memory
        return action, stored, next_memory

    def stored_outputs(self, graph: Data, output: Output, action: Tensor) -> dict[str, Tensor]:
        """Tensors to store with an action: its log-probability and the value."""
        assert output.distribution is not None, "an actor has a policy"
        gaussian = output.stored.get("gaussian_action")
        log_prob = action_log_prob(output.distribution, action, gaussian)
        return {"log_prob": log_prob, "value": self.value_of(graph, output, action)}

    def values(self, output: Float[Tensor, "*axes"]) -> Float[Tensor, "*axes"]:
        """Values in units of the rewards, from outputs of the critic."""
        normalizer = self.value_normalizer
        return output if normalizer is None else normalizer.denormalize(output)

    def last_value(
        self, graph: Data, memory: Float[Tensor, "row memory"]
    ) -> Float[Tensor, " row"] | None:
        """Value of the state after the last transition."""
        return self.network(graph, memory)[0].value

    def rewards(self, trajectory: Trajectory) -> Float[Tensor, "time env agent"]:
        """Scaled reward of each agent; 0 for agents that did not act."""
        reward = torch.where(trajectory.acted, trajectory.reward, 0.0) * self.reward_scale
        if self.reward == "agent":
            return reward
        return reward.mean(-1, keepdim=True).expand_as(reward)

    def advantages(
        self, trajectory: Trajectory
    ) -> tuple[Float[Tensor, "time env agent"], Float[Tensor, "time env agent"]]:
        """Generalised advantage A_t and value target."""
        assert trajectory.last_value is not None, "the collector asked for the last value"
        reward = self.rewards(trajectory)
        v_t = self.values(trajectory.stored["value"])
        v_tp1 = torch.cat([v_t[1:], self.values(trajectory.last_value)[None]])
        continues = trajectory.survived & ~trajectory.terminated[..., None]
        if self.reward == "team_to_end":
            continues = (~trajectory.terminated)[..., None].expand_as(continues)
            v_t = fill_dead(v_t, trajectory.alive)
            v_tp1 = fill_dead(v_tp1, trajectory.survived)
        continues = continues.to(reward.dtype)
        same = ~(trajectory.terminated | trajectory.truncated) & trajectory.valid
        trace = self.gamma * continues * same[..., None]
        discount = self.gamma * continues
        advantage = generalised_advantage(reward, discount, self.gae_lambda * trace, v_t, v_tp1)
        if self.value_target == "lambda":
            return advantage, advantage + v_t
        return advantage, generalised_advantage(reward, discount, trace, v_t, v_tp1) + v_t

    def update(self, trajectory: Trajectory) -> dict[str, float]:
        """Several epochs over one trajectory; returns mean metrics of the minibatches."""
        optimizer: Any = self.optimizers()
        progress = trajectory.progress
        decay = linear(1, self.final_learning_rate, progress)
        bonus = self.entropy_coef * linear(1, self.final_entropy_coef, progress)
        for group, (_, rate) in zip(optimizer.param_groups, self.parameter_groups(), strict=True):
            group["lr"] = rate * decay
        advantage, target = self.advantages(trajectory)
        if self.value_normalizer is not None:
            self.value_normalizer.update(target[trajectory.acted])
            target = self.value_normalizer.normalize(target)
        scaled = advantage
        if self.normalize_advantage:
            scaled = masked_standardise(advantage, trajectory.acted)
        collected: list[dict[str, Tensor]] = []
        gradients = TeamGradients(self.network)
        trained = [p for p in self.parameters() if p.requires_grad]
        for pick in self.minibatches(trajectory):
            found: dict[str, Tensor] = {}
            given = trajectory, pick, (scaled, target, advantage), bonus
            losses = self._losses(*given, found, None if collected else gradients)
            found["gradient"] = self.optimise(optimizer, losses, self.max_grad_norm, [trained])
            collected.append(found)
        means = torch.stack([torch.stack([*each.values()]) for each in collected]).mean(0).tolist()
        return dict(zip(collected[0], means, strict=True)) | {
            "cosine_team_agent": float(gradients.cosine()),
            "learning_rate": self.learning_rate * decay,
        }

    def _losses(
        self,
        trajectory: Trajectory,
        pick: Tensor,
        targets: tuple[Tensor, Tensor, Tensor],
        bonus: float,
        found: dict[str, Tensor],
        gradients: TeamGradients | None,
    ) -> Iterator[Tensor]:
        """Loss of a minibatch, in parts whose messages fit the cache; adds to the metrics found."""
        scaled, target, advantage = targets
        total = trajectory.acted.flatten(0, 1)[pick].sum()
        parts = self.parts(trajectory, pick)
        for part in parts:
            rows = Minibatch(trajectory, part, scaled, target)
            share = rows.acted.sum() / total if len(parts) > 1 else torch.ones(())
            log_prob, entropy, value, extra = self.evaluate(trajectory, part)
            if gradients is not None:
                gradients.add(log_prob, rows, Minibatch(trajectory, part, advantage), share)
            loss, metrics = self.loss(log_prob, entropy, value, rows, bonus)
            for name, more in self.extra_losses(extra, rows).items():
                loss, metrics[name] = loss + more, more
            for name, metric in metrics.items():
                found[name] = found.get(name, 0.0) + share * metric.detach()
            yield share * loss

    def loss(
        self, log_prob: Tensor, entropy: Tensor, value: Tensor, rows: Minibatch, bonus: float
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Loss of PPO with an entropy bonus of the given weight, and metrics."""
        log_ratio = log_prob - rows.log_prob
        gain = masked_mean(
            clipped_surrogate(log_ratio, rows.advantage, self.clip_range), rows.acted
        )
        error = self.value_error(value, rows)
        mean_entropy = masked_mean(entropy, rows.acted)
        loss = -gain + self.value_coef * error - bonus * mean_entropy
        divergence = masked_mean(log_ratio.exp() - 1 - log_ratio, rows.acted)
        return loss, {
            "policy_loss": -gain,
            "value_loss": error,
            "entropy": mean_entropy,
            "kl": divergence,
        }

    def value_error(self, value: Tensor, rows: Minibatch) -> Float[Tensor, ""]:
        """Mean error of the critic's outputs."""
        each = value_error(value, rows.target, rows.value, self.clip_range_vf, self.huber_delta)
        return masked_mean(each, rows.acted)

    def extra_losses(self, extra: dict[str, Tensor], rows: Minibatch) -> dict[str, Tensor]:
        """Further losses of a method, weighted, by the names of their metrics; none by default.

        Args:
            extra: `Output.extra` of the network, one row per agent.
            rows: the minibatch; losses are means over `rows.acted`.
        """
        return {}
