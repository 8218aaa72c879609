"""Checks of saved states of environments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

OBSERVED = "observed"
"""Name of the step that a state has beside it where steps are compiled."""


def check_state(
    state: Mapping[str, Any], own: Mapping[str, Any], tensors: Sequence[str], num_envs: int
) -> None:
    """Refuse a saved state of another environment.

    Args:
        state: what was saved.
        own: state of this environment.
        tensors: names of its tensors.
        num_envs: its copies.

    Raises:
        ValueError: the state is of another environment or another number of copies.
    """
    came = len(state["time"])
    if came != num_envs:
        raise ValueError(f"the state is of {came} copies; this has num_envs = {num_envs}")
    names, known = ([name for name in each if name != OBSERVED] for each in (state, own))
    if set(names) != set(known):
        raise ValueError(f"the state has {', '.join(names)}; this has {', '.join(known)}")
    for name in tensors:
        value, there = state[name], own[name]
        if value.shape != there.shape or value.dtype != there.dtype:
            raise ValueError(
                f"the state's {name} is {value.dtype} of shape {tuple(value.shape)}; "
                f"this has {there.dtype} of shape {tuple(there.shape)}"
            )
