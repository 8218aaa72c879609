"""The agents that the value methods share; what is peculiar to each is a mixer or a context."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphmarl.learners import ValueBased
from graphmarl.methods.ippo import require_discrete
from graphmarl.nn import Context, Mixer, QNetwork
from graphmarl.step import Spec


class QAgents(ValueBased):
    """Q-learning of agents that see, and may hear, remember and know their last action and place.

    Args:
        spec: shapes of the environment, whose actions must be discrete.
        mixer: makes what mixes the agents' values; None for independent learners.
        context: makes what agents hear, from the size of what they know; None for nothing.
        hidden: width of every layer.
        recurrent: give agents a memory (GRU), as in PyMARL.
        last_action: let agents know their last action.
        agent_id: let agents know their place, which fixes their number.
        learner: arguments of `ValueBased`.

    Raises:
        ValueError: the actions are not discrete.
    """

    network: QNetwork

    def __init__(
        self,
        spec: Spec,
        mixer: Callable[[], Mixer | None] | None = None,
        context: Callable[[int], Context] | None = None,
        *,
        hidden: int = 64,
        recurrent: bool = False,
        last_action: bool = False,
        agent_id: bool = False,
        **learner: Any,
    ) -> None:
        require_discrete(spec, type(self).__name__)
        actions = spec.num_actions if last_action else 0
        places = spec.num_agents if agent_id else 0
        known = spec.obs_size + actions + places + (hidden if recurrent else 0)
        network = QNetwork(
            spec.obs_size,
            spec.num_actions,
            hidden=hidden,
            context=context(known) if context else None,
            recurrent=recurrent,
            last_action=actions,
            agent_id=places,
        )
        super().__init__(network, mixer() if mixer else None, **learner)
