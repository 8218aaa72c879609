"""VDN: Sunehag et al. 2018, "Value-Decomposition Networks For Cooperative Multi-Agent Learning"."""

from typing import Any

from graphmarl.methods.q_agents import QAgents
from graphmarl.nn import SumMixer
from graphmarl.step import Spec


class VDN(QAgents):
    """Value decomposition: Q_tot is the sum of per-agent Q-values.

    Trained on the team reward. Reads no edges. The agents are those of IQL.

    Args:
        spec: specification of the environment.
        agents: arguments of `QAgents`.
    """

    def __init__(self, spec: Spec, **agents: Any) -> None:
        super().__init__(spec, SumMixer, **agents)
