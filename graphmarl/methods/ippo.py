"""IPPO: de Witt et al. 2020, "Is Independent Learning All You Need in the StarCraft Challenge?"."""

from typing import Any

from graphmarl.learners import PPO
from graphmarl.methods.base import Method
from graphmarl.nn import ActorCritic
from graphmarl.ranges import Width
from graphmarl.step import Spec


class IPPO(Method, PPO):
    """Independent PPO: decentralised actors and critics with shared parameters.

    Policy and value depend on the agent's own observation only; rewards are the agents' own. Reads
    no edges. The settings are those of NVIF-PPO, as in the NVIF paper's comparison.

    Args:
        spec: specification of the environment.
        hidden: width of every layer.
        recurrent: recurrent agents (GRU).
        learner: arguments of `PPO`.
    """

    recurrent = "option"

    def __init__(
        self, spec: Spec, hidden: Width = 128, recurrent: bool = False, **learner: Any
    ) -> None:
        self.check_spec(spec)
        network = ActorCritic(spec.obs_size, spec.num_actions, hidden=hidden, recurrent=recurrent)
        super().__init__(network, **learner)
