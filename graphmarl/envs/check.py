"""Test of the environment contract, importable by third-party environments."""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from dataclasses import fields
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from graphmarl.step import Environment, Spec, Step, check_step


def check_env(
    env: Environment,
    seed: int = 0,
    steps: int | None = None,
    make: Callable[[int], Environment] | None = None,
) -> None:
    """Run random actions in an environment and check every step against the contract.

    Args:
        env: environment to check; it is reset with `seed` and left in an arbitrary state.
        seed: seed of the episodes and of the actions.
        steps: steps to run; by default until every episode must have ended once.
        make: function that builds the same environment with another `num_envs`, to check that
            copies are independent and that a state can be loaded into another instance.

    Raises:
        AssertionError: a rule is broken; the message names it.
        ValueError: a shape or a number contradicts the spec.
    """
    steps = env.spec.horizon + 2 if steps is None else steps
    _check_spec(env.spec)
    plan = random_actions(env, seed, steps)
    played, kept = [env.reset(seed)], []
    for action in plan:
        kept.append(played[-1].clone())
        played.append(env.step(action))
    kept.append(played[-1].clone())
    names = played[0].info.keys()
    for step, copy in zip(played, kept, strict=True):
        _check_shapes(step, env)
        other = min(step.info.keys() ^ names, default="")
        _require(not other, f"info[{other!r}] is in some steps only; metrics are in every step")
        _require_equal(step, copy, "a step's tensors changed after later steps: they are aliased")
    _check_first(played[0])
    gone = torch.zeros_like(played[0].alive)
    for before, after in pairwise(played):
        gone = _check_transition(before, after, gone, env.spec)
    _check_repeats(env, seed, plan, kept)
    _check_refusals(env)
    _check_saving(env, seed, plan, make)
    if make is not None:
        _check_copies(make, seed, plan, kept)


def random_actions(env: Environment, seed: int, steps: int) -> list[Tensor]:
    """Legal random actions of one trajectory, a function of the seed."""
    generator = torch.Generator().manual_seed(seed)
    spec, pair = env.spec, (env.num_envs, env.spec.num_agents)
    step, plan = env.reset(seed), []
    for _ in range(steps):
        if spec.action == "continuous":
            action = 2 * torch.rand(*pair, spec.num_actions, generator=generator) - 1
        else:
            score = torch.rand(*pair, spec.num_actions, generator=generator)
            if step.available is not None:
                score = score * step.available.to(score.device)
            action = score.argmax(-1)
        plan.append(action.to(step.obs.device))
        step = env.step(plan[-1])
    return plan


def _play(env: Environment, seed: int, plan: list[Tensor]) -> list[Step]:
    return [env.reset(seed)] + [env.step(action) for action in plan]


def _require(holds: bool | Tensor, rule: str) -> None:
    if not bool(holds):
        raise AssertionError(rule)


def _tensors(step: Step) -> dict[str, Tensor]:
    named = {field.name: getattr(step, field.name) for field in fields(step)}
    info = named.pop("info")
    named |= {f"info['{name}']": value for name, value in info.items()}
    return {name: value for name, value in named.items() if value is not None}


def _require_equal(one: Step, other: Step, rule: str) -> None:
    first, second = _tensors(one), _tensors(other)
    _require(first.keys() == second.keys(), f"{rule} (fields differ)")
    for name, value in first.items():
        _require(torch.equal(value, second[name]), f"{rule} ({name} differs)")


def _check_spec(spec: Spec) -> None:
    width = spec.obs_shape[-1] if spec.obs_shape else 0
    for name, part in spec.layout.items():
        inside = 0 <= (part.start or 0) < (width if part.stop is None else part.stop) <= width
        _require(inside, f"layout[{name!r}] = {part} is outside an observation of width {width}")
    _require(spec.horizon >= 1, f"the horizon is {spec.horizon}; it must be at least 1")
    if spec.kind:
        known = len(spec.kind) == spec.num_agents and set(spec.kind) <= set(range(len(spec.kinds)))
        _require(known, "spec.kind must name, for each slot, one of spec.kinds")


def _check_shapes(step: Step, env: Environment) -> None:
    check_step(step, env.spec, env.num_envs)
    devices = {value.device for value in _tensors(step).values()}
    _require(len(devices) == 1, f"a step is on one device; this one is on {devices}")


