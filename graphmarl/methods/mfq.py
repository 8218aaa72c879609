"""MFQ: Yang et al. 2018, "Mean Field Multi-Agent Reinforcement Learning"."""

from typing import Any, Literal

from graphmarl.methods.q_agents import QAgents
from graphmarl.nn import MeanAction
from graphmarl.step import Spec


class MFQ(QAgents):
    """Mean-field Q: the value of an action beside the mean of the neighbours' last actions.

    Q_i(o_i, a_i, mean_j a_j) with a Boltzmann policy, pi ~ exp(Q / temperature) (eqs. 8, 11, 12).
    Neighbours are those of the graph: `--graph complete` is the mean over all agents. Unlike the
    paper's code, which computes the policy and then takes its best action, actions are drawn from
    it in training; `epsilon` and `final_epsilon` are the first and the last temperature. Unlike the
    paper (eq. 9), but as its code, the target takes the best next action and not the policy's mean.

    Args:
        spec: shapes of the environment.
        exploration: `boltzmann` as in the paper, or `epsilon`.
        final_epsilon: the last temperature, or the last probability of a random action.
        agents: arguments of `QAgents`.
    """

    default_graph = "knn"

    def __init__(
        self,
        spec: Spec,
        exploration: Literal["boltzmann", "epsilon"] = "boltzmann",
        final_epsilon: float = 0.1,
        **agents: Any,
    ) -> None:
        super().__init__(
            spec,
            None,
            lambda known: MeanAction(spec.num_actions),
            exploration=exploration,
            final_epsilon=final_epsilon,
            **agents,
        )
