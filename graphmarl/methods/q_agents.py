"""Base class of the Q-learning methods, with optional mixer and communication module."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, get_args

from graphmarl.learners import QLearning
from graphmarl.methods.base import Method
from graphmarl.nn import (
    CommunicationModule,
    Encoder,
    MessagesFrom,
    Mixer,
    MonotonicMixer,
    QNetwork,
    SumMixer,
    encoded_size,
)
from graphmarl.ranges import Width
from graphmarl.step import Spec


class QAgents(Method, QLearning):
    """Q-learning with a shared Q-network, optionally with mixer, communication and memory.

    Args:
        spec: specification of the environment, whose actions must be discrete.
        mixer: factory of the mixer; None for independent learners.
        communication: factory of the communication module from its input size; None for none.
        hidden: width of every layer.
        recurrent: recurrent agents (GRU), as in PyMARL.
        last_action: append the last action to the input.
        agent_id: append the agent index to the input, which fixes the number of agents.
        messages_from: recurrent agents communicate their inputs and their `memory`, or their
            `input` alone, as in the code of NDQ, which is faster.
        encoder: `mlp` reads flattened observations, `cnn` reads pictures by convolutions first.
        learner: arguments of `QLearning`.

    Raises:
        ValueError: the actions are not discrete, or messages from the input of agents that have no
            memory or do not communicate.
    """

    recurrent = "option"
    pictures = "option"

    network: QNetwork

    def __init__(
        self,
        spec: Spec,
        mixer: Callable[[], Mixer | None] | None = None,
        communication: Callable[[int], CommunicationModule] | None = None,
        *,
        hidden: Width = 64,
        recurrent: bool = False,
        last_action: bool = False,
        agent_id: bool = False,
        messages_from: MessagesFrom = "memory",
        encoder: Encoder = "mlp",
        **learner: Any,
    ) -> None:
        self.check_spec(spec)
        if messages_from == "input" and not (recurrent and communication):
            raise ValueError("messages_from is 'input'; it needs recurrent agents that communicate")
        actions = spec.num_actions if last_action else 0
        agents = spec.num_agents if agent_id else 0
        obs_size = self.observed(spec, encoder)
        input_size = (
            encoded_size(obs_size)
            + actions
            + agents
            + (hidden if recurrent and messages_from == "memory" else 0)
        )
        network = QNetwork(
            obs_size,
            spec.num_actions,
            hidden=hidden,
            communication=communication(input_size) if communication else None,
            recurrent=recurrent,
            last_action=actions,
            agent_id=agents,
            messages_from=messages_from,
        )
        super().__init__(network, mixer() if mixer else None, **learner)


Mixing = Literal["qmix", "stateless", "vdn", "none"]
"""Names of mixers; `stateless` is QMIX with weights that do not depend on the state."""


def make_mixer(name: Mixing, spec: Spec, embed: int = 32, hyper_hidden: int = 64) -> Mixer | None:
    """Construct a mixer by name.

    Args:
        name: name of the mixer.
        spec: specification of the environment.
        embed: width of the mixing layer.
        hyper_hidden: width of the hypernetworks that generate its weights; 0 for linear ones.

    Raises:
        ValueError: an unknown name, or QMIX without a global state.
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