def _check_first(step: Step) -> None:
    _require((step.time == 0).all(), "reset must return time 0")
    _require((step.reward == 0).all(), "reset must return reward 0")
    _require(not step.done.any(), "an episode cannot have ended at its first observation")


def _check_transition(before: Step, after: Step, gone: Tensor, spec: Spec) -> Tensor:
    """Check one transition; returns the agents that died in the current episodes."""
    ended, seam = before.done, after.time == 0
    _require((seam == ended).all(), "the step after an end, and no other, must have time 0")
    _require((after.reward[seam] == 0).all(), "the reward on the seam must be 0")
    _require(not after.done[seam].any(), "an episode cannot have ended at its first observation")
    _require(
        (after.time == before.time + 1)[~seam].all(), "time must count the steps of the episode"
    )
    _require((after.time <= spec.horizon).all(), "an episode runs past its horizon")
    last = after.time >= spec.horizon
    _require(after.done[last].all(), "an episode at its horizon must be truncated or terminated")
    gone = (gone | (before.alive & ~after.alive)) & ~seam[:, None]
    _require(not (gone & after.alive).any(), "an agent that died was revived within its episode")
    absent = ~before.alive & ~seam[:, None]
    _require(
        (after.reward[absent] == 0).all(), "an agent has a reward after the step in which it died"
    )
    return gone


def _check_repeats(env: Environment, seed: int, plan: list[Tensor], kept: list[Step]) -> None:
    # Advance the global random states, on which no environment may depend.
    torch.rand(1)
    np.random.random()
    random.random()
    for one, other in zip(kept, _play(env, seed, plan), strict=True):
        _require_equal(one, other, "the same seed and actions must give the same steps")


def _check_refusals(env: Environment) -> None:
    spec = env.spec
    step = env.reset(0)
    shape = (env.num_envs, spec.num_agents) + (
        (spec.num_actions,) if spec.action == "continuous" else ()
    )
    kind = torch.float32 if spec.action == "continuous" else torch.long
    good = torch.zeros(shape, dtype=kind, device=step.obs.device)
    high = 2 if spec.action == "continuous" else spec.num_actions
    wrong = {
        "an action above the range": good + high,
        "an action below the range": good - 2,
        "too few agents": good[:, :-1],
        "too few environments": good[:-1],
    }
    for mistake, action in wrong.items():
        try:
            env.step(action)
        except ValueError:
            continue
        raise AssertionError(f"{mistake} must raise ValueError")


def _through_file(state: Any) -> Any:
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


def _check_saving(
    env: Environment, seed: int, plan: list[Tensor], make: Callable[[int], Environment] | None
) -> None:
    """Save mid-episode, at the first end and on the autoreset step; continue from each."""
    played = _play(env, seed, plan)
    ends = [place for place, step in enumerate(played[:-1]) if step.done.any()][:1]
    places = {len(plan) // 2, *ends, *(end + 1 for end in ends)}
    for place in sorted(places):
        step = _play(env, seed, plan[:place])[-1]
        state = _through_file(env.state_dict())
        rest = [env.step(action) for action in plan[place:]]
        other = env if make is None else make(env.num_envs)
        rule = f"a state saved at step {place} must go on as if never saved"
        _require_equal(other.load_state_dict(state), step, rule)
        for action, expected in zip(plan[place:], rest, strict=True):
            _require_equal(other.step(action), expected, rule)
        if other is not env:
            other.close()
    for place in ends:
        _check_seam_ignores(env, seed, plan, place)


def _check_seam_ignores(env: Environment, seed: int, plan: list[Tensor], place: int) -> None:
    ended = _play(env, seed, plan[:place])[-1].done
    expected = env.step(plan[place])
    action = plan[place].clone()
    continuous = env.spec.action == "continuous"
    swapped = -action if continuous else (action + 1) % env.spec.num_actions
    action[ended] = swapped[ended]
    _play(env, seed, plan[:place])
    rule = "the action on the seam must be ignored"
    _require_equal(env.step(action), expected, rule)


def _check_copies(
    make: Callable[[int], Environment], seed: int, plan: list[Tensor], kept: list[Step]
) -> None:
    fewer = max(1, len(kept[0].time) // 2)
    env = make(fewer)
    for step, other in zip(_play(env, seed, [a[:fewer] for a in plan]), kept, strict=True):
        for name, value in _tensors(step).items():
            if name == "links":
                continue
            same = torch.equal(value, _tensors(other)[name][:fewer])
            _require(same, f"copy b depends on the number of copies ({name} differs)")
    env.close()
