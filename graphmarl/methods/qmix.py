"""QMIX: Rashid et al. 2018, "Monotonic Value Function Factorisation for Deep MARL"."""

from typing import Any

from graphmarl.methods.q_agents import QAgents, make_mixer
from graphmarl.ranges import Width, WidthOrZero
from graphmarl.step import Spec


class QMIX(QAgents):
    """Monotonic value factorisation: Q_tot mixes Q_i with non-negative, state-conditioned weights.

    Reads no edges. The agents are those of IQL.

    Args:
        spec: specification of the environment, which must have a global state.
        embed: width of the mixing layer.
        hyper_hidden: width of the hypernetworks that generate its weights; 0 for linear ones.
        agents: arguments of `QAgents`.
    """

    needs_state = True
    any_number = False

    def __init__(
        self, spec: Spec, embed: Width = 32, hyper_hidden: WidthOrZero = 64, **agents: Any
    ) -> None:
        super().__init__(spec, lambda: make_mixer("qmix", spec, embed, hyper_hidden), **agents)
