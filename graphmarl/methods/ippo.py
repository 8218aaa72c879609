"""IPPO: de Witt et al. 2020, "Is Independent Learning All You Need in the StarCraft Challenge?"."""

from typing import Any

from graphmarl.methods.ppo_agents import PPOAgents
from graphmarl.step import Spec


class IPPO(PPOAgents):
    """Independent PPO: decentralised actors and critics with shared parameters.

    Policy and value depend on the agent's own observation only; rewards are the agents' own. Reads
    no edges. The settings are those of NVIF-PPO, as in the NVIF paper's comparison.

    Args:
        spec: specification of the environment.
        agents: arguments of `PPOAgents`.
    """

    def __init__(self, spec: Spec, **agents: Any) -> None:
        super().__init__(spec, **agents)
