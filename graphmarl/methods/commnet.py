"""CommNet: Sukhbaatar et al. 2016, "Learning Multiagent Communication with Backpropagation"."""

from __future__ import annotations

from typing import Any

from graphmarl.learners import PPO
from graphmarl.nn import ActorCritic, CommNetCommunication
from graphmarl.step import Spec, require_discrete


class CommNet(PPO):
    r"""Actor-critic whose agents tell each other all they know and hear the mean of it (eqs. 1-3).

    .. math::
        h_i^{k+1} = \tanh \left( H^k h_i^k + C^k \, \mathrm{mean}_j h_j^k + S^k h_i^0 + b^k \right)

    The mean is over the neighbours in the agent graph, which is complete in the paper. Unlike the
    paper, in whose first layer nobody hears anything yet, every round is one of communication, and
    the policy reads the observation beside the last state. Unlike the paper, whose learner is
    REINFORCE with a baseline, this is PPO with the settings of IPPO, so that the messages are the
    only difference from it. With a memory, h_i^0 reads it: unlike in the paper, where each round
    is a step of time, agents with memory have all their rounds in every step.

    Args:
        spec: shapes of the environment.
        hidden: width of every layer.
        message: numbers in each message, the size of h_i.
        rounds: communications in each step, with weights of their own.
        skip: let every round read h_i^0, the paper's skip connection.
        recurrent: give agents a memory (GRU), which their messages then depend on.
        learner: arguments of `PPO`.

    Raises:
        ValueError: fewer than one round, or actions that are not discrete.
    """

    default_graph = "complete"

    def __init__(
        self,
        spec: Spec,
        hidden: int = 128,
        message: int = 64,
        rounds: int = 2,
        skip: bool = True,
        recurrent: bool = False,
        **learner: Any,
    ) -> None:
        require_discrete(spec, "CommNet")
        if rounds < 1:
            raise ValueError(f"rounds is {rounds}; allowed are 1 and more communications")
        known = spec.obs_size + (hidden if recurrent else 0)
        network = ActorCritic(
            spec.obs_size,
            spec.num_actions,
            hidden=hidden,
            communication=CommNetCommunication(known, message, rounds, skip),
            recurrent=recurrent,
        )
        super().__init__(network, **learner)
