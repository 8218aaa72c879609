"""QTRAN: Son et al. 2019, "QTRAN: Learning to Factorize with Transformation"."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from graphmarl.data import Trajectory
from graphmarl.functional import greedy_action, masked_mean, taken
from graphmarl.learners import team_reward
from graphmarl.methods.q_agents import QAgents
from graphmarl.nn import JointCritic, Output
from graphmarl.ranges import NonNegativeFloat
from graphmarl.step import Spec


class QTRAN(QAgents):
    """Factorisation without monotonicity: a joint Q-value constrains the sum of per-agent Q-values.

    QTRAN-base (eqs. 4-6): L = L_td + w_opt L_opt + w_nopt L_nopt, with the greedy joint action u*,
    L_td = (r + gamma Q_jt^-(s', u*') - Q_jt(s, u))^2, L_opt = (sum_i Q_i(u*_i) - Q_jt(s, u*) + V)^2
    and L_nopt = min(sum_i Q_i(u_i) - Q_jt(s, u) + V, 0)^2, with Q_jt fixed in the last two.
    Reads no edges. Rewards are the team's, and u* is always that of the online network
    (`double_q`).

    Args:
        spec: specification of the environment; Q_jt reads the global state if there is one.
        opt: weight w_opt.
        nopt: weight w_nopt.
        agents: arguments of `QAgents`.
    """

    any_number = False

    loss_names = ("td", "opt", "nopt")

    def __init__(
        self, spec: Spec, opt: NonNegativeFloat = 1.0, nopt: NonNegativeFloat = 1.0, **agents: Any
    ) -> None:
        super().__init__(spec, **agents)
        hidden = self.network.hidden
        self.critic: JointCritic
        self.add_target("critic", JointCritic(hidden, spec.num_actions, spec.state_size, hidden))
        self.opt, self.nopt = opt, nopt

    def td_losses(self, batch: Trajectory, online: Output, target: Output) -> dict[str, Tensor]:
        """Weighted L_td, L_opt and L_nopt."""
        q = self.per_agent(batch, online.q)
        best = greedy_action(q.detach(), batch.available)
        joint_t = self._joint(self.critic, batch, online, batch.action)
        joint_best = self._joint(self.critic, batch, online, best).detach()
        joint_tp1 = self._joint(self.targets["critic"], batch, target, best)[1:]
        value = self._value(batch, online)
        mask = batch.acted.any(-1)[:-1]
        reward, continues = team_reward(batch)[:-1], ~batch.terminated[:-1]
        error = joint_t[:-1] - self.returns(batch, reward, continues, joint_tp1)
        self.estimate = masked_mean(joint_t[:-1], mask)
        sum_best = torch.where(batch.alive, taken(q, best), 0.0).sum(-1)
        sum_t = torch.where(batch.alive, taken(q, batch.action), 0.0).sum(-1)
        opt = (sum_best - joint_best + value)[:-1]
        nopt = (sum_t - joint_t.detach() + value)[:-1].clamp(max=0)
        return {
            "td": masked_mean(error**2, mask),
            "opt": self.opt * masked_mean(opt**2, mask),
            "nopt": self.nopt * masked_mean(nopt**2, mask),
        }

    def _joint(self, critic: Any, batch: Trajectory, output: Output, action: Tensor) -> Tensor:
        """Q_jt of a joint action at every step."""
        features, alive, state = self._critic_inputs(batch, output)
        return critic.joint(features, action.flatten(0, 1), alive, state).view(batch.time.shape)

    def _value(self, batch: Trajectory, output: Output) -> Tensor:
        """V_jt at every step."""
        return self.critic.value(*self._critic_inputs(batch, output)).view(batch.time.shape)

    def _critic_inputs(
        self, batch: Trajectory, output: Output
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        features = self.per_agent(batch, output.features).flatten(0, 1)
        state = None if batch.state is None else batch.state.flatten(0, 1)
        return features, batch.alive.flatten(0, 1), state
