"""TarMAC: Das et al. 2019, "TarMAC: Targeted Multi-Agent Communication"."""

from __future__ import annotations

from typing import Any

from graphmarl.learners import PPO
from graphmarl.methods.q_agents import Mixing, QAgents, make_mixer
from graphmarl.nn import ActorCritic, AttentionCommunication, AttentionConv
from graphmarl.step import Spec, require_discrete


class TarMAC(PPO):
    """Actor-critic whose agents attend to each other's messages, by signature and query (eq. 3).

    Unlike the paper, whose learner is A2C with a central critic, this is PPO with the settings of
    IPPO, so that the messages are the only difference from it; `epochs` 1 and `clip_range` None is
    A2C, and the critic reads the state if `central` is set. One round of messages in each step.

    Args:
        spec: shapes of the environment.
        hidden: width of every layer.
        message: numbers in each message.
        key: numbers in each signature and query.
        recurrent: give agents a memory (GRU), which their messages then depend on.
        central: let the critic read the global state.
        learner: arguments of `PPO`.
    """

    default_graph = "complete"

    def __init__(
        self,
        spec: Spec,
        hidden: int = 128,
        message: int = 32,
        key: int = 16,
        recurrent: bool = False,
        central: bool = False,
        **learner: Any,
    ) -> None:
        require_discrete(spec, "TarMAC")
        if central and not spec.state_size:
            raise ValueError("a central critic reads the global state; this environment has none")
        known = spec.obs_size + (hidden if recurrent else 0)
        network = ActorCritic(
            spec.obs_size,
            spec.num_actions,
            hidden=hidden,
            state_size=spec.state_size if central else 0,
            communication=AttentionCommunication(AttentionConv(known, message, key=key), message),
            recurrent=recurrent,
        )
        super().__init__(network, **learner)


class TarMACQMIX(QAgents):
    """TarMAC's messages under QMIX, the strongest baseline of the NDQ paper.

    Unlike the paper's code, gradients flow through the messages into what they are made of, and
    scores are divided by the root of the size of the keys.

    Args:
        spec: shapes of the environment.
        mixer: `qmix` as in the paper, `stateless`, `vdn`, or `none`.
        message: numbers in each message.
        key: numbers in each signature and query.
        embed: width of the mixing layer.
        hyper_hidden: width of the networks that make its weights.
        agents: arguments of `QAgents`; with a memory, messages depend on it too.
    """

    default_graph = "complete"

    def __init__(
        self,
        spec: Spec,
        mixer: Mixing = "qmix",
        message: int = 10,
        key: int = 32,
        embed: int = 32,
        hyper_hidden: int = 64,
        **agents: Any,
    ) -> None:
        super().__init__(
            spec,
            lambda: make_mixer(mixer, spec, embed, hyper_hidden),
            lambda known: AttentionCommunication(AttentionConv(known, message, key=key), message),
            **agents,
        )
