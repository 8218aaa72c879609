"""G2ANet: Liu et al. 2020, "Multi-Agent Game Abstraction via Graph Attention Neural Network"."""

from __future__ import annotations

from typing import Any

from graphmarl.methods.ppo_agents import PPOAgents
from graphmarl.nn import AttentionCommunication, EncodedCommunication, GateContext, GatedConv
from graphmarl.ranges import PositiveFloat, Width
from graphmarl.step import Spec


class G2ANet(PPOAgents):
    """PPO with hard attention that gates edges and soft attention that weights them.

    The GA-Comm variant of the paper: the attention output is concatenated to the observation.
    Closed edges have attention 0 and send nothing. Unlike the paper, gates depend neither on the
    order of agents nor on noise unless `context` is `lstm` and `gate_noise` is set (see
    `GatedConv`), attention is restricted to the edges of the agent graph, and the learner is not
    REINFORCE but PPO with the settings of IPPO, to isolate the effect of the messages.

    Args:
        spec: specification of the environment.
        hidden: width of every layer.
        message: message size.
        key: size of signatures and queries.
        temperature: temperature of the gates' straight-through gradient; 0.01 in public code.
        context: a gate reads the `mean` over all pairs of the receiver, or a bidirectional `lstm`
            over them in the order of the agent indices, as in the paper.
        gate_noise: sample gates in training, as in the paper.
        agents: arguments of `PPOAgents`.
    """

    default_graph = "complete"
    sends_messages = True

    def __init__(
        self,
        spec: Spec,
        hidden: Width = 128,
        message: Width = 32,
        key: Width = 32,
        temperature: PositiveFloat = 1.0,
        context: GateContext = "mean",
        gate_noise: bool = False,
        **agents: Any,
    ) -> None:
        def communication(input_size: int) -> EncodedCommunication:
            conv = GatedConv(hidden, message, key, temperature, context, gate_noise)
            return EncodedCommunication(input_size, hidden, AttentionCommunication(conv, message))

        super().__init__(spec, communication, hidden=hidden, **agents)
        self.network.ordered = context == "lstm"
