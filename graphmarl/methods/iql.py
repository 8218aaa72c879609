"""IQL: Tan 1993, "Multi-Agent Reinforcement Learning: Independent vs. Cooperative Agents"."""

from typing import Any

from graphmarl.methods.q_agents import QAgents
from graphmarl.step import Spec


class IQL(QAgents):
    """Independent Q-learning: every agent learns its own value from its own reward.

    Reads no edges. Unlike PyMARL's, its agents have no memory and do not know their last action or
    their place unless asked for, and all learn by Adam with soft targets.

    Args:
        spec: shapes of the environment.
        agents: arguments of `QAgents`.
    """

    def __init__(self, spec: Spec, **agents: Any) -> None:
        super().__init__(spec, **agents)
