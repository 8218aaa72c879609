"""Proximal policy optimisation over agent graphs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_
from torch_geometric.data import Data

from graphmarl.data import Trajectory
from graphmarl.functional import (
    clipped_surrogate,
    cosine,
    generalised_advantage,
    inherited,
    linear,
    masked_mean,
    masked_standardise,
)
from graphmarl.learners.base import Learner
from graphmarl.nn import AgentNetwork, Output

Reward = Literal["agent", "team", "team_to_end"]


class PPO(Learner):
    """PPO (Schulman et al. 2017) with parameters shared by all agents (NVIF, Algorithm 2).

    Each agent has its own advantage and return; minibatches are whole graphs, so that any network
    can pass messages in training. A2C is one epoch without a clip.

    Args:
        network: policy and value of every agent.
        learning_rate: of the optimiser; falls linearly to `final_learning_rate` of itself.
        final_learning_rate: share of the learning rate that is left at the end of the run.
        gamma: discount.
        gae_lambda: lambda of the generalised advantage.
        clip_range: clip range of the probability ratio; None for no clip.
        entropy_coef: weight of the entropy bonus; falls linearly to `final_entropy_coef` of itself.
        final_entropy_coef: share of the entropy bonus that is left at the end of the run.
        value_coef: weight of the value loss.
        value_target: `monte_carlo` is the discounted return, with the value after the last step
            where an episode is cut (NVIF, eq. 17); `lambda` is the lambda return.
        epochs: times that each trajectory is seen.
        minibatch_size: agent slots in each optimiser step.
        max_grad_norm: largest norm of the gradient.
        optimizer: `adam`, or `rmsprop` with a smoothing of 0.99.
        normalize_advantage: shift and scale the advantages of a trajectory to mean 0 and variance
            1.
        reward_scale: factor on every reward before learning.
        reward: `agent` gives each agent its own reward; `team` gives all of them the sum over
            agents divided by their number, which is the team reward up to a constant. With either
            an agent's return ends when it dies; with `team_to_end` it goes on to the end of the
            episode, and what the dead have to expect is the mean of what the living expect.
        rollout_length: steps of each trajectory.
    """

    def __init__(
        self,
        network: AgentNetwork,
        *,
        learning_rate: float = 5e-4,
        final_learning_rate: float = 0.05,
        gamma: float = 0.97,
        gae_lambda: float = 0.95,
        clip_range: float | None = 0.2,
        entropy_coef: float = 0.01,
        final_entropy_coef: float = 0.1,
        value_coef: float = 0.5,
        value_target: Literal["monte_carlo", "lambda"] = "lambda",
        epochs: int = 5,
        minibatch_size: int = 2048,
        max_grad_norm: float = 0.5,
        optimizer: Literal["adam", "rmsprop"] = "adam",
        normalize_advantage: bool = True,
        reward_scale: float = 0.3,
        reward: Reward = "agent",
        rollout_length: int = 50,
    ) -> None:
        super().__init__(network, rollout_length)
        self.learning_rate, self.final_learning_rate = learning_rate, final_learning_rate
        self.gamma, self.gae_lambda, self.clip_range = gamma, gae_lambda, clip_range
        self.entropy_coef, self.final_entropy_coef = entropy_coef, final_entropy_coef
        self.value_coef, self.value_target = value_coef, value_target
        self.epochs, self.minibatch_size, self.max_grad_norm = epochs, minibatch_size, max_grad_norm
        self.optimizer, self.normalize_advantage = optimizer, normalize_advantage
        self.reward_scale, self.reward = reward_scale, reward

    def parameter_groups(self) -> list[tuple[list[nn.Parameter], float]]:
        """The parameters that are not frozen, in groups with the learning rate of each."""
        return [([p for p in self.parameters() if p.requires_grad], self.learning_rate)]

    def configure_optimizers(self) -> Any:
        """The optimiser of all groups of parameters."""
        groups = [{"params": some, "lr": rate} for some, rate in self.parameter_groups()]
        if self.optimizer == "rmsprop":
            return torch.optim.RMSprop(groups, alpha=0.99, eps=1e-5)
        return torch.optim.Adam(groups, eps=1e-5)

    def act(
        self, graph: Data, memory: Float[Tensor, "row memory"], greedy: bool = False
    ) -> tuple[Tensor, dict[str, Tensor], Float[Tensor, "row memory"]]:
        """Sample from the policy, or take its mode; store log-probability and value."""
        output, memory = self.network(graph, memory)
        policy = output.distribution
        assert policy is not None, "an actor has a policy"
        action = policy.mode if greedy else policy.sample()
        return action, output.stored | self.kept(graph, output, action), memory

    def kept(self, graph: Data, output: Output, action: Tensor) -> dict[str, Tensor]:
        """What is stored with an action: its log-probability and the value."""
        assert output.distribution is not None, "an actor has a policy"
        log_prob = output.distribution.log_prob(action)
        return {"log_prob": log_prob, "value": self.value_of(graph, output, action)}

    def value_of(self, graph: Data, output: Output, action: Tensor) -> Float[Tensor, " row"]:
        """Value of each row when all do these actions, which a critic need not read."""
        assert output.value is not None, "an actor comes with a critic"
        return output.value

    def last_value(
        self, graph: Data, memory: Float[Tensor, "row memory"]
    ) -> Float[Tensor, " row"] | None:
        """Value after the last transition."""
        return self.network(graph, memory)[0].value

    def rewards(self, trajectory: Trajectory) -> Float[Tensor, "time env agent"]:
        """What each agent learns from, scaled; those who did not act are paid nothing."""
        reward = torch.where(trajectory.acted, trajectory.reward, 0.0) * self.reward_scale
        if self.reward == "agent":
            return reward
        return reward.mean(-1, keepdim=True).expand_as(reward)

    def advantages(
        self, trajectory: Trajectory
    ) -> tuple[Float[Tensor, "time env agent"], Float[Tensor, "time env agent"]]:
        """The generalised advantage A_t and the target of the value."""
        assert trajectory.last_value is not None, "the collector asked for the last value"
        reward = self.rewards(trajectory)
        v_t = trajectory.stored["value"]
        v_tp1 = torch.cat([v_t[1:], trajectory.last_value[None]])
        goes_on = trajectory.survived & ~trajectory.terminated[..., None]
        if self.reward == "team_to_end":
            goes_on = (~trajectory.terminated)[..., None].expand_as(goes_on)
            v_t = inherited(v_t, trajectory.alive)
            v_tp1 = inherited(v_tp1, trajectory.survived)
        goes_on = goes_on.to(reward.dtype)
        same = ~(trajectory.terminated | trajectory.truncated) & trajectory.valid
        trace = self.gamma * goes_on * same[..., None]
        discount = self.gamma * goes_on
        advantage = generalised_advantage(reward, discount, self.gae_lambda * trace, v_t, v_tp1)
        if self.value_target == "lambda":
            return advantage, advantage + v_t
        return advantage, generalised_advantage(reward, discount, trace, v_t, v_tp1) + v_t

    def update(self, trajectory: Trajectory) -> dict[str, float]:
        """Several epochs over one trajectory; returns the means over their minibatches."""
        optimizer: Any = self.optimizers()
        progress = trajectory.progress
        share = linear(1, self.final_learning_rate, progress)
        bonus = self.entropy_coef * linear(1, self.final_entropy_coef, progress)
        for group, (_, rate) in zip(optimizer.param_groups, self.parameter_groups(), strict=True):
            group["lr"] = rate * share
        advantage, target = self.advantages(trajectory)
        wanted = advantage
        if self.normalize_advantage:
            wanted = masked_standardise(advantage, trajectory.acted)
        collected: list[Tensor] = []
        names: list[str] = []
        agreement = torch.zeros(())
        for number, pick in enumerate(self.minibatches(trajectory)):
            rows = _Rows(trajectory, pick, wanted, target)
            log_prob, entropy, value = self.evaluate(trajectory, pick)
            if number == 0:
                agreement = self.agreement(log_prob, rows, _Rows(trajectory, pick, advantage))
            loss, parts = self.loss(log_prob, entropy, value, rows, bonus)
            optimizer.zero_grad()
            self.manual_backward(loss)
            norm = clip_grad_norm_(self.parameters(), self.max_grad_norm)
            optimizer.step()
            parts["gradient"] = norm
            names = list(parts)
            collected.append(torch.stack([part.detach() for part in parts.values()]))
        means = torch.stack(collected).mean(0).tolist()
        return dict(zip(names, means, strict=True)) | {
            "cosine_team_agent": float(agreement),
            "learning_rate": self.learning_rate * share,
        }

    def minibatches(self, trajectory: Trajectory) -> Iterator[Int[Tensor, " pick"]]:
        """Numbers of the graphs of each optimiser step, in a new order in every epoch.

        A network with trained memory gets whole environments, all others any graphs.
        """
        num_envs, device = trajectory.num_envs, trajectory.alive.device
        agents = trajectory.spec.num_agents
        if self.network.sequential:
            units = torch.arange(num_envs, device=device)
            size = max(1, self.minibatch_size // (agents * trajectory.num_steps))
        else:
            units = trajectory.acted.any(-1).flatten().nonzero().flatten()
            size = max(1, self.minibatch_size // agents)
        for _ in range(self.epochs):
            order = units[torch.randperm(len(units)).to(device)]
            for some in order.split(size):
                if self.network.sequential:
                    times = torch.arange(trajectory.num_steps, device=device) * num_envs
                    some = (times[:, None] + some).flatten()
                yield some

    def evaluate(
        self, trajectory: Trajectory, pick: Int[Tensor, " pick"]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Log-probability of what was done, entropy and value, for each row of the graphs."""
        if not self.network.sequential:
            return self._evaluate(trajectory, pick, None)[:3]
        memory = trajectory.memory.unflatten(0, (trajectory.num_envs, -1))
        parts = []
        now = memory[pick[: len(pick) // trajectory.num_steps]].flatten(0, 1)
        for some in pick.view(trajectory.num_steps, -1):
            *part, now = self._evaluate(trajectory, some, now)
            parts.append(part)
        log_prob, entropy, value = (torch.cat(each) for each in zip(*parts, strict=True))
        return log_prob, entropy, value

    def _evaluate(
        self, trajectory: Trajectory, pick: Tensor, memory: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        graph = trajectory.graph(pick)
        rows = len(graph.alive)
        if memory is None:
            memory = torch.zeros(rows, self.memory_size, device=graph.alive.device)
        assert memory is not None, "set above where it was missing"
        first = (graph.time == 0).repeat_interleave(trajectory.spec.num_agents)
        output, following = self.network(graph, memory.masked_fill(first[:, None], 0))
        policy = output.distribution
        assert policy is not None, "an actor has a policy"
        value = self.value_of(graph, output, graph.action)
        return policy.log_prob(graph.action), policy.entropy(), value, following

    def loss(
        self, log_prob: Tensor, entropy: Tensor, value: Tensor, rows: _Rows, bonus: float
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of PPO and its parts."""
        log_ratio = log_prob - rows.log_prob
        gain = masked_mean(
            clipped_surrogate(log_ratio, rows.advantage, self.clip_range), rows.acted
        )
        error = masked_mean((value - rows.target) ** 2, rows.acted)
        spread = masked_mean(entropy, rows.acted)
        loss = -gain + self.value_coef * error - bonus * spread
        divergence = masked_mean(log_ratio.exp() - 1 - log_ratio, rows.acted)
        return loss, {
            "policy_loss": -gain,
            "value_loss": error,
            "entropy": spread,
            "kl": divergence,
        }

    def agreement(self, log_prob: Tensor, rows: _Rows, raw: _Rows) -> Tensor:
        """Cosine of the policy gradients of the team reward and of the agents' own (NVIF, eq. 24).

        By eq. 23 the team's advantage is the sum of the agents', which every agent then shares.
        """
        own = torch.where(rows.acted, raw.advantage, torch.zeros_like(raw.advantage))
        team = own.view(-1, rows.num_agents).sum(1, keepdim=True).expand(-1, rows.num_agents)
        trained = [p for p in self.network.parameters() if p.requires_grad]
        gradients = [
            torch.autograd.grad(
                masked_mean(log_prob * advantage, rows.acted),
                trained,
                retain_graph=True,
                allow_unused=True,
            )
            for advantage in (own, team.flatten())
        ]
        return cosine(*gradients)


class _Rows:
    """What the loss needs of some graphs of a trajectory, one entry per agent."""

    def __init__(
        self, trajectory: Trajectory, pick: Tensor, advantage: Tensor, target: Tensor | None = None
    ) -> None:
        def take(value: Tensor) -> Tensor:
            return value.flatten(0, 1)[pick].flatten()

        self.num_agents = trajectory.spec.num_agents
        self.acted = take(trajectory.acted)
        self.log_prob = take(trajectory.stored["log_prob"])
        self.advantage = take(advantage)
        self.target = take(advantage if target is None else target)
