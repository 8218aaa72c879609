"""The base of batched environments: time, ends, seams, randomness, saving."""

from itertools import pairwise

import pytest
import torch
from torch import Tensor

from graphmarl.envs import Batched, Hallway, Sensor, check_env
from graphmarl.envs.batched import ADVANCE, BEGIN, OBSERVE
from graphmarl.envs.counter_rng import CounterRNG
from graphmarl.step import Spec


class Walk(Batched):
    """Drift by the action and by chance; whoever leaves [-2, 2] ends it. Everything is random."""

    x: Tensor
    coin: Tensor

    def __init__(self, num_envs=4, horizon=9, num_agents=2):
        spec = Spec(num_agents, (2,), 3, horizon, has_position=False)
        super().__init__(spec, num_envs)

    def begin(self):
        return {"x": self.uniform(self.spec.num_agents) - 0.5, "coin": self.integers(0, 2)}

    def advance(self, action):
        noise = self.uniform(self.spec.num_agents) - 0.5
        self.x = self.x + 0.4 * (action - 1) + noise
        return self.x, (self.x.abs() > 2).any(1)

    def observe(self):
        seen = torch.stack([self.x, self.uniform(self.spec.num_agents)], 2)
        return {"obs": seen, "info": {"coin": self.coin.float()}}


class Pendulum(Batched):
    """One number that a continuous action pushes."""

    x: Tensor

    def __init__(self, num_envs=2):
        super().__init__(Spec(1, (1,), 1, 4, action="continuous", has_position=False), num_envs)

    def begin(self):
        return {"x": self.uniform(1)}

    def advance(self, action):
        self.x = self.x + action[..., 0]
        return -self.x.abs(), self.none_ended

    def observe(self):
        return {"obs": self.x.unsqueeze(2)}


def go_right(env, steps):
    return [env.step(torch.full((env.num_envs, env.spec.num_agents), 2)) for _ in range(steps)]


@pytest.mark.parametrize("make", [Walk, Pendulum])
def test_it_keeps_the_contract(make):
    check_env(make(5), steps=40, make=make)


def test_an_episode_is_truncated_at_its_horizon_and_the_next_begins():
    env = Walk(num_envs=2, horizon=3)
    env.reset(0)
    stay = torch.ones(2, 2, dtype=torch.long)
    steps = [env.step(stay) for _ in range(5)]
    assert [step.time.tolist() for step in steps] == [[1, 1], [2, 2], [3, 3], [0, 0], [1, 1]]
    assert [bool(step.truncated.all()) for step in steps] == [False, False, True, False, False]
    assert not any(step.terminated.any() for step in steps)
    assert steps[3].reward.abs().sum() == 0
    assert env.episode.tolist() == [1, 1]


def test_an_end_by_the_rules_is_no_truncation_even_at_the_horizon():
    env = Sensor(num_envs=2)
    env.reset(0)
    step = env.step(torch.full((2, 3), 4))
    assert step.terminated.all() and not step.truncated.any()


def test_copies_end_and_begin_each_at_its_own_time():
    env = Walk(num_envs=64, horizon=50)
    steps = [env.reset(0), *go_right(env, 30)]
    assert len({tuple(step.done.tolist()) for step in steps}) > 3
    for before, after in pairwise(steps):
        expected = torch.where(before.done, 0, before.time + 1)
        assert torch.equal(after.time, expected)
    counted = torch.stack([step.done for step in steps[:-1]]).sum(0)
    assert torch.equal(env.episode, counted)


def test_a_copy_does_not_know_how_many_others_there_are():
    few, many = Walk(num_envs=3), Walk(num_envs=50)
    few.reset(11)
    many.reset(11)
    for one, other in zip(go_right(few, 30), go_right(many, 30), strict=True):
        for name in ("obs", "reward", "terminated", "truncated", "time"):
            assert torch.equal(getattr(one, name), getattr(other, name)[:3]), name


def test_seeds_copies_and_episodes_differ():
    env = Walk(num_envs=200, horizon=1)
    first = torch.stack([env.reset(seed).obs for seed in (0, 1, 2**63)])
    env.reset(0)
    later = go_right(env, 2)[1].obs
    values = torch.cat([first.flatten(), later.flatten()])
    assert len(values.unique()) > 0.99 * len(values)
    assert torch.equal(env.reset(0).obs, first[0])


