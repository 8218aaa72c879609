"""VDN: Sunehag et al. 2018, "Value-Decomposition Networks For Cooperative Multi-Agent Learning"."""

from typing import Any

from graphmarl.learners import ValueBased
from graphmarl.methods.iql import q_network
from graphmarl.nn import SumMixer
from graphmarl.step import Spec


class VDN(ValueBased):
    """The value of the team is the sum of its agents' values, learned from the team's reward.

    Reads no edges. The agents are those of IQL.

    Args:
        spec: shapes of the environment.
        hidden: width of every layer.
        recurrent: give agents a memory (GRU).
        last_action: let agents know their last action.
        agent_id: let agents know their place, which fixes their number.
        learner: arguments of `ValueBased`.
    """

    def __init__(
        self,
        spec: Spec,
        hidden: int = 64,
        recurrent: bool = False,
        last_action: bool = False,
        agent_id: bool = False,
        **learner: Any,
    ) -> None:
        network = q_network(spec, "VDN", hidden, recurrent, last_action, agent_id)
        super().__init__(network, SumMixer(), **learner)
