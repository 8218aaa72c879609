"""Deep Q-learning over agent graphs, with or without a mixer."""

from __future__ import annotations

from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.nn import MessagePassing

from graphmarl.data import Trajectory
from graphmarl.functional import (
    greedy_action,
    lambda_return,
    linear,
    mask_logits,
    masked_mean,
    taken,
)
from graphmarl.learners.off_policy import OffPolicy, own_reward, team_reward
from graphmarl.nn import AgentNetwork, CategoricalPolicy, Mixer, Output, has_hooks
from graphmarl.ranges import NonNegativeFloat, PositiveFloat, UnitInterval


class QLearning(OffPolicy):
    """Deep Q-learning from a replay with shared parameters.

    Without a mixer each agent learns Q_i from its own reward; with a mixer, Q_tot is learned from
    the sum of rewards (QMIX: Rashid et al. 2018, eq. 6). Subclasses add losses by `extra_losses`,
    or override the temporal-difference loss by `td_losses`.

    Args:
        network: Q-network of every agent.
        mixer: mixer of the agents' Q-values to Q_tot; None for independent learners.
        gamma: discount.
        td_lambda: lambda of the TD(lambda) return, from whole episodes; 0 for one-step targets.
        double_q: double Q-learning: the online network selects the next action, the target network
            evaluates it.
        exploration: `epsilon` for epsilon-greedy, `boltzmann` for samples of
            softmax(q / temperature).
        epsilon: initial probability of a random action, or temperature.
        final_epsilon: final probability or temperature, after `exploration_fraction`.
        exploration_fraction: fraction of the run over which it is annealed linearly.
        reward_scale: factor on all rewards.
        reward: without a mixer, `agent` is each agent's own reward, `team` the mean over agents.
        learner: arguments of `OffPolicy`.

    Raises:
        ValueError: lambda returns with single transitions, or a temperature that is not positive.
    """

    loss_names = ("td",)
    ignores_target = False
    """Whether losses that a method adds read nothing of the target network."""
    reward: Literal["agent", "team"]

    def __init__(
        self,
        network: AgentNetwork,
        mixer: Mixer | None = None,
        *,
        gamma: UnitInterval = 0.99,
        td_lambda: UnitInterval = 0.0,
        double_q: bool = True,
        exploration: Literal["epsilon", "boltzmann"] = "epsilon",
        epsilon: NonNegativeFloat = 1.0,
        final_epsilon: NonNegativeFloat = 0.05,
        exploration_fraction: UnitInterval = 0.5,
        reward_scale: PositiveFloat = 1.0,
        reward: Literal["agent", "team"] = "agent",
        **learner: Any,
    ) -> None:
        super().__init__(network, **learner)
        self.add_target("network", network)
        if td_lambda and not self.episodic:
            raise ValueError(
                f"td_lambda is {td_lambda}; without sample 'episode' nothing follows a step"
            )
        for name, value in {"epsilon": epsilon, "final_epsilon": final_epsilon}.items():
            if exploration == "boltzmann" and not value > 0:
                raise ValueError(f"{name} is {value}; a temperature must be positive")
            if exploration == "epsilon" and value > 1:
                raise ValueError(f"{name} is {value}; allowed are probabilities, from 0 to 1")
        self.mixer = mixer
        if mixer is not None:
            self.add_target("mixer", mixer)
        self.gamma, self.td_lambda, self.double_q = gamma, td_lambda, double_q
        self.exploration, self.exploration_fraction = exploration, exploration_fraction
        self.epsilon, self.final_epsilon = epsilon, final_epsilon
        self.reward_scale, self.reward = reward_scale, reward

    @property
    def exploring(self) -> float:
        """Current probability of a random action, or temperature."""
        if not self.exploration_fraction:
            return self.final_epsilon
        return linear(
            self.epsilon, self.final_epsilon, float(self.progress) / self.exploration_fraction
        )

    def act(
        self, graph: Data, memory: Float[Tensor, "row memory"], greedy: bool = False
    ) -> tuple[Tensor, dict[str, Tensor], Float[Tensor, "row memory"]]:
        """Greedy action, or a sample of the exploration policy."""
        output, memory = self.network(graph, memory)
        assert output.q is not None, "a value method has action values"
        available = graph.available if "available" in graph else None
        action = greedy_action(output.q, available)
        if greedy:
            return action, output.stored, memory
        if self.exploration == "boltzmann":
            logits = mask_logits(output.q / self.exploring, available)
            return CategoricalPolicy(logits=logits).sample(), output.stored, memory
        uniform = CategoricalPolicy(
            logits=mask_logits(torch.zeros_like(output.q), available)
        ).sample()
        explore = torch.rand(action.shape, device=action.device) < self.exploring
        return torch.where(explore, uniform, action), output.stored, memory

    def action_probs(
        self, q: Float[Tensor, "*axes action"], available: Tensor | None
    ) -> Float[Tensor, "*axes action"]:
        """Probability of each action under the exploration policy.

        Args:
            q: Q-values.
            available: legal actions, or None where all are legal.
        """
        if self.exploration == "boltzmann":
            return mask_logits(q / self.exploring, available).softmax(-1)
        uniform = mask_logits(torch.zeros_like(q), available).softmax(-1)
        greedy = torch.zeros_like(q).scatter_(-1, greedy_action(q, available)[..., None], 1.0)
        return torch.lerp(greedy, uniform, self.exploring)

    def update(self, trajectory: Trajectory) -> dict[str, float]:
        """Store a trajectory and train on the replay; returns mean metrics of the updates."""
        return super().update(trajectory) | {"exploring": self.exploring}

    def losses(self, batch: Trajectory) -> dict[str, Tensor]:
        """Temporal-difference losses and extra losses."""
        if batch.num_steps == 2 and not self.network.sequential and not self._hooked():
            online, target = self._transition_outputs(batch)
        else:
            online = self.unroll(self.network, batch)
            with torch.no_grad():
                target = self.unroll(self.targets["network"], batch)
        return self.td_losses(batch, online, target) | self.extra_losses(batch, online, target)

    @property
    def divisible(self) -> bool:
        """Whether the loss is a mean over agents in single transitions, without messages seen."""
        plain = type(self).td_losses is QLearning.td_losses and self.loss_names == ("td",)
        return plain and self.mixer is None and not self.episodic and not self._hooked()

    def losses_of_part(self, batch: Trajectory, whole: Trajectory) -> dict[str, Tensor]:
        """The loss of a part of a batch, weighted by its share of the agents that acted."""
        losses = self.losses(batch)
        if batch is whole:
            return losses
        share = batch.acted[:-1].sum() / whole.acted[:-1].sum().clamp(min=1)
        self.estimate = self.estimate * share
        return {name: loss * share for name, loss in losses.items()}

    def _hooked(self) -> bool:
        """Whether hooks observe or cut the messages, perhaps those of all steps together."""
        return any(has_hooks(m) for m in self.network.modules() if isinstance(m, MessagePassing))

    def _transition_outputs(self, batch: Trajectory) -> tuple[Output, Output]:
        """Outputs of both networks for single transitions, without what no loss reads.

        The next states only choose and evaluate actions, and have no gradient. The target network
        evaluates the next states only, unless a method may read it elsewhere.
        """
        now, then = batch.graph(0), batch.graph(1)
        memory = batch.reward.new_zeros(len(now["alive"]), self.network.memory_size)
        online = [self.network(now, memory)[0]]
        network = self.targets["network"]
        with torch.no_grad():
            online.append(self.network(then, memory)[0])
            if self.reads_target_now:
                target = Output.joined([network(now, memory)[0], network(then, memory)[0]])
            else:
                q = network(then, memory)[0].q
                target = Output(q=torch.cat([torch.full_like(q, torch.nan), q]))
        return Output.joined(online), target

    @property
    def reads_target_now(self) -> bool:
        """Whether losses read the target network in the states in which actions were chosen."""
        kind = type(self)
        both = (kind.extra_losses, QLearning.extra_losses), (kind.td_losses, QLearning.td_losses)
        return not self.ignores_target and any(own is not base for own, base in both)

    def td_losses(self, batch: Trajectory, online: Output, target: Output) -> dict[str, Tensor]:
        """Squared temporal-difference error, as `td`."""
        q, q_target = self.per_agent(batch, online.q), self.per_agent(batch, target.q)
        chooses = (q if self.double_q else q_target).detach()
        q_t, v = taken(q, batch.action)[:-1], self.state_values(batch, chooses, q_target)
        v_tp1 = v[1:]
        if self.mixer is None:
            reward = own_reward(batch, self.reward)
            continues, mask = batch.survived & ~batch.terminated[..., None], batch.acted
        else:
            q_t = self._mixed("mixer", q_t, batch, slice(0, -1))
            v_tp1 = self._mixed("targets.mixer", v_tp1, batch, slice(1, None))
            reward, continues = team_reward(batch), ~batch.terminated
            mask = batch.acted.any(-1)
        error = q_t - self.returns(batch, reward[:-1], continues[:-1], v_tp1)
        self.estimate = masked_mean(q_t, mask[:-1])
        return {"td": masked_mean(error**2, mask[:-1])}

    def state_values(
        self, batch: Trajectory, chooses: Tensor, q: Tensor
    ) -> Float[Tensor, "time env agent"]:
        """Value of each state: that of the greedy action.

        Args:
            batch: the sampled steps.
            chooses: Q-values that select the action.
            q: Q-values by which it is evaluated, of the target network.
        """
        return taken(q, greedy_action(chooses, batch.available))

    def _mixed(self, name: str, q: Tensor, batch: Trajectory, times: slice) -> Tensor:
        """Q_tot at a range of steps, by the mixer or its target."""
        state = None if batch.state is None else batch.state[times].flatten(0, 1)
        alive = batch.alive[times].flatten(0, 1)
        return self.get_submodule(name)(q.flatten(0, 1), alive, state).unflatten(0, q.shape[:2])

    def returns(
        self, batch: Trajectory, reward: Tensor, continues: Tensor, v_tp1: Tensor
    ) -> Tensor:
        """One-step or lambda-return targets, without gradient."""
        discount = self.gamma * continues.to(v_tp1.dtype)
        reward = reward * self.reward_scale
        if not self.td_lambda:
            return (reward + discount * v_tp1).detach()
        trace = ~(batch.terminated | batch.truncated)[:-1] & batch.valid[:-1]
        trace[-1] = False
        trace = trace.view(*trace.shape, *[1] * (v_tp1.ndim - 2)).expand_as(v_tp1)
        return lambda_return(reward, discount, self.td_lambda * trace, v_tp1).detach()

    def extra_losses(self, batch: Trajectory, online: Output, target: Output) -> dict[str, Tensor]:
        """Further losses of a method, weighted, by name; none by default.

        Their names follow `td` in the class attribute `loss_names`, in the same order.

        Args:
            batch: the sampled steps; losses are means over `batch.acted` (time, env, agent).
            online: outputs of the online network, one row per agent, all steps in order.
            target: outputs of the target network.
        """
        return {}
