"""Gather: the counts of the maps, the engine's rules, and what is refused."""

import sys

import numpy as np
import pytest
import torch

from graphmarl.envs import Gather
from graphmarl.envs.magent import maps

COUNTS = {
    ("normal", 24): (27, 87),
    ("normal", 48): (56, 237),
    ("normal", 96): (115, 521),
    ("random", 24): (15, 17),
    ("random", 48): (29, 49),
    ("random", 96): (49, 161),
}


@pytest.mark.parametrize(("map", "size"), COUNTS)
def test_maps_have_the_counts_of_table_one(map, size):
    env = Gather(map=map, size=size, num_envs=1)
    step = env.reset(0)
    assert (int(step.alive.sum()), int(step.info["food"][0])) == COUNTS[map, size]
    assert step.position is not None
    assert len(torch.unique(step.position[0], dim=0)) == COUNTS[map, size][0]
    env.close()


@pytest.mark.parametrize("size", maps.SIZES)
def test_the_random_food_block_stays_inside_the_ring_and_moves(size):
    omnivores, food = zip(
        *(maps.random_map(size, np.random.default_rng(n)) for n in range(50)), strict=True
    )
    inner = int(0.8 * size) // 2
    assert all((np.abs(cells - size // 2) < inner).all() for cells in food)
    assert len({tuple(cells[0]) for cells in food}) > 20
    assert all((cells == omnivores[0]).all() for cells in omnivores)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 25}, "size is 25; allowed are 24, 48, 96"),
        ({"map": "odd"}, "map is 'odd'; allowed are normal, random"),
        ({"view_radius": 8}, "view_radius is 8; allowed are 1, 2, 3, 4, 5, 6, 7"),
        ({"rewards": "paper"}, "rewards is 'paper'; allowed are calibrated, magent"),
        ({"penalise": "all"}, "penalise is 'all'; allowed are attack, blank"),
        ({"hp": 0.0}, "hp is 0"),
        ({"num_envs": 0}, "num_envs is 0"),
        ({"workers": 17}, "workers is 17; allowed are 0 to num_envs = 16"),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Gather(**options)


def test_without_magent2_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "magent2", None)
    with pytest.raises(
        ImportError, match=r"Gather needs magent2: pip install 'graphmarl\[magent\]'"
    ):
        Gather()


def test_the_episode_ends_at_the_horizon_and_begins_anew():
    env = Gather(num_envs=2, horizon=3)
    first = env.reset(5)
    stay = torch.full((2, 27), 14)
    steps = [env.step(stay) for _ in range(4)]
    assert [step.time.tolist() for step in steps] == [[1, 1], [2, 2], [3, 3], [0, 0]]
    assert [bool(step.truncated.all()) for step in steps] == [False, False, True, False]
    assert not any(bool(step.terminated.any()) for step in steps)
    assert torch.allclose(steps[0].reward, torch.tensor(-0.05))
    assert not steps[3].reward.any()
    assert torch.equal(steps[3].obs, first.obs)
    env.close()


def test_a_state_is_played_again_bit_for_bit():
    env, other = Gather(num_envs=2, horizon=6), Gather(num_envs=2, horizon=6)
    last = env.reset(3)
    generator = torch.Generator().manual_seed(0)
    actions = torch.randint(33, (14, 2, 27), generator=generator)
    for action in actions[:10]:
        last = env.step(action)
    again = other.load_state_dict(env.state_dict())
    for name in ("obs", "alive", "reward", "time", "position", "state", "truncated"):
        assert torch.equal(getattr(last, name), getattr(again, name)), name
    for action in actions[10:]:
        a, b = env.step(action), other.step(action)
        assert torch.equal(a.obs, b.obs)
        assert torch.equal(a.reward, b.reward)
