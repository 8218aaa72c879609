"""Single steps of all environment copies, of which trajectories are made."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from graphmarl.agent_graph import Edges
from graphmarl.step import Step


class Move(NamedTuple):
    """One step of all environment copies.

    Args:
        step: the step in which the actions were chosen.
        next_step: the step that they led to.
        edges: edges of the agent graphs.
        action: the actions.
        last_action: the actions of the step before.
        stored: what the policy stores.
        earned: return of each copy, up to this step of its episode.
    """

    step: Step
    next_step: Step
    edges: Edges
    action: Tensor
    last_action: Tensor
    stored: dict[str, Tensor]
    earned: Tensor


def device_random_state(device: torch.device) -> Tensor | None:
    """State of the generator of a device, for a saved state; None for the CPU.

    Args:
        device: the device.
    """
    return torch.cuda.get_rng_state(device) if device.type == "cuda" else None


def stack_steps(steps: list[Step], next_steps: list[Step]) -> dict[str, Any]:
    """The fields of a trajectory that come from the environment.

    Args:
        steps: the steps in which actions were chosen.
        next_steps: the steps that they led to.
    """
    fields = ("obs", "alive", "time", "position", "available", "state")
    transition = ("reward", "terminated", "truncated", "valid")
    return (
        {name: _stack(steps, name) for name in fields}
        | {name: _stack(next_steps, name) for name in transition}
        | {"survived": _stack(next_steps, "alive")}
    )


def _stack(steps: list[Step], name: str) -> Any:
    """A field of all steps, or None if they have none."""
    values = [getattr(step, name) for step in steps]
    return None if values[0] is None else torch.stack(values)
