"""TarMAC: Das et al. 2019, "TarMAC: Targeted Multi-Agent Communication"."""

from __future__ import annotations

from typing import Any, Literal

from graphmarl.methods.ppo_agents import PPOAgents
from graphmarl.methods.q_agents import Mixing, QAgents, make_mixer
from graphmarl.nn import AttentionCommunication, AttentionConv
from graphmarl.ranges import Layers, Width, WidthOrZero
from graphmarl.step import Spec


class TarMAC(PPOAgents):
    """PPO with targeted communication: attention by signatures and queries.

    Implements eqs. 3-4, by default with one round of messages per step. Unlike the paper, which
    trains by A2C with a centralised critic, this is PPO with the settings of IPPO, to isolate the
    effect of the messages; `epochs` 1 and `clip_range` None is A2C, and `central` is a centralised
    critic.

    Args:
        spec: specification of the environment.
        message: message size.
        key: size of signatures and queries.
        rounds: rounds of messages in each step.
        central: the critic also reads the global state.
        agents: arguments of `PPOAgents`.
    """

    default_graph = "complete"
    sends_messages = True
    needs_state = "option"

    def __init__(
        self,
        spec: Spec,
        message: Width = 32,
        key: Width = 16,
        rounds: Layers = 1,
        central: bool = False,
        **agents: Any,
    ) -> None:
        if central and not spec.state_size:
            raise ValueError("a central critic reads the global state; this environment has none")
        super().__init__(
            spec,
            lambda input_size: AttentionCommunication(
                AttentionConv(input_size, message, key=key), message, rounds, input_size
            ),
            spec.state_size if central else 0,
            **agents,
        )


class TarMACQMIX(QAgents):
    """QMIX with TarMAC communication.

    The strongest baseline of the NDQ paper. Unlike the paper's code, gradients flow through the
    messages into the memory of their senders unless `detach_messages`, and attention scores are
    divided by the root of the key size unless `scale` is `message`.

    Args:
        spec: specification of the environment.
        mixer: `qmix` as in the paper, `stateless`, `vdn`, or `none`.
        message: message size.
        key: size of signatures and queries.
        scale: attention scores are divided by the root of the `key` size, or of the `message` size
            as in the paper's code.
        detach_messages: no gradient flows through the messages into the memory of the agents, as in
            the paper's code.
        embed: width of the mixing layer.
        hyper_hidden: width of the hypernetworks that generate its weights.
        agents: arguments of `QAgents`; if recurrent, messages depend on the memory.
    """

    default_graph = "complete"
    sends_messages = True
    needs_state = "default"
    any_number = False

    def __init__(
        self,
        spec: Spec,
        mixer: Mixing = "qmix",
        message: Width = 10,
        key: Width = 32,
        scale: Literal["key", "message"] = "key",
        detach_messages: bool = False,
        embed: Width = 32,
        hyper_hidden: WidthOrZero = 64,
        **agents: Any,
    ) -> None:
        super().__init__(
            spec,
            lambda: make_mixer(mixer, spec, embed, hyper_hidden),
            lambda input_size: AttentionCommunication(
                AttentionConv(
                    input_size, message, key=key, scale=(key if scale == "key" else message) ** 0.5
                ),
                message,
                detach=detach_messages,
            ),
            **agents,
        )
