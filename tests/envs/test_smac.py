"""SMAC's interface as an environment, by a small battle in place of the game."""

import sys
from itertools import pairwise
from types import SimpleNamespace

import fake_smac
import numpy as np
import pytest
import torch
from battles import make, play, shoot, stop
from fake_smac import StarCraft2Env

from graphmarl.envs import SMAC
from graphmarl.envs.smac_engine import place_of

EAST, WEST = 4, 5


def test_shapes_parts_and_kinds_are_those_of_the_game():
    spec = make(clock=True).spec
    assert (spec.num_agents, spec.num_actions, spec.horizon) == (4, 8, 9)
    # 4 moves, 2 enemies and 3 allies of 5 numbers, the own health, the clock.
    assert spec.obs_shape == (4 + 10 + 15 + 1 + 1,)
    assert spec.layout == {
        "move": slice(0, 4),
        "enemies": slice(4, 14),
        "allies": slice(14, 29),
        "own": slice(29, 30),
        "time": slice(30, 31),
    }
    assert spec.state_size == 3 * 6 + 4 * 8
    assert (spec.kinds, spec.kind) == (("marauder", "marine"), (0, 0, 1, 1))
    assert (spec.has_position, spec.has_available) == (True, True)
    assert make("1v1").spec.kind == ()
    assert make(kinds=False).spec.kinds == ("agent",)


def test_parts_that_are_not_there_have_no_name():
    assert list(make("1v1").spec.layout) == ["move", "enemies", "own"]


def test_the_limit_truncates_and_a_battle_terminates():
    waited = play(make("3m", harmless=True), stop)
    assert len(waited) == 1 + 12
    assert (waited[-1].truncated.item(), waited[-1].terminated.item()) == (True, False)
    fought = play(make("3m"), shoot)
    assert len(fought) < 1 + 12
    assert (fought[-1].truncated.item(), fought[-1].terminated.item()) == (False, True)
    lost = play(make("3m"), stop)
    assert (lost[-1].truncated.item(), lost[-1].terminated.item()) == (False, True)
    assert not lost[-1].alive.any()


def test_a_battle_that_ends_at_the_limit_terminates():
    steps = len(play(make("3m"), stop)) - 1
    last = play(make("3m", limit=steps), stop)[-1]
    assert last.time.item() == steps
    assert (last.truncated.item(), last.terminated.item()) == (False, True)


def test_a_won_battle_pays_twenty_in_all_and_says_so():
    found = play(make("3m"), shoot)
    last = found[-1]
    # All points of the enemies, 10 for each of them and 200 are 20, which agents get between them.
    assert last.info["team_return"].item() == pytest.approx(20, abs=1e-4)
    assert sum(step.reward.sum().item() for step in found) == pytest.approx(20, abs=1e-4)
    assert (last.info["win"].item(), last.info["battle_won"].item()) == (1, 1)
    assert last.info["dead_enemies"].item() == 3
    assert [step.info["win"].item() for step in found[:-1]] == [0] * (len(found) - 1)


def test_a_reward_is_shared_by_those_who_lived_before_it():
    def one_fights(available):
        return torch.where(torch.tensor([False, False, True]), shoot(available), 1)

    found = play(make("3m"), one_fights)
    dying = paid_after = False
    for before, after in pairwise(found):
        alive = before.alive[0]
        assert not after.reward[0, ~alive].any()
        assert len(after.reward[0, alive].unique()) == 1
        gain = after.info["team_return"] - before.info["team_return"]
        assert torch.allclose(after.reward.sum(1), gain, atol=1e-5)
        dying |= bool(gain > 0 and (before.alive != after.alive).any())
        paid_after |= bool(gain > 0 and not alive.all())
    assert dying
    assert paid_after


def test_the_dead_see_nothing_can_do_nothing_and_stay_where_they_fell():
    env = make("3m", clock=True)
    found = play(env, stop)
    died = next(i for i, step in enumerate(found) if not step.alive.all())
    step, after = found[died], found[died + 1]
    dead = int((~step.alive[0]).nonzero()[0])
    assert step.available is not None
    assert step.available[0, dead].tolist() == [True] + [False] * 8
    assert not step.obs[0, dead].any()
    assert step.info["dead_allies"].item() == (~step.alive).sum()
    assert step.links is not None
    assert not (step.links == dead).any()
    assert step.position is not None
    assert after.position is not None
    assert torch.equal(after.position[0, dead], step.position[0, dead])


