"""IQL: Tan 1993, "Multi-Agent Reinforcement Learning: Independent vs. Cooperative Agents"."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphmarl.learners import ValueBased
from graphmarl.methods.ippo import require_discrete
from graphmarl.nn import Context, QNetwork
from graphmarl.step import Spec


class IQL(ValueBased):
    """Independent Q-learning: every agent learns its own value from its own reward.

    Reads no edges. Unlike PyMARL's, its agents have no memory and do not know their last action or
    their place unless asked for, and all learn by Adam with soft targets.

    Args:
        spec: shapes of the environment.
        hidden: width of every layer.
        recurrent: give agents a memory (GRU), as in PyMARL.
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
        network = q_network(spec, "IQL", hidden, recurrent, last_action, agent_id)
        super().__init__(network, None, **learner)


def q_network(
    spec: Spec,
    method: str,
    hidden: int,
    recurrent: bool,
    last_action: bool,
    agent_id: bool,
    context: Callable[[int], Context] | None = None,
) -> QNetwork:
    """The agents of a value method.

    Args:
        spec: shapes of the environment, whose actions must be discrete.
        method: its name, for messages.
        hidden: width of every layer.
        recurrent: give agents a memory (GRU).
        last_action: let agents know their last action.
        agent_id: let agents know their place.
        context: makes what agents hear, from the size of what they know.

    Raises:
        ValueError: the actions are not discrete.
    """
    require_discrete(spec, method)
    actions = spec.num_actions if last_action else 0
    places = spec.num_agents if agent_id else 0
    known = spec.obs_size + actions + places + (hidden if recurrent else 0)
    return QNetwork(
        spec.obs_size,
        spec.num_actions,
        hidden=hidden,
        context=context(known) if context else None,
        recurrent=recurrent,
        last_action=actions,
        agent_id=places,
    )
