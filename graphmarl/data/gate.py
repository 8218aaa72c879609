"""The gate of environments, where steps are checked and devices are crossed, in every mode."""

from __future__ import annotations

from typing import NoReturn

import torch
from torch import Tensor

from graphmarl.step import Environment, Step, check_step


class StepGate:
    """Checks the steps of an environment, each in itself and after the one before.

    Messages name the environment, the copy and the agent. Steps of environments from outside the
    library are copied, since many write each step into the tensors of the one before.

    Steps and actions change their device here and nowhere else: an engine on the CPU is played by a
    policy on another device.

    Args:
        env: the environment, whose steps are passed in order.
        device: where the steps are needed; None leaves them on the device of the environment.
    """

    def __init__(self, env: Environment, device: torch.device | None = None) -> None:
        self.env, self.name, self.device = env, type(env).__name__, device
        self.copies = not type(env).__module__.startswith("graphmarl.")
        self.time: Tensor | None = None
        self.metrics: set[str] | None = None

    def reset(self, seed: int) -> Step:
        """Begin new episodes in all copies.

        Args:
            seed: the seed.

        Raises:
            ValueError: names what is wrong with the first step.
        """
        return self.begin(self.env.reset(seed))

    def step(self, action: Tensor) -> Step:
        """Advance every copy.

        Args:
            action: the actions, on any device.

        Raises:
            ValueError: names what is wrong with the action or the next step.
        """
        return self.check(self.env.step(action.to(self.env.device)))

    def begin(self, step: Step) -> Step:
        """Check the step that `reset` or `load_state_dict` returned.

        Args:
            step: the step, which is returned or copied.

        Raises:
            ValueError: names what is wrong with it.
        """
        self.time, self.metrics = None, None
        return self.check(step)

    def check(self, step: Step) -> Step:
        """Check the next step.

        Args:
            step: the step, which is returned or copied, on the device where it is needed.

        Raises:
            ValueError: names what is wrong with it.
        """
        found: object = step
        if not isinstance(found, Step):
            self.refuse(f"returned {type(found).__name__}; an environment returns a Step")
        try:
            check_step(step, self.env.spec, self.env.num_envs)
        except ValueError as error:
            self.refuse(str(error))
        self._check_time(step)
        self._check_metrics(step)
        if self.device is not None and step.alive.device != self.device:
            return step.to(self.device)
        return step.clone() if self.copies else step

    def refuse(self, reason: str) -> NoReturn:
        """Raise the error of a step.

        Args:
            reason: what is wrong with it.

        Raises:
            ValueError: always.
        """
        raise ValueError(f"environment {self.name}: {reason}")

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
        """Metrics have the same names in every step."""
        names = set(step.info)
        if self.metrics is not None and names != self.metrics:
            late = min(names ^ self.metrics)
            came = "is new" if late in names else "is missing"
            self.refuse(
                f"info[{late!r}] {came} in this step; metrics are in every step, NaN where there "
                "is none yet"
            )
        self.metrics = names
