"""IPPO: de Witt et al. 2020, "Is Independent Learning All You Need in the StarCraft Challenge?"."""

from typing import Any

from graphmarl.learners import PPO
from graphmarl.nn import ActorCritic
from graphmarl.step import Spec, require_discrete


class IPPO(PPO):
    """Independent PPO: policy and value of the own observation, agents' own rewards.

    Reads no edges. The settings are those of NVIF-PPO, as in the NVIF paper's comparison.

    Args:
        spec: shapes of the environment.
        hidden: width of every layer.
        recurrent: give agents a memory (GRU) that is trained.
        learner: arguments of `PPO`.
    """

    def __init__(
        self, spec: Spec, hidden: int = 128, recurrent: bool = False, **learner: Any
    ) -> None:
        require_discrete(spec, "IPPO")
        network = ActorCritic(spec.obs_size, spec.num_actions, hidden=hidden, recurrent=recurrent)
        super().__init__(network, **learner)
