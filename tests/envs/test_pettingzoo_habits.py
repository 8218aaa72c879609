"""Habits of other parallel environments: common ones are accepted, the rest refused in words."""

from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from pettingzoo import ParallelEnv

from graphmarl.data import first_episodes
from graphmarl.envs import FromPettingZoo
from graphmarl.experiment.policies import random_policy

MASKED = np.array([1, 1, 0, 0], np.int8)


class Plain(ParallelEnv):
    """Three agents, four actions, eight steps; the observation is the share of the time."""

    metadata: dict[str, Any] = {"name": "plain"}  # noqa: RUF012
    possible_agents = ["agent_0", "agent_1", "agent_2"]  # noqa: RUF012

    def observation_space(self, agent: Any) -> Any:
        return spaces.Box(0, 1, (3,), np.float32)

    def action_space(self, agent: Any) -> Any:
        return spaces.Discrete(4)

    def see(self, agent: Any) -> Any:
        return np.full(3, self.time / 8, np.float32)

    def info(self, agent: Any) -> dict[str, Any]:
        return {}

    def reset(self, seed: Any = None, options: Any = None) -> Any:
        self.agents, self.time = list(self.possible_agents), 0
        return {a: self.see(a) for a in self.agents}, {a: self.info(a) for a in self.agents}

    def step(self, actions: Any) -> Any:
        self.time += 1
        now, cut = self.agents, self.time >= 8
        self.agents = [] if cut else now
        return (
            {a: self.see(a) for a in now},
            {a: float(actions[a] == 1) for a in now},
            dict.fromkeys(now, False),
            dict.fromkeys(now, cut),
            {a: self.info(a) for a in now},
        )


class InfoMask(Plain):
    def info(self, agent: Any) -> dict[str, Any]:
        return {"action_mask": MASKED}


class DictMask(Plain):
    def observation_space(self, agent: Any) -> Any:
        place, goal = spaces.Box(-1, 1, (2,)), spaces.Discrete(3)
        return spaces.Dict({"place": place, "goal": goal, "action_mask": spaces.MultiBinary(4)})

    def see(self, agent: Any) -> Any:
        return {"place": np.ones(2, np.float32), "goal": 1, "action_mask": MASKED}


class LastSeesNothing(Plain):
    def step(self, actions: Any) -> Any:
        obs, *rest = super().step(actions)
        return (obs if self.agents else {}), *rest


class ArrayReward(Plain):
    def step(self, actions: Any) -> Any:
        obs, reward, *rest = super().step(actions)
        return obs, {a: np.array([r]) for a, r in reward.items()}, *rest


class AfterReset(Plain):
    possible_agents = None  # type: ignore[assignment]

    def reset(self, seed: Any = None, options: Any = None) -> Any:
        self.possible_agents = ["a", "b"]
        found = super().reset()
        self.possible_agents = None  # type: ignore[assignment]
        return found


class StateOnly(Plain):
    def state(self) -> Any:
        return np.full((2, 2), self.time, np.float64)


class StateOfAgents(Plain):
    """The state has two numbers of each agent that is left."""

    def state(self) -> Any:
        return np.full(2 * len(self.agents), self.time, np.float32)


class AllDie(StateOfAgents):
    def step(self, actions: Any) -> Any:
        obs, reward, ended, cut, info = super().step(actions)
        return obs, reward, cut, ended, info


class OneLeaves(StateOfAgents):
    def step(self, actions: Any) -> Any:
        found = super().step(actions)
        self.agents = self.agents[:2]
        return found


class Camera(Plain):
    def observation_space(self, agent: Any) -> Any:
        return spaces.Box(0, 255, (6, 5, 3), np.uint8)

    def see(self, agent: Any) -> Any:
        return np.full((6, 5, 3), 51, np.uint8)

    def state(self) -> Any:
        return np.full((2, 2), 51, np.uint8)


class WideReward(ArrayReward):
    def step(self, actions: Any) -> Any:
        obs, reward, *rest = super().step(actions)
        return obs, {a: np.zeros(2) for a in reward}, *rest


class Stranger(Plain):
    def step(self, actions: Any) -> Any:
        found = super().step(actions)
        self.agents = [*self.agents, "ghost"]
        return found


class Misfit(Plain):
    def see(self, agent: Any) -> Any:
        return np.zeros(4, np.float32)


class NoLegal(InfoMask):
    def info(self, agent: Any) -> dict[str, Any]:
        return {"action_mask": MASKED * (agent == "agent_0")}


class LateMask(Plain):
    def info(self, agent: Any) -> dict[str, Any]:
        return {"action_mask": MASKED} if self.time == 3 else {}


class ShortMask(Plain):
    def info(self, agent: Any) -> dict[str, Any]:
        return {"action_mask": MASKED[:2]}


class OldReset(Plain):
    def reset(self, seed: Any = None, options: Any = None) -> Any:
        return super().reset()[0]


class Infinite(Plain):
    def see(self, agent: Any) -> Any:
        return np.array([np.inf, 0, 1], np.float32)


class Many(Plain):
    def action_space(self, agent: Any) -> Any:
        return spaces.MultiDiscrete([3, 2])


def aec() -> Any:
    from mpe2 import simple_spread_v3

    return simple_spread_v3.env(max_cycles=5)


def played(make: Any, **options: Any) -> list[Any]:
    env = FromPettingZoo(make, num_envs=2, **options)
    return [moved.next_step for moved in first_episodes(env, random_policy(env), 0)]


