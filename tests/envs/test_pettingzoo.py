"""PettingZoo's environments as ours: slots, spaces and ends."""

import pytest
import torch
from gymnasium import spaces
from parallel_games import Push, Walk, masked_walk, places, push, walk

from graphmarl.envs import FromPettingZoo, ToPettingZoo
from graphmarl.envs.pettingzoo import resolve


def test_kinds_share_the_widest_shape_and_layout_says_what_counts():
    spec = FromPettingZoo(walk, num_envs=1).spec
    assert spec.kinds == ("slow", "fast")
    assert spec.kind == (0, 0, 1)
    assert (spec.obs_shape, spec.num_actions) == ((3,), 3)
    assert spec.layout == {"slow": slice(0, 2), "fast": slice(0, 3)}
    assert (spec.state_size, spec.has_available, spec.has_position) == (3, True, False)


def test_an_agent_that_ends_is_dead_and_time_that_ends_is_truncation():
    env = FromPettingZoo(walk, num_envs=1, position=places)
    env.reset(0)
    away = torch.tensor([[1, 0, 1]])  # right, left, and the start of the third is -1: stays
    steps = [env.step(away) for _ in range(12)]
    died = next(i for i, s in enumerate(steps) if not s.alive[0, 0])
    assert abs(float(steps[died].reward[0, 0])) == 4
    assert steps[died + 1].reward[0, 0] == 0
    assert not steps[died].obs[0, 0].any()
    assert steps[-1].alive[0].tolist() == [False, False, True]
    assert (steps[-1].truncated.item(), steps[-1].terminated.item()) == (True, False)
    assert steps[-1].position is not None
    assert steps[-1].position[0, 2, 0] == steps[-1].obs[0, 2, 0]


def test_the_end_of_the_last_agent_terminates():
    env = FromPettingZoo(walk, num_envs=1)
    env.reset(0)
    step = env.step(torch.tensor([[1, 1, 2]]))
    while not step.done:
        step = env.step(torch.tensor([[1, 1, 2]]))
    assert (step.terminated.item(), step.truncated.item()) == (True, False)
    assert not step.alive.any()


def test_masks_become_available():
    step = FromPettingZoo(masked_walk, num_envs=1, masked=True).reset(0)
    assert step.available is not None
    assert step.available[0].tolist() == [[True, True, False]] * 3
    plain = FromPettingZoo(walk, num_envs=1).reset(0)
    assert plain.available is not None
    assert plain.available[0].tolist() == [[True, True, False]] * 2 + [[True] * 3]


def test_an_action_that_an_agent_does_not_have_is_refused():
    env = FromPettingZoo(walk, num_envs=1)
    env.reset(0)
    with pytest.raises(ValueError, match="action 2 .* agent 1 is not available; allowed are 0, 1"):
        env.step(torch.tensor([[0, 2, 0]]))


def test_boxes_are_scaled_and_discrete_observations_are_one_hot():
    env = FromPettingZoo(push, num_envs=1)
    assert env.reset(0).obs.tolist() == [[[1, 0, 0, 0, 0]]]
    step = env.step(torch.tensor([[[-1.0, 0.5]]]))
    assert step.reward.item() == pytest.approx(0 + 7.5)
    assert step.obs.tolist() == [[[0, 1, 0, 0, 0]]]


class Unbounded(Push):
    def action_space(self, agent):
        return spaces.Box(0, float("inf"), (2,))


class Mixed(Walk):
    def action_space(self, agent):
        return spaces.Box(0, 1, (2,)) if agent == "fast_0" else spaces.Discrete(2)


def test_spaces_without_meaning_here_are_refused():
    with pytest.raises(ValueError, match="all Discrete or all Box"):
        FromPettingZoo(Mixed)
    with pytest.raises(ValueError, match="no bounds"):
        FromPettingZoo(Unbounded)
    with pytest.raises(ValueError, match="workers can only import functions"):
        FromPettingZoo(lambda: Walk(), workers=1)
    with pytest.raises(ValueError, match=r"package\.module:function"):
        FromPettingZoo("walk")
    assert resolve("parallel_games:walk", "make") is walk


def test_both_ways_lead_back():
    direct, round_trip = Walk(), ToPettingZoo(FromPettingZoo(walk, num_envs=1))
    seed = 3
    seen, _ = round_trip.reset(seed)
    assert round_trip.agents == direct.possible_agents
    assert round_trip.state().shape == (3,)
    assert round_trip.reset(seed)[0]["fast_0"]["observation"].tolist() == (
        seen["fast_0"]["observation"].tolist()
    )
    _, reward, ended, cut, _ = round_trip.step(dict.fromkeys(round_trip.agents, 1))
    assert set(reward) == set(ended) == set(cut) == set(direct.possible_agents)
