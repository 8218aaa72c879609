"""Trains on a network of rails, by the engine flatland-rl."""

from graphmarl.envs.flatland.environment import TASKS, Flatland, Task

__all__ = ["Flatland", "TASKS", "Task"]
