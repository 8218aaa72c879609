"""Gather: the counts of the maps, the engine's rules, and what is refused."""

import sys

import numpy as np
import pytest
import torch

from graphmarl.envs import Gather
from graphmarl.envs.magent import maps
from graphmarl.envs.magent.scripted import ScriptedGatherer, gather_state

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
        ({"view_radius": 8}, "view_radius is 8; allowed are whole numbers from 1 to 7"),
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


def play_until_a_death(env):
    generator = torch.Generator().manual_seed(0)
    before = env.reset(0)
    while True:
        after = env.step(torch.randint(33, before.alive.shape, generator=generator))
        if (before.alive & ~after.alive).any():
            return before, after
        before = after


def test_the_dying_have_their_last_reward_and_see_nothing_more():
    env = Gather(num_envs=1)
    before, after = play_until_a_death(env)
    died = before.alive & ~after.alive
    assert set(after.reward[died].tolist()) <= {-1.0, 0.0}  # 0: it had hit food before it died
    assert not after.obs[died].any()
    assert after.obs[after.alive].any(-1).all()
    assert after.info["living"][0] == after.alive.sum()
    assert before.position is not None
    assert after.position is not None
    assert torch.equal(after.position[died], before.position[died])


def test_the_view_goes_back_into_an_image_around_the_agent():
    env = Gather(num_envs=1, view_radius=3)
    step = env.reset(0)
    assert step.position is not None
    image = env.view_image(step.obs[..., env.spec.layout["view"]])
    assert image.shape == (1, 27, 7, 7, 5)
    assert torch.equal(image[0, :, 3, 3], torch.tensor([0.0, 1, 1, 0, 0]).expand(27, 5))
    assert not image[..., 0, 0, :].any()
    cells, hp = env.foods()
    assert (hp == 1).all()
    # Each food within the circle shows at (row, column) = (dy, dx) from the middle.
    for agent in range(27):
        offset = cells[0] - step.position[0, agent]
        dx, dy = offset[(offset**2).sum(-1) <= 9].long().unbind(1)
        assert (image[0, agent, dy + 3, dx + 3, 3] == 1).all()
        assert image[0, agent, ..., 3].sum() == len(dx)
    share = step.obs[..., env.spec.layout["position"]]
    assert torch.equal(share, step.position / 24)


def test_the_state_is_of_one_size_on_all_maps_and_counts_what_is_there():
    for size in maps.SIZES:
        env = Gather(size=size, num_envs=1, horizon=10)
        state = env.reset(0).state
        assert state is not None
        area = (size // 12) ** 2
        assert state.shape == (1, 289)
        assert state[0, :144].sum() * area == pytest.approx(env.spec.num_agents)
        assert state[0, 144:288].sum() * area == pytest.approx(COUNTS["normal", size][1])
        state = env.step(torch.full((1, env.spec.num_agents), 14)).state
        assert state is not None
        assert state[0, 288] == pytest.approx(0.1)


def test_the_presets_of_rewards_differ_as_documented():
    stay = torch.full((1, 27), 14)
    calibrated, magent = Gather(num_envs=1), Gather(num_envs=1, rewards="magent")
    for env, step in ((calibrated, -0.05), (magent, -0.01)):
        env.reset(0)
        assert env.step(stay).reward.unique().tolist() == pytest.approx([step])


def test_the_episode_terminates_when_the_food_is_gone():
    env = Gather(map="random", num_envs=1)
    policy, step = ScriptedGatherer(24), env.reset(0)
    while not step.done:
        step = env.step(policy(gather_state(env, step)))
    assert (step.terminated.item(), step.truncated.item()) == (True, False)
    assert step.info["food"].item() == 0
    assert env.step(torch.full((1, 15), 14)).info["food"].item() == 17


def test_the_scene_shows_the_food_that_is_left():
    env = Gather(map="random", num_envs=2)
    env.reset(0)
    cells, weight = env.scene(1).points["food"]
    assert cells.shape == (17, 2)
    assert (weight == 1).all()
    assert env.scene(1).high == (23.0, 23.0)
