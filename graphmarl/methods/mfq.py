"""MFQ: Yang et al. 2018, "Mean Field Multi-Agent Reinforcement Learning"."""

from typing import Any, Literal

from jaxtyping import Float
from torch import Tensor

from graphmarl.data import Trajectory
from graphmarl.methods.q_agents import QAgents
from graphmarl.nn import MeanAction
from graphmarl.ranges import NonNegativeFloat
from graphmarl.step import Spec


class MFQ(QAgents):
    """Mean-field Q-learning: Q-values conditioned on the neighbours' mean action.

    Q_i(o_i, a_i, mean_j a_j), with the last actions of the neighbours, and a Boltzmann policy
    pi ~ exp(Q / temperature) (eqs. 8, 11, 12). Neighbours are those of the agent graph;
    `--graph complete` is the mean over all agents. Unlike the paper's code, which acts greedily,
    actions are sampled from the policy in training; `epsilon` and `final_epsilon` are the initial
    and final temperature. Unlike the paper (eq. 9), but as in its code, targets use the maximum
    over next actions instead of the expectation under the policy, unless `next_value` is
    `expected`.

    Args:
        spec: specification of the environment.
        exploration: `boltzmann` as in the paper, or `epsilon`.
        final_epsilon: final temperature, or final probability of a random action.
        next_value: value of the next state: that of the `greedy` action, or the one `expected`
            under the exploration policy at its current temperature.
        agents: arguments of `QAgents`.
    """

    default_graph = "knn"
    sends_messages = True

    def __init__(
        self,
        spec: Spec,
        exploration: Literal["boltzmann", "epsilon"] = "boltzmann",
        final_epsilon: NonNegativeFloat = 0.1,
        next_value: Literal["greedy", "expected"] = "greedy",
        **agents: Any,
    ) -> None:
        super().__init__(
            spec,
            None,
            lambda _: MeanAction(spec.num_actions),
            exploration=exploration,
            final_epsilon=final_epsilon,
            **agents,
        )
        self.next_value = next_value

    def state_values(
        self, batch: Trajectory, chooses: Tensor, q: Tensor
    ) -> Float[Tensor, "time env agent"]:
        """Value of each state: of the greedy action, or expected under the policy."""
        if self.next_value == "greedy":
            return super().state_values(batch, chooses, q)
        return (self.action_probs(chooses, batch.available) * q).sum(-1)
