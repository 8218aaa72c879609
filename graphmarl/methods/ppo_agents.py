"""Base class of the PPO methods, with optional communication module and central critic."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphmarl.learners import PPO
from graphmarl.methods.base import Method
from graphmarl.nn import (
    ActorCritic,
    CommunicationModule,
    ContinuousPolicy,
    Encoder,
    LogStd,
    Std,
    encoded_size,
)
from graphmarl.ranges import Width
from graphmarl.step import Spec


class PPOAgents(Method, PPO):
    """PPO with a shared actor-critic, optionally with communication, memory and a central critic.

    Args:
        spec: specification of the environment.
        communication: factory of the communication module from its input size; None for none.
        state_size: size of the global state for the critic; 0 for a critic of the agent alone.
        hidden: width of every layer.
        recurrent: recurrent agents (GRU); messages depend on the memory.
        policy: policy of continuous actions in [-1, 1]: `squashed` is a Gaussian squashed by tanh,
            `beta` a beta distribution.
        std: the standard deviation of the Gaussian is one `free` parameter of each action
            component, or depends on the `state`.
        log_std_init: its initial logarithm.
        encoder: `mlp` reads flattened observations, `cnn` reads pictures by convolutions first.
        learner: arguments of `PPO`.
    """

    continuous = True
    recurrent = "option"
    pictures = "option"

    def __init__(
        self,
        spec: Spec,
        communication: Callable[[int], CommunicationModule] | None = None,
        state_size: int = 0,
        *,
        hidden: Width = 128,
        recurrent: bool = False,
        policy: ContinuousPolicy = "squashed",
        std: Std = "free",
        log_std_init: LogStd = 0.0,
        encoder: Encoder = "mlp",
        **learner: Any,
    ) -> None:
        self.check_spec(spec)
        obs_size = self.observed(spec, encoder)
        input_size = encoded_size(obs_size) + (hidden if recurrent else 0)
        network = ActorCritic(
            obs_size,
            spec.num_actions,
            spec.action,
            hidden=hidden,
            state_size=state_size,
            communication=communication(input_size) if communication else None,
            recurrent=recurrent,
            policy={"policy": policy, "std": std, "log_std_init": log_std_init},
        )
        super().__init__(network, **learner)
