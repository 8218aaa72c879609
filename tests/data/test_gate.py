"""What an environment returns is checked where it enters, with its name, copy and agent."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from toy import Toy

from graphmarl.data import first_episodes
from graphmarl.data.gate import StepGate
from graphmarl.experiment.policies import random_policy
from graphmarl.step import Spec, Step


class Hostile(Toy):
    """Breaks one rule from the second step on."""

    def __init__(self, change: Callable[[Step], Any], after: int = 2) -> None:
        super().__init__(num_envs=2)
        self.change, self.after, self.count = change, after, 0

    def reset(self, seed: int) -> Any:
        self.count = 0
        return self._changed(super().reset(seed))

    def step(self, action: torch.Tensor) -> Any:
        self.count += 1
        return self._changed(super().step(action))

    def _changed(self, step: Step) -> Any:
        return self.change(step) if self.count >= self.after else step


def with_fields(step: Step, **fields: Any) -> Any:
    """A step as one makes it without the shape checks that these tests run under."""
    changed = copy.copy(step)
    for name, value in fields.items():
        setattr(changed, name, value)
    return changed


def put(name: str, where: tuple[int, ...], value: float) -> Callable[[Step], Any]:
    def change(step: Step) -> Step:
        changed = getattr(step, name).clone()
        changed[where] = value
        return with_fields(step, **{name: changed})

    return change


def metric(value: Callable[[Step], Any]) -> Callable[[Step], Any]:
    return lambda step: with_fields(step, info={**step.info, "won": value(step)})


def stuck(step: Step) -> Step:
    return put("available", (1, 2), False)(put("alive", (1, 2), True)(step))


HOSTILE = {
    "nan": (put("obs", (1, 2, 0), float("nan")), "Hostile: obs of copy 1, agent 2 .* nan at time"),
    "infinite": (put("reward", (0, 1), float("inf")), "reward of copy 0, agent 1 .* inf"),
    "state": (put("state", (1, 0), float("nan")), "state of copy 1 contains NaN"),
    "place": (put("position", (1, 0, 1), float("nan")), "position of copy 1, agent 0"),
    "stuck": (stuck, "agent 2 of copy 1 is alive and has no legal action"),
    "narrow": (
        lambda s: with_fields(s, obs=s.obs[..., :3]),
        r"obs has shape \(2, 3, 3\); its spec",
    ),
    "fewer": (
        lambda s: with_fields(s, alive=s.alive[:, :2]),
        r"alive has shape \(2, 2\); its spec",
    ),
    "double": (lambda s: with_fields(s, reward=s.reward.double()), "reward has type torch.float64"),
    "whole": (lambda s: with_fields(s, alive=s.alive.long()), "alive has type torch.int64"),
    "array": (lambda s: with_fields(s, obs=s.obs.numpy()), "obs is ndarray; it must be a tensor"),
    "mask": (lambda s: with_fields(s, available=None), "available has shape None; its spec says"),
    "unasked": (lambda s: with_fields(s, links=torch.tensor([[0], [9]])), "links has rows 0 to 9"),
    "across": (lambda s: with_fields(s, links=torch.tensor([[0], [3]])), "of different copies"),
    "clock": (put("time", (0,), 40), "time of copy 0 is 40 where it must be 2"),
    "late": (
        lambda s: with_fields(s, info={**s.info, "won": s.time}),
        r"info\['won'\] is new in this step",
    ),
    "scalar": (
        lambda s: with_fields(s, info={**s.info, "won": 1.0}),
        r"info\['won'\] is float; it must be",
    ),
    "short": (
        lambda s: with_fields(s, info={**s.info, "won": s.time[:1]}),
        r"info\['won'\] is \(1,\)",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_environment_is_named_in_play(name):
    change, message = HOSTILE[name]
    env = Hostile(change)
    with pytest.raises(ValueError, match=message):
        list(first_episodes(env, random_policy(env), 0))


def test_an_honest_environment_passes_and_its_first_step_is_checked():
    env = Toy(2)
    assert len(list(first_episodes(env, random_policy(env), 0))) == env.spec.horizon
    gate = StepGate(Hostile(put("obs", (0, 0, 0), float("nan")), after=0))
    with pytest.raises(ValueError, match="environment Hostile: obs of copy 0, agent 0"):
        gate.begin(gate.env.reset(0))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_agents": 0}, "Spec: num_agents is 0; allowed are whole numbers from 1"),
        ({"num_agents": True}, "num_agents is True"),
        ({"obs_shape": (0,)}, r"obs_shape is \(0,\)"),
        ({"horizon": -1}, "horizon is -1"),
        ({"state_size": -1}, "state_size is -1"),
    ],
)
def test_a_specification_is_checked(changes, message):
    good = {"num_agents": 2, "obs_shape": (3,), "num_actions": 2, "horizon": 5}
    with pytest.raises(ValueError, match=message):
        Spec(**{**good, **changes})


class Overwriting(Toy):
    """Writes each step into the tensors of the first."""

    def reset(self, seed: int) -> Step:
        self.first = super().reset(seed).clone()
        return self.first

    def step(self, action: torch.Tensor) -> Step:
        step = super().step(action)
        for name in ("obs", "time", "reward", "alive"):
            getattr(self.first, name).copy_(getattr(step, name))
        return step.replace(obs=self.first.obs, time=self.first.time)


def test_steps_that_are_written_again_are_kept_as_they_were():
    env = Overwriting(num_envs=1)
    times = [int(moved.step.time) for moved in list(first_episodes(env, random_policy(env), 0))]
    assert times == list(range(len(times))) and len(times) > 1
