"""G2ANet: Liu et al. 2020, "Multi-Agent Game Abstraction via Graph Attention Neural Network"."""

from __future__ import annotations

from typing import Any

from graphmarl.learners import PPO
from graphmarl.nn import ActorCritic, AttentionCommunication, EncodedCommunication, GatedConv
from graphmarl.step import Spec, require_discrete


class G2ANet(PPO):
    """Actor-critic that learns which edges count (hard attention) and how much (soft attention).

    The paper's GA-Comm: what was heard is read beside one's own. Edges whose gate is closed have
    attention 0 and send nothing. Unlike in the paper, gates are neither ordered nor random, for
    the reasons that `GatedConv` gives; edges that the agent graph lacks stay missing; and the
    learner is not REINFORCE but PPO with the settings of IPPO, so that the messages are the only
    difference from it.

    Args:
        spec: shapes of the environment.
        hidden: width of every layer.
        message: numbers in each message.
        key: numbers in each signature and query.
        temperature: how far from its threshold a gate has a gradient.
        recurrent: give agents a memory (GRU), which their messages then depend on.
        learner: arguments of `PPO`.
    """

    default_graph = "complete"

    def __init__(
        self,
        spec: Spec,
        hidden: int = 128,
        message: int = 32,
        key: int = 32,
        temperature: float = 1.0,
        recurrent: bool = False,
        **learner: Any,
    ) -> None:
        require_discrete(spec, "G2ANet")
        known = spec.obs_size + (hidden if recurrent else 0)
        heard = AttentionCommunication(GatedConv(hidden, message, key, temperature), message)
        network = ActorCritic(
            spec.obs_size,
            spec.num_actions,
            hidden=hidden,
            communication=EncodedCommunication(known, hidden, heard),
            recurrent=recurrent,
        )
        super().__init__(network, **learner)
