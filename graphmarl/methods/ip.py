"""IP: Qu et al. 2020, "Intention Propagation for Multi-agent Reinforcement Learning"."""

from __future__ import annotations

from typing import Any

from graphmarl.methods.vpp import VPP
from graphmarl.nn import Aggregator, First
from graphmarl.ranges import Layers, Width
from graphmarl.step import Spec


class IP(VPP):
    """Soft actor-critic with intention propagation: action probabilities as first messages.

    The predecessor of VPP, with sum aggregation and two critics. The first message is the vector of
    action probabilities, then mu_i <- relu( W_1 (s_i + sum_j s_j) + W_2 (mu_i + sum_j mu_j) ) in
    each of M rounds, and a linear layer outputs the policy (Section 4, Figure 1).

    Args:
        spec: specification of the environment.
        aggregator: as in VPP.
        first: as in VPP.
        critics: number of Q-functions, of which the minimum is used.
        critic_size: width of the states of critics and value, as in Table 2.
        options: arguments of `VPP` and its learner.
    """

    def __init__(
        self,
        spec: Spec,
        *,
        aggregator: Aggregator = "sum",
        first: First = "probabilities",
        critics: Layers = 2,
        critic_size: Width | None = 128,
        **options: Any,
    ) -> None:
        form: dict[str, Any] = {"aggregator": aggregator, "first": first, "critics": critics}
        super().__init__(spec, critic_size=critic_size, **form, **options)