def test_links_are_the_living_in_sight_of_each_other_in_every_copy():
    env = make("4v2", 2, harmless=True)
    step = env.reset(0)
    for _ in range(5):
        # Agents are 2 apart; the first goes away to the east and the others to the west.
        action = torch.tensor([[EAST, WEST, WEST, WEST], [1, 1, 1, 1]])
        assert step.available is not None
        legal = step.available.gather(2, action[..., None])[..., 0]
        step = env.step(torch.where(legal, action, 1))
    assert step.links is not None
    assert step.position is not None
    far = torch.cdist(step.position, step.position)
    near = (far < 9) & ~torch.eye(4, dtype=torch.bool)
    wanted = {(4 * b + i, 4 * b + j) for b, i, j in near.nonzero().tolist()}
    assert {tuple(edge) for edge in step.links.T.tolist()} == wanted
    assert 12 < len(wanted) < 24


def test_who_is_seen_is_heard():
    class OneWay(StarCraft2Env):
        def get_visibility_matrix(self):
            sees = super().get_visibility_matrix() & False
            sees[0, 2] = sees[1, 1] = True
            return sees

    fake_smac.OneWay = OneWay  # type: ignore[attr-defined]
    links = make(game="OneWay").reset(0).links
    assert links is not None
    assert links.T.tolist() == [[2, 0]]


def test_an_action_that_is_not_available_is_refused_and_the_dead_may_say_anything():
    env = make("3m")
    env.reset(0)
    with pytest.raises(
        ValueError, match="action 0 .* agent 1 is not available; allowed are 1, 2, 3"
    ):
        env.step(torch.tensor([[1, 0, 1]]))
    step = play(env, stop, 99)[-2]
    assert not step.alive.all()
    assert step.alive.any()
    step = play(env, lambda _: torch.full((1, 3), 1))[-1]
    assert step.done.item()


def test_a_crash_is_truncation_and_the_next_episode_begins():
    env = make("4v2", crash_at=3)
    found = play(env, stop)
    last, before = found[-1], found[-2]
    assert len(found) == 1 + 3
    assert (last.truncated.item(), last.terminated.item()) == (True, False)
    assert last.info["crashed"].item() == 1
    assert not last.reward.any()
    assert torch.equal(last.obs, before.obs)
    assert torch.equal(last.info["team_return"], before.info["team_return"])
    following = env.step(torch.ones(1, 4, dtype=torch.long))
    assert following.time.item() == 0
    assert following.info["crashed"].item() == 0


def test_enemies_are_drawn_where_they_stand():
    env = make("3m")
    found = play(env, shoot)
    scene = env.scene(0)
    place, left = scene.points["enemies"]
    assert (scene.high, place.shape) == ((16.0, 16.0), (3, 2))
    assert left.tolist() == [0, 0, 0], "they were defeated"
    assert len(found) > 1


def test_options_reach_the_game_and_those_that_are_set_here_are_refused():
    assert make("3m", limit=5).spec.horizon == 5
    with pytest.raises(ValueError, match="options has seed, continuing_episode"):
        make(seed=1, continuing_episode=False)
    with pytest.raises(ValueError, match="map_name is '9m', which fake_smac:StarCraft2Env"):
        make("9m")
    with pytest.raises(ValueError, match="'module:Class'"):
        SMAC(make="StarCraft2Env")


def test_the_missing_package_is_named_and_where_it_comes_from(monkeypatch):
    monkeypatch.setitem(sys.modules, "smac", None)
    with pytest.raises(ImportError, match="git.https://github.com/oxwhirl/smac .*SMAC3.*SC2PATH"):
        SMAC()
    with pytest.raises(ImportError, match="no fake_smac:StarCraft3Env"):
        SMAC(make="fake_smac:StarCraft3Env")


@pytest.mark.parametrize(("choose", "won"), [(shoot, 1), (stop, 0)])
def test_a_fork_that_flags_the_limit_anyway_is_read_right(choose, won):
    steps = len(play(make("3m"), choose)) - 1
    env = make("3m", game="Forked", limit=steps)
    last = play(env, choose)[-1]
    assert (last.truncated.item(), last.terminated.item()) == (False, True)
    assert last.info["win"].item() == won
    assert last.info["dead_allies"].item() == 3 - last.alive.sum()
    assert env.spec.layout == {}


def test_a_key_error_of_the_game_is_not_taken_for_an_unknown_map(monkeypatch):
    class Forgetful:
        def __init__(self, map_name: str, **options: object) -> None:
            raise KeyError(map_name if map_name == "nowhere" else "capability_config")

    monkeypatch.setattr(fake_smac, "Forgetful", Forgetful, raising=False)
    with pytest.raises(ValueError, match="map_name is 'nowhere', which fake_smac:Forgetful does"):
        SMAC("nowhere", 1, "fake_smac:Forgetful", workers=0)
    with pytest.raises(ValueError, match="raised KeyError 'capability_config'; is an option miss"):
        SMAC("3m", 1, "fake_smac:Forgetful", options={"a": 1}, workers=0)


def test_positions_are_points_or_arrays():
    point = SimpleNamespace(pos=SimpleNamespace(x=1, y=2.5))
    assert place_of(point) == place_of(SimpleNamespace(pos=np.array([1, 2.5]))) == (1.0, 2.5)
