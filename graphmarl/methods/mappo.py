"""MAPPO: Yu et al. 2022, "The Surprising Effectiveness of PPO in Cooperative Multi-Agent Games"."""

from typing import Any

from graphmarl.methods.ppo_agents import PPOAgents
from graphmarl.step import Spec


class MAPPO(PPOAgents):
    """Multi-agent PPO with a centralised critic.

    The critic reads the global state together with the observation. Reads no edges. Unlike the
    paper, inputs, optimiser and losses are those of NVIF-PPO, so that the critic is the only
    difference from IPPO; `--method.reward team` is the paper's reward. The losses of its code are
    `clip_range_vf` 0.2, `huber_delta` 10, `normalize_value`, and with `recurrent` a `chunk_length`
    of 10.

    Args:
        spec: specification of the environment, which must have a global state.
        agents: arguments of `PPOAgents`.
    """

    needs_state = True
    any_number = False

    def __init__(self, spec: Spec, **agents: Any) -> None:
        super().__init__(spec, None, spec.state_size, **agents)
