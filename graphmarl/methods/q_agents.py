"""Agent networks of the Q-learning methods, which differ by a mixer or a communication module."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, get_args

from graphmarl.learners import QLearning
from graphmarl.nn import CommunicationModule, Mixer, MonotonicMixer, QNetwork, SumMixer
from graphmarl.step import Spec, require_discrete


class QAgents(QLearning):
    """Q-learning of agents that see, and may hear, remember and know their last action and place.

    Args:
        spec: shapes of the environment, whose actions must be discrete.
        mixer: makes what mixes the agents' values; None for independent learners.
        communication: makes what agents hear, from the size of what they know; None for nothing.
        hidden: width of every layer.
        recurrent: give agents a memory (GRU), as in PyMARL.
        last_action: let agents know their last action.
        agent_id: let agents know their place, which fixes their number.
        learner: arguments of `QLearning`.

    Raises:
        ValueError: the actions are not discrete.
    """

    network: QNetwork

    def __init__(
        self,
        spec: Spec,
        mixer: Callable[[], Mixer | None] | None = None,
        communication: Callable[[int], CommunicationModule] | None = None,
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
            communication=communication(known) if communication else None,
            recurrent=recurrent,
            last_action=actions,
            agent_id=places,
        )
        super().__init__(network, mixer() if mixer else None, **learner)


Mixing = Literal["qmix", "stateless", "vdn", "none"]
"""What a method with messages is mixed by; `stateless` is QMIX whose weights read no state."""


def make_mixer(name: Mixing, spec: Spec, embed: int = 32, hyper_hidden: int = 64) -> Mixer | None:
    """A mixer by name, for methods that run on top of any.

    Raises:
        ValueError: an unknown name, or there is no global state for QMIX.
    """
    if name not in get_args(Mixing):
        raise ValueError(f"mixer is {name!r}; allowed are {', '.join(get_args(Mixing))}")
    if name == "none":
        return None
    if name == "vdn":
        return SumMixer()
    if name == "qmix" and not spec.state_size:
        raise ValueError("QMIX's mixer reads the global state; this environment has none")
    state_size = spec.state_size if name == "qmix" else 0
    return MonotonicMixer(spec.num_agents, state_size, embed, hyper_hidden)
