"""MADDPG: Lowe et al. 2017, "Multi-Agent Actor-Critic for Mixed ... Environments"."""

from __future__ import annotations

from typing import Any

from graphmarl.learners import DDPG
from graphmarl.methods.base import Method
from graphmarl.nn import Actor, AgentConcatCritic, ConcatCritic, Encoder, own_weights
from graphmarl.ranges import Width
from graphmarl.step import Spec


class MADDPG(Method, DDPG):
    """Deterministic policy gradients with a centralised critic.

    Reads no edges; the critic, but not the actors, fixes the number of agents. Unlike the paper,
    and as in the comparison of PIC, all agents share an actor and a critic, unless `shared` is off;
    actions are samples unless `actions` is `relaxed`, and next actions are those of the current
    actors unless there is a `target_actor`.

    Args:
        spec: specification of the environment.
        hidden: width of every layer.
        shared: share an actor and a critic between all agents; otherwise each agent index has its
            own, and its critic learns from the agent's own reward.
        encoder: `mlp` reads flattened observations, `cnn` reads pictures by convolutions first, of
            which the actor shares those of the critic.
        learner: arguments of `DDPG` and `OffPolicy`.
    """

    continuous = True
    pictures = "option"
    any_number = False

    def __init__(
        self,
        spec: Spec,
        hidden: Width = 128,
        *,
        shared: bool = True,
        encoder: Encoder = "mlp",
        **learner: Any,
    ) -> None:
        self.check_spec(spec)
        shapes = (self.observed(spec, encoder), spec.num_actions)
        actor = Actor(*shapes, spec.action, hidden=hidden)
        critic = (ConcatCritic if shared else AgentConcatCritic)(*shapes, spec.num_agents, hidden)
        if not shared:
            actor = own_weights(actor, spec.num_agents)
            actor.num_agents = spec.num_agents
        super().__init__(actor, critic, **learner)
        if encoder == "cnn":
            self.share_encoder()


class MADDPGS(MADDPG):
    """MADDPG with a random order of agents in the critic's input for each batch.

    A baseline of the PIC paper.

    Args:
        spec: specification of the environment.
        hidden: width of every layer.
        shuffle: permute the agents in each batch.
        learner: arguments of `DDPG` and `OffPolicy`.
    """

    def __init__(
        self, spec: Spec, hidden: Width = 128, shuffle: bool = True, **learner: Any
    ) -> None:
        super().__init__(spec, hidden, shuffle=shuffle, **learner)