class Tape(Batched):
    """Shows the draws of `begin`, `advance` and `observe`; copy b's episodes have b + 1 steps."""

    begun: Tensor
    went: Tensor

    def __init__(self, num_envs=4):
        super().__init__(Spec(1, (3,), 2, 9, has_position=False), num_envs)

    def begin(self):
        return {"begun": self.uniform(), "went": self.uniform()}

    def advance(self, action):
        self.went = self.uniform()
        return self.zeros, self.time > torch.arange(self.num_envs)

    def observe(self):
        return {"obs": torch.stack([self.begun, self.went, self.uniform()], 1).unsqueeze(1)}


def test_a_draw_depends_on_its_place_and_on_nothing_else():
    env, draws = Tape(), CounterRNG(4)
    draws.seed(5)
    step = env.reset(5)
    for _ in range(12):
        draws.begin(env.episode)
        shown = []
        for phase in (BEGIN, ADVANCE, OBSERVE):
            draws.move(step.time * (phase != BEGIN), phase)
            shown.append(draws.uniform(2))
        begun, went, seen = shown
        expected = [begun[:, 0], torch.where(step.time == 0, begun[:, 1], went[:, 0]), seen[:, 0]]
        assert torch.equal(step.obs[:, 0], torch.stack(expected, 1))
        assert len(step.obs.unique()) == step.obs.numel()
        step = env.step(torch.zeros(4, 1, dtype=torch.long))
    assert env.episode.tolist() == [6, 4, 3, 2]


def test_writing_into_a_saved_state_changes_nothing():
    env = Walk()
    before = env.reset(3).obs
    state = env.state_dict()
    for name in state.keys() - {"seed"}:
        state[name].zero_()
    assert torch.equal(env.load_state_dict(env.state_dict()).obs, before)


def test_a_state_goes_on_in_another_environment_and_does_not_follow_the_first():
    env, other = Walk(), Walk()
    env.reset(3)
    go_right(env, 7)
    state = env.state_dict()
    kept = {name: value.clone() for name, value in state.items() if name != "seed"}
    rest = go_right(env, 20)
    assert all(torch.equal(state[name], value) for name, value in kept.items())
    other.load_state_dict(state)
    for value in kept:
        state[value].zero_()
    for one, two in zip(rest, go_right(other, 20), strict=True):
        assert torch.equal(one.obs, two.obs) and torch.equal(one.reward, two.reward)
    assert all(torch.is_tensor(value) for name, value in state.items() if name != "seed")


def test_what_cannot_be_is_refused_with_its_reason():
    with pytest.raises(ValueError, match="num_envs is 0; allowed are whole numbers from 1"):
        Walk(num_envs=0)
    with pytest.raises(ValueError, match="Spec: horizon is 0; allowed are whole numbers from 1"):
        Walk(horizon=0)
    env = Walk()
    with pytest.raises(RuntimeError, match=r"Walk has not begun: call reset\(seed\) first"):
        env.step(torch.zeros(4, 2, dtype=torch.long))
    with pytest.raises(RuntimeError, match="has not begun"):
        env.state_dict()
    with pytest.raises(ValueError, match="seed is -1; it must not be negative"):
        env.reset(-1)
    env.reset(0)
    with pytest.raises(ValueError, match="out of range"):
        env.step(torch.full((4, 2), 3))
    with pytest.raises(ValueError, match="the state is of 4 copies; this has num_envs = 3"):
        Walk(num_envs=3).load_state_dict(env.state_dict())
    with pytest.raises(ValueError, match="the state has .*coin; this has .*place, won"):
        Hallway(num_envs=4).load_state_dict(env.state_dict())
    go_right(env, 2)
    before = env.state_dict()
    with pytest.raises(ValueError, match=r"state's reward is torch.float32 of shape \(4, 3\)"):
        env.load_state_dict(three_agents())
    assert torch.equal(env.state_dict()["x"], before["x"]), "a refused state changes nothing"


def three_agents():
    env = Walk(num_agents=3)
    env.reset(0)
    return env.state_dict()


def test_all_kinds_of_integers_are_actions():
    env = Hallway(num_envs=2)
    env.reset(0)
    state = env.state_dict()
    expected = env.step(torch.ones(2, 2, dtype=torch.long)).obs
    for kind in (torch.int8, torch.int32):
        env.load_state_dict(state)
        assert torch.equal(env.step(torch.ones(2, 2, dtype=kind)).obs, expected)
