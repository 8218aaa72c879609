"""When games of SMAC begin and end, what is read of them, and how a run goes on."""

import pickle

import pytest
import torch
from battles import make, shoot
from fake_smac import StarCraft2Env

from graphmarl.data import Collector
from graphmarl.envs import SMAC, check_env
from graphmarl.graphs import make_graph
from graphmarl.methods import IPPO


@pytest.mark.parametrize("options", [{}, {"crash_at": 4}, {"harmless": True}])
def test_it_keeps_the_contract_with_a_new_game_for_each_episode(options):
    def again(copies):
        return make("3m", copies, relaunch=True, **options)

    check_env(again(3), make=again)


def test_the_same_seed_gives_the_same_episodes_of_games_that_go_on():
    env = make("3m", 2)
    both = []
    for _ in range(2):
        step = env.reset(5)
        found = [step]
        for _ in range(30):
            step = env.step(shoot(step.available))
            found.append(step)
        both.append(found)
    for one, other in zip(*both, strict=True):
        assert torch.equal(one.obs, other.obs)
        assert torch.equal(one.info["team_return"], other.info["team_return"])
    first = [step.obs for step in both[0] if step.time[0] == 0]
    assert len(first) > 2
    assert not torch.equal(first[0], first[1])
    assert not torch.equal(env.reset(6).obs, both[0][0].obs)


def test_a_run_that_was_interrupted_goes_on_with_the_next_episodes():
    env = make("3m", 2, harmless=True)
    step = env.reset(1)
    for _ in range(4):
        step = env.step(shoot(step.available))
    state = env.state_dict()
    again = make("3m", 2, harmless=True)
    loaded = again.load_state_dict(state)
    for name in ("obs", "alive", "position", "available", "state", "links", "time"):
        assert torch.equal(getattr(loaded, name), getattr(step, name)), name
    assert loaded.truncated.all()
    following = again.step(shoot(loaded.available))
    assert (following.time == 0).all()
    assert again.state_dict()["episode"] == [1, 1]
    another = make("3m", 2, harmless=True)
    another.load_state_dict(state)
    assert torch.equal(another.step(shoot(loaded.available)).obs, following.obs)


def test_a_return_is_not_that_of_the_episode_which_was_cut_off():
    torch.manual_seed(0)
    env = make("3m", 1, harmless=True)
    learner = IPPO(env.spec, hidden=8)
    collector = Collector(env, make_graph("links"), learner, 99, 5, seed=1)
    next(iter(collector))
    assert collector.returns.sum() > 0
    after = Collector(make("3m", 1, harmless=True), make_graph("links"), learner, 99, 1)
    after.load_state_dict(collector.state_dict())
    after.collect()
    assert after.current.time.item() == 0
    assert after.returns.sum() == 0


def test_games_are_closed():
    assert StarCraft2Env.started >= 0
    before = StarCraft2Env.started
    env = make("3m", 2, relaunch=True)
    assert StarCraft2Env.started == before
    env.reset(0)
    assert StarCraft2Env.started == before + 2
    env.reset(1)
    assert StarCraft2Env.started == before + 2
    env.close()
    assert StarCraft2Env.started == before


def test_what_a_game_wraps_is_found_and_what_it_does_not_tell_is_left_out():
    plain, wrapped = make("3m"), make("3m", game="Wrapped")
    assert wrapped.spec == plain.spec
    one, other = wrapped.reset(0).position, plain.reset(0).position
    assert one is not None
    assert other is not None
    assert torch.equal(one, other)
    blind = make("3m", game="Blind")
    spec = blind.spec
    assert (spec.has_position, spec.kinds, spec.layout) == (False, ("agent",), {})
    step = blind.reset(0)
    assert (step.position, step.links) == (None, None)
    assert torch.equal(step.obs, plain.reset(0).obs)


def test_teams_that_are_drawn_anew_have_no_kinds():
    env = make(game="Redrawn")
    with pytest.raises(ValueError, match="set kinds=False"):
        env.reset(0)
    assert make(game="Redrawn", kinds=False).reset(0).alive.all()


def test_every_copy_has_a_process_unless_it_is_told_otherwise():
    env = SMAC("3m", 3, "fake_smac:StarCraft2Env")
    assert env.workers == 3
    engine = pickle.loads(pickle.dumps(env.engine_maker()))()
    assert engine.make(0).continuing_episode
