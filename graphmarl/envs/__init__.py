"""Environments."""

from graphmarl.envs.magent import Gather as Gather
from graphmarl.step import Environment

ENVS: dict[str, type[Environment]] = {"gather": Gather}
