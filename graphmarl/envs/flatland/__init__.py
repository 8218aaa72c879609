"""Flatland: multi-agent train scheduling on the engine flatland-rl."""

from graphmarl.envs.flatland.environment import TASKS, Flatland, FlatlandTask

__all__ = ["Flatland", "TASKS", "FlatlandTask"]
