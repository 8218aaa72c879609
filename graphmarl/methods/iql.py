"""IQL: Tan 1993, "Multi-Agent Reinforcement Learning: Independent vs. Cooperative Agents"."""

from typing import Any

from graphmarl.methods.q_agents import QAgents
from graphmarl.step import Spec


class IQL(QAgents):
    """Independent Q-learning: each agent learns its own Q-values from its own reward.

    Reads no edges. Unlike in PyMARL, agents are not recurrent and do not read their last action or
    index by default, and training uses Adam with soft target updates.

    Args:
        spec: specification of the environment.
        agents: arguments of `QAgents`.
    """

    def __init__(self, spec: Spec, **agents: Any) -> None:
        super().__init__(spec, **agents)
