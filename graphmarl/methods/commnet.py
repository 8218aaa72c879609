"""CommNet: Sukhbaatar et al. 2016, "Learning Multiagent Communication with Backpropagation"."""

from __future__ import annotations

from typing import Any

from graphmarl.methods.ppo_agents import PPOAgents
from graphmarl.nn import CommNetCommunication
from graphmarl.ranges import Layers, Width
from graphmarl.step import Spec


class CommNet(PPOAgents):
    r"""PPO with rounds of mean-aggregated communication of hidden states.

    .. math::
        h_i^{k+1} = \tanh \left( H^k h_i^k + C^k \, \mathrm{mean}_j h_j^k + S^k h_i^0 + b^k \right)

    (eqs. 1-3). The mean is over the neighbours in the agent graph, which is complete in the paper.
    Unlike the paper, whose first layer has no communication, all rounds communicate, and the policy
    reads the observation together with the last hidden state. Unlike the paper, which trains by
    REINFORCE with a baseline, this is PPO with the settings of IPPO, to isolate the effect of the
    messages. With `recurrent`, h_i^0 depends on the memory; unlike the paper, where each round is a
    time step, all rounds take place in every step.

    Args:
        spec: specification of the environment.
        message: message size, the size of h_i.
        rounds: communication rounds per step, with separate weights.
        skip: skip connection from h_i^0 to every round.
        agents: arguments of `PPOAgents`.

    Raises:
        ValueError: fewer than one round.
    """

    default_graph = "complete"
    sends_messages = True

    def __init__(
        self,
        spec: Spec,
        message: Width = 64,
        rounds: Layers = 2,
        skip: bool = True,
        **agents: Any,
    ) -> None:
        super().__init__(
            spec,
            lambda input_size: CommNetCommunication(input_size, message, rounds, skip),
            **agents,
        )
