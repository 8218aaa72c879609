"""VPP: Qu et al., "Variational Policy Propagation for Multi-agent Reinforcement Learning"."""

from __future__ import annotations

from typing import Any

from graphmarl.learners import SAC
from graphmarl.methods.base import Method
from graphmarl.nn import (
    Aggregator,
    Approximation,
    Encoder,
    First,
    FrozenEncoder,
    InferencePolicy,
    NeighborCritic,
    NeighborValue,
    StateAggregator,
)
from graphmarl.ranges import Layers, NonNegativeFloat, UnitInterval, Width
from graphmarl.step import Spec


class VPP(Method, SAC):
    """Soft actor-critic with policies that unroll mean-field or Bethe inference on the agent graph.

    With `--graph none` this is independent soft actor-critic. Unlike the paper, agents also attend
    to themselves unless `attend_self` is off, attention scores are divided by the root of the key
    size unless `scaled` is off, the value target has an exact expectation unless `expectation` is
    `sampled`, continuous actions are squashed by tanh, and learning rate, batch size and replay
    size suit a run on two cores; the paper uses `learning_rate` 0.01, `batch_size` 1024 and
    `buffer_size` 1000000.

    Args:
        spec: specification of the environment.
        approximation: `mean_field`, or `bethe` for loopy belief propagation.
        aggregator: `attention` over the neighbours, or their `sum`.
        first: the first message: an `embedding`, or the `probabilities` of actions.
        rounds: number of inference rounds M, also of the critics' state messages.
        size: size of the embeddings per head, and of the states.
        heads: number of attention heads.
        hidden: width of the other layers.
        critic_size: width of the states of critics and value; None is `size`.
        state_messages: also pass observations to neighbours, for partial observability.
        state_aggregator: state messages are the `sum` over the neighbours, as in the paper, or
            their `mean`, which does not grow with their number.
        own_state: policy, critics and value read s^0 beside each s^m.
        attend_self: with `mean_field` and `attention`, agents also attend to themselves.
        scaled: divide the scores of that attention by the root of the key size.
        shared: share all weights between agents; otherwise each agent index has its own input
            layers, which fixes the number of agents.
        damping: share of old messages that is kept in each round of `bethe`.
        reweight: rho of tree-reweighted belief propagation with `bethe`; 1 is Bethe.
        critics: number of Q-functions, of which the minimum is used.
        encoder: `mlp` reads flattened observations, `cnn` reads pictures by convolutions first, of
            which the policy shares those of the first critic.
        learner: arguments of `SAC` and `OffPolicy`.

    Raises:
        ValueError: a number out of range.
    """

    default_graph = "knn:k=4,refresh=5"
    continuous = True
    pictures = "option"
    any_number = "default"
    sends_messages = True

    def __init__(
        self,
        spec: Spec,
        *,
        approximation: Approximation = "mean_field",
        aggregator: Aggregator = "attention",
        first: First = "embedding",
        rounds: Layers = 2,
        size: Width = 32,
        heads: Layers = 2,
        hidden: Width = 128,
        critic_size: Width | None = None,
        state_messages: bool = True,
        state_aggregator: StateAggregator = "sum",
        own_state: bool = False,
        attend_self: bool = True,
        scaled: bool = True,
        shared: bool = True,
        damping: UnitInterval = 0.0,
        reweight: NonNegativeFloat = 1.0,
        critics: Layers = 1,
        encoder: Encoder = "mlp",
        **learner: Any,
    ) -> None:
        self.check_spec(spec)
        form = {"approximation": approximation, "aggregator": aggregator, "first": first}
        attention = {"heads": heads, "attend_self": attend_self, "scaled": scaled}
        messages = {"damping": damping, "reweight": reweight}
        states = {"messages": state_messages, "aggregator": state_aggregator}
        states |= {"with_first": own_state, "num_agents": 0 if shared else spec.num_agents}
        common = {"rounds": rounds, "hidden": hidden, "states": states}
        obs_size, kinds = self.observed(spec, encoder), len(spec.kinds)
        world = (obs_size, spec.num_actions, spec.action, kinds)
        policy = InferencePolicy(*world, size=size, **form, **attention, **messages, **common)
        common["size"] = critic_size or size
        q = [NeighborCritic(*world, **common) for _ in range(critics)]
        if encoder == "cnn":
            policy.states.observation = FrozenEncoder(q[0].states.observation)
        super().__init__(policy, q, NeighborValue(obs_size, kinds, **common), **learner)
