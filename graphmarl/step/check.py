"""Checks of actions and steps where they are passed on."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Bool
from torch import Tensor

from graphmarl.step.interface import Spec, Step

TYPES = {name: (torch.float32,) for name in ("reward", "position", "state")}
TYPES |= {name: (torch.bool,) for name in ("alive", "terminated", "truncated", "available")}
TYPES |= {"time": (torch.int64,), "links": (torch.int64,), "obs": (torch.float32, torch.uint8)}
"""Types of the fields of a step."""


def check_action(action: Tensor, spec: Spec, num_envs: int) -> None:
    """Refuse an action of the wrong shape, type or range.

    Args:
        action: the action.
        spec: shapes of the environment.
        num_envs: environment copies.

    Raises:
        ValueError: names the value and what is allowed.
    """
    if not isinstance(action, Tensor):
        raise ValueError(f"action is {type(action).__name__}; it must be a tensor")
    discrete = spec.action == "discrete"
    shape = (num_envs, spec.num_agents) + (() if discrete else (spec.num_actions,))
    if tuple(action.shape) != shape:
        raise ValueError(
            f"action has shape {tuple(action.shape)}; expected {shape}, one for each agent slot"
        )
    if discrete and (action.is_floating_point() or action.is_complex()):
        raise ValueError(f"action has type {action.dtype}; discrete actions are integers")
    low, high = (0, spec.num_actions - 1) if discrete else (-1, 1)
    if not torch.equal(action, action.clamp(low, high)):  # also where it is NaN
        outside = ~((action >= low) & (action <= high))
        where = outside.nonzero()[0].tolist()
        value = action[tuple(where)].item()
        raise ValueError(
            f"action {value} of environment {where[0]}, agent {where[1]} is out of range; "
            f"allowed are {low} to {high}"
        )


def check_step(step: Step, spec: Spec, num_envs: int) -> None:
    """Refuse a step that contradicts the spec in itself: fields, numbers, masks, links, metrics.

    Args:
        step: the step.
        spec: shapes of the environment.
        num_envs: environment copies.

    Raises:
        ValueError: names the field, its value and what is allowed.
    """
    _check_fields(step, spec, num_envs)
    # A single number for all checks, since each one waits for the device.
    if _flawed(step, spec).any():
        _refuse_numbers(step, num_envs, spec.num_agents)


def _check_fields(step: Step, spec: Spec, num_envs: int) -> None:
    """Check kinds, shapes, types and devices."""
    pair = (num_envs, spec.num_agents)
    shapes: dict[str, tuple[int, ...] | None] = {
        "obs": pair + tuple(spec.obs_shape),
        "alive": pair,
        "reward": pair,
        "terminated": (num_envs,),
        "truncated": (num_envs,),
        "time": (num_envs,),
        "position": (*pair, 2) if spec.has_position else None,
        "available": (*pair, spec.num_actions) if spec.has_available else None,
        "state": (num_envs, spec.state_size) if spec.state_size else None,
    }
    for name, types in TYPES.items():
        value: Any = getattr(step, name)
        if value is not None and not isinstance(value, Tensor):
            raise ValueError(f"{name} is {type(value).__name__}; it must be a tensor")
        came = None if value is None else tuple(value.shape)
        if name in shapes and came != shapes[name]:
            raise ValueError(f"{name} has shape {came}; its spec says {shapes[name]}")
        if value is not None and value.dtype not in types:
            raise ValueError(f"{name} has type {value.dtype}; allowed is {types[0]}")
    links = step.links
    if links is not None and (links.dim() != 2 or len(links) != 2):
        raise ValueError(f"links has shape {tuple(links.shape)}; allowed is (2, edges)")
    for name, value in step.info.items():
        came = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
        if not isinstance(value, Tensor) or not value.dim() or len(value) != num_envs:
            allowed = f"a tensor with num_envs = {num_envs} entries"
            raise ValueError(f"info[{name!r}] is {came}; it must be {allowed}")
    _check_devices(step)


def _check_devices(step: Step) -> None:
    """All tensors are on one device."""
    values = {name: getattr(step, name) for name in TYPES}
    values |= {f"info[{name!r}]": value for name, value in step.info.items()}
    for name, value in values.items():
        if value is not None and value.device != step.alive.device:
            raise ValueError(f"{name} is on {value.device}; alive is on {step.alive.device}")


def _flawed(step: Step, spec: Spec) -> Bool[Tensor, " check"]:
    """Whether the step fails each of the checks of its numbers."""
    values = [getattr(step, name) for name in TYPES]
    real = [each for each in values if each is not None and each.is_floating_point()]
    flaws = [~torch.isfinite(value).all() for value in real]
    if step.available is not None:
        flaws.append((step.alive & ~step.available.any(-1)).any())
    if step.links is not None:
        flaws += [((step.links < 0) | (step.links >= step.alive.numel())).any()]
        flaws += [(step.links[0] // spec.num_agents != step.links[1] // spec.num_agents).any()]
    return torch.stack(flaws)


def _refuse_numbers(step: Step, num_envs: int, agents: int) -> None:
    """Name the first check that fails."""
    for name in TYPES:
        value: Any = getattr(step, name)
        if value is not None and value.is_floating_point():
            _check_finite(name, value, step.time)
    if step.available is not None and (stuck := step.alive & ~step.available.any(-1)).any():
        copy, agent = stuck.nonzero()[0].tolist()
        raise ValueError(f"agent {agent} of copy {copy} is alive and has no legal action")
    if step.links is not None and step.links.numel():
        _check_links(step.links, num_envs, agents)


def _check_finite(name: str, value: Tensor, time: Tensor) -> None:
    if (finite := torch.isfinite(value)).all():
        return
    copy, *rest = (~finite).nonzero()[0].tolist()
    agent = f", agent {rest[0]}" if name != "state" else ""
    number = value[~finite][0].item()
    where = f"{name} of copy {copy}{agent}"
    raise ValueError(f"{where} contains NaN or infinity: {number} at time {int(time[copy])}")


def _check_links(links: Tensor, num_envs: int, agents: int) -> None:
    low, high, rows = int(links.min()), int(links.max()), num_envs * agents - 1
    if low < 0 or high > rows:
        raise ValueError(f"links has rows {low} to {high}; allowed are 0 to {rows}")
    if (links[0] // agents != links[1] // agents).any():
        raise ValueError("links joins agents of different copies")
