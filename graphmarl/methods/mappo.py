"""MAPPO: Yu et al. 2022, "The Surprising Effectiveness of PPO in Cooperative Multi-Agent Games"."""

from typing import Any

from graphmarl.learners import PPO
from graphmarl.methods.base import Method
from graphmarl.nn import ActorCritic
from graphmarl.ranges import Width
from graphmarl.step import Spec


class MAPPO(Method, PPO):
    """Multi-agent PPO with a centralised critic.

    The critic reads the global state together with the observation. Reads no edges. Unlike the
    paper, inputs, optimiser and losses are those of NVIF-PPO, so that the critic is the only
    difference from IPPO; `--method.reward team` is the paper's reward. The losses of its code are
    `clip_range_vf` 0.2, `huber_delta` 10, `normalize_value`, and with `recurrent` a `chunk_length`
    of 10.

    Args:
        spec: specification of the environment, which must have a global state.
        hidden: width of every layer.
        recurrent: recurrent agents (GRU).
        learner: arguments of `PPO`.
    """

    needs_state = True
    recurrent = "option"
    any_number = False

    def __init__(
        self, spec: Spec, hidden: Width = 128, recurrent: bool = False, **learner: Any
    ) -> None:
        self.check_spec(spec)
        network = ActorCritic(
            spec.obs_size,
            spec.num_actions,
            hidden=hidden,
            state_size=spec.state_size,
            recurrent=recurrent,
        )
        super().__init__(network, **learner)
