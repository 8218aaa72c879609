"""Environments."""

from graphmarl.envs.magent import Gather as Gather
