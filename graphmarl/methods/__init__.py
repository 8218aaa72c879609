"""All methods: one file per publication."""

from graphmarl.learners import Learner
from graphmarl.methods.ippo import IPPO
from graphmarl.methods.mappo import MAPPO
from graphmarl.methods.nvif import NVIFPPO

METHODS: dict[str, type[Learner]] = {
    "ippo": IPPO,
    "mappo": MAPPO,
    "nvif_ppo": NVIFPPO,
}

__all__ = ["IPPO", "MAPPO", "METHODS", "NVIFPPO"]
