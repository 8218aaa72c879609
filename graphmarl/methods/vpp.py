"""VPP: Qu et al., "Variational Policy Propagation for Multi-agent Reinforcement Learning"."""

from __future__ import annotations

from typing import Any

from graphmarl.learners import SAC
from graphmarl.methods.base import Method
from graphmarl.nn import (
    Aggregator,
    Approximation,
    First,
    InferencePolicy,
    NeighborCritic,
    NeighborValue,
)
from graphmarl.ranges import Layers, NonNegativeFloat, UnitInterval, Width
from graphmarl.step import Spec


class VPP(Method, SAC):
    """Soft actor-critic with policies that unroll mean-field or Bethe inference on the agent graph.

    With `--graph none` this is independent soft actor-critic. Unlike the paper, agents also attend
    to themselves, attention scores are scaled by the root of the key size, continuous actions are
    squashed by tanh, and learning rate, batch size and replay size suit a run on two cores; the
    paper uses `learning_rate` 0.01, `batch_size` 1024 and `buffer_size` 1000000.

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
        damping: share of old messages that is kept in each round of `bethe`.
        reweight: rho of tree-reweighted belief propagation with `bethe`; 1 is Bethe.
        critics: number of Q-functions, of which the minimum is used.
        learner: arguments of `SAC` and `OffPolicy`.

    Raises:
        ValueError: a number out of range.
    """

    default_graph = "knn:k=4,refresh=5"
    continuous = True
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
        damping: UnitInterval = 0.0,
        reweight: NonNegativeFloat = 1.0,
        critics: Layers = 1,
        **learner: Any,
    ) -> None:
        self.check_spec(spec)
        world = (spec.obs_size, spec.num_actions, spec.action, len(spec.kinds))
        form: dict[str, Any] = {
            "approximation": approximation,
            "aggregator": aggregator,
            "first": first,
        }
        messages: dict[str, Any] = {"heads": heads, "damping": damping, "reweight": reweight}
        shared: dict[str, Any] = {
            "rounds": rounds,
            "hidden": hidden,
            "state_messages": state_messages,
        }
        policy = InferencePolicy(*world, size=size, **form, **messages, **shared)
        shared["size"] = critic_size or size
        values = [NeighborCritic(*world, **shared) for _ in range(critics)]
        value = NeighborValue(spec.obs_size, len(spec.kinds), **shared)
        super().__init__(policy, values, value, **learner)
