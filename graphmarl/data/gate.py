"""The gate of environments: what one returns is checked where it enters, in every mode."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from graphmarl.step import Environment, Step, check_step

TYPES = {
    "alive": (torch.bool,),
    "reward": (torch.float32,),
    "terminated": (torch.bool,),
    "truncated": (torch.bool,),
    "time": (torch.int64,),
    "obs": (torch.float32, torch.uint8),
    "position": (torch.float32,),
    "available": (torch.bool,),
    "state": (torch.float32,),
    "links": (torch.int64,),
}


class StepGate:
    """Checks the steps of an environment: fields, shapes, types, numbers, masks, time and metrics.

    Messages name the environment, the copy and the agent.

    Args:
        env: the environment, whose steps are passed in order.
    """

    def __init__(self, env: Environment) -> None:
        self.env, self.name = env, type(env).__name__
        self.time: Tensor | None = None
        self.metrics: set[str] | None = None

    def begin(self, step: Step) -> Step:
        """Check the step that `reset` or `load_state_dict` returned.

        Args:
            step: the step, which is returned.

        Raises:
            ValueError: names what is wrong with it.
        """
        self.time, self.metrics = None, None
        return self.check(step)

    def check(self, step: Step) -> Step:
        """Check the next step.

        Args:
            step: the step, which is returned.

        Raises:
            ValueError: names what is wrong with it.
        """
        found: object = step
        if not isinstance(found, Step):
            self.refuse(f"returned {type(found).__name__}; an environment returns a Step")
        for name, allowed in TYPES.items():
            value: Any = getattr(step, name)
            if value is not None and not isinstance(value, Tensor):
                self.refuse(f"{name} is {type(value).__name__}; it must be a tensor")
            if value is not None and value.dtype not in allowed:
                self.refuse(f"{name} has type {value.dtype}; allowed is {allowed[0]}")
        try:
            check_step(step, self.env.spec, self.env.num_envs)
        except ValueError as error:
            self.refuse(str(error))
        self._check_masks(step)
        self._check_time(step)
        self._check_metrics(step)
        return step

    def refuse(self, reason: str) -> None:
        """Raise the error of a step.

        Args:
            reason: what is wrong with it.

        Raises:
            ValueError: always.
        """
        raise ValueError(f"environment {self.name}: {reason}")

    def _check_masks(self, step: Step) -> None:
        """Every live agent has a legal action, and links join agents of one copy."""
        if step.available is not None:
            stuck = step.alive & ~step.available.any(-1)
            if stuck.any():
                copy, agent = stuck.nonzero()[0].tolist()
                self.refuse(f"agent {agent} of copy {copy} is alive and has no legal action")
        links, agents = step.links, self.env.spec.num_agents
        if links is None:
            return
        if links.dim() != 2 or len(links) != 2:
            self.refuse(f"links has shape {tuple(links.shape)}; allowed is (2, edges)")
        if links.numel():
            low, high = links.min(), links.max()
            if int(low) < 0 or int(high) >= self.env.num_envs * agents:
                rows = self.env.num_envs * agents - 1
                self.refuse(f"links has rows {int(low)} to {int(high)}; allowed are 0 to {rows}")
            if (links[0] // agents != links[1] // agents).any():
                self.refuse("links joins agents of different copies")

    def _check_time(self, step: Step) -> None:
        """Time counts the steps of an episode, and is 0 in the step after its end."""
        if self.time is not None and not torch.equal(step.time, self.time):
            copy = int((step.time != self.time).nonzero()[0])
            self.refuse(
                f"time of copy {copy} is {int(step.time[copy])} where it must be "
                f"{int(self.time[copy])}: it counts the steps, and is 0 after the end of an episode"
            )
        self.time = torch.where(step.done, 0, step.time + 1)

    def _check_metrics(self, step: Step) -> None:
        """Metrics have the same names in every step, and one number for each copy."""
        names = set(step.info)
        for name, value in step.info.items():
            if not isinstance(value, Tensor) or not value.dim() or len(value) != self.env.num_envs:
                came = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
                self.refuse(
                    f"info[{name!r}] is {came}; it must be a tensor with num_envs = "
                    f"{self.env.num_envs} entries"
                )
        if self.metrics is not None and names != self.metrics:
            late = min(names ^ self.metrics)
            came = "is new" if late in names else "is missing"
            self.refuse(
                f"info[{late!r}] {came} in this step; metrics are in every step, NaN where there "
                "is none yet"
            )
        self.metrics = names