@pytest.mark.parametrize("make", [InfoMask, DictMask])
def test_masks_are_found_in_either_place_and_kept(make):
    for step in played(make):
        assert step.available[step.alive].tolist() == [[True, True, False, False]] * 6
    env = FromPettingZoo(make, num_envs=1)
    env.reset(0)
    before = env.state_dict()
    with pytest.raises(ValueError, match=r"action 3 .* agent 1 is not available; allowed are 0, 1"):
        env.step(torch.tensor([[0, 3, 0]]))
    assert str(env.state_dict()) == str(before)


def test_a_dictionary_is_flattened_part_by_part():
    env = FromPettingZoo(DictMask, num_envs=1)
    assert env.spec.obs_shape == (5,)
    assert env.reset(0).obs[0, 0].sort().values.tolist() == [0, 0, 1, 1, 1]


def test_an_agent_that_is_truncated_unseen_keeps_its_last_observation():
    last = played(LastSeesNothing)[-1]
    assert last.truncated.all() and last.alive.all()
    assert last.obs.unique().tolist() == [7 / 8]


def test_rewards_in_arrays_agents_after_reset_and_environments_of_turns():
    assert {float(x) for step in played(ArrayReward) for x in step.reward.flatten()} == {0.0, 1.0}
    assert played(AfterReset)[0].alive.shape == (2, 2)
    assert len(played(aec)) == 5


def test_global_states():
    assert [step.state[0].tolist() for step in played(StateOnly)][2] == [3.0] * 4
    joined = played(Plain, state="joined")[0].state
    assert joined[0].tolist() == [1 / 8] * 9
    assert FromPettingZoo(StateOnly, state="none").spec.state_size == 0
    assert FromPettingZoo(Plain).spec.state_size == 0


def test_a_state_that_is_empty_after_the_end_is_kept_where_it_is_bootstrapped_from():
    cut, dead = played(StateOfAgents)[-1], played(AllDie)[-1]
    assert cut.truncated.all() and cut.state[0].tolist() == [7.0] * 6
    assert dead.terminated.all() and dead.state[0].tolist() == [0.0] * 6


def test_pictures_stay_bytes_and_are_scaled_when_they_are_read():
    from graphmarl.agent_graph import agent_graph

    env = FromPettingZoo(Camera, num_envs=1)
    step = env.reset(0)
    assert env.spec.obs_shape == (6, 5, 3) and step.obs.dtype == torch.uint8
    x = agent_graph(step, env.spec).x
    assert x is not None and x.shape == (3, 6, 5, 3)
    assert x.unique().tolist() == pytest.approx([0.2])
    assert step.state is not None and step.state.unique().tolist() == pytest.approx([0.2])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (WideReward, r"the reward of agent_0 has shape \(2,\); it must be one number"),
        (Stranger, "agent ghost is not among possible_agents, which are agent_0, agent_1"),
        (Misfit, "the observation of agent_0 does not fit its space"),
        (NoLegal, "agent 1 of copy 0 is alive and has no legal action"),
        (LateMask, "the infos of agent_0 contain an action_mask; pass masked=True"),
        (ShortMask, "the action_mask of agent_0 has 2 entries; it has 4 actions"),
        (OldReset, "reset returned dict; a parallel environment returns observations and infos"),
        (
            OneLeaves,
            r"state\(\) has 4 numbers, and had 6 after the first reset; pass state='joined'",
        ),
        (Infinite, "obs of copy 0, agent 0 contains NaN or infinity: inf"),
        (Many, "the action spaces are MultiDiscrete; all Discrete or all Box are allowed"),
        (lambda: 3, "make returned int, which has no reset"),
        ("zoo.spread", "make is 'zoo.spread'; write it as 'package.module:function'"),
        ("parallel_games:wlk", "make 'parallel_games:wlk' cannot be imported: .*wlk"),
        ("no_such_module:x", "cannot be imported: No module named 'no_such_module'"),
        ("parallel_games:__name__", "is a str, not a function"),
    ],
)
def test_what_cannot_be_played_is_refused_in_words(make, message):
    with pytest.raises(ValueError, match=message):
        played(make)


def test_positions_by_name():
    step = FromPettingZoo("parallel_games:walk", num_envs=1, position="parallel_games:places")
    assert step.spec.has_position and step.reset(0).position is not None
    with pytest.raises(ValueError, match="position 'parallel_games:plces' cannot be imported"):
        FromPettingZoo("parallel_games:walk", position="parallel_games:plces")


def test_functions_are_kept_by_their_names(tmp_path):
    from parallel_games import places, walk

    from graphmarl.experiment.evaluate import evaluate
    from graphmarl.experiment.train import train

    method = {"name": "ippo", "rollout_length": 5, "hidden": 8}
    env = {"name": "pettingzoo", "make": walk, "position": places, "num_envs": 2}
    run = train(method, env, steps=20, runs=str(tmp_path), name="a", progress=False)
    kept = run.config()["env"]
    assert (kept["make"], kept["position"]) == ("parallel_games:walk", "parallel_games:places")
    assert len(evaluate(run, 2, graph="knn:k=1").returns) == 2
    with pytest.raises(ValueError, match="no name at the top of a module"):
        train(method, {**env, "make": lambda: walk()}, runs=str(tmp_path), name="b")
