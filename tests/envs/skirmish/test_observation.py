"""Observations, states and legal actions of situations put together by hand."""

import pytest
import torch

from graphmarl.envs.links import edges_of
from graphmarl.envs.skirmish import Skirmish


def env_of(name, places, **given):
    """One copy with its units at these places; further columns by name."""
    options = {key: given.pop(key) for key in list(given) if key.startswith(("obs_", "state_"))}
    env = Skirmish(name, num_envs=1, **options)
    env.reset(0)
    env.position = torch.tensor([places], dtype=torch.float32)
    for key, value in given.items():
        own = getattr(env, key)
        setattr(env, key, torch.tensor([value], dtype=own.dtype))
    return env


def seen(env):
    shown = env.observe()
    return shown["obs"][0], shown["state"][0], shown["available"][0].long()


def assert_close(found, expected):
    torch.testing.assert_close(found, torch.tensor(expected, dtype=found.dtype))


THREE = [[10, 16], [10, 19], [1.5, 8.5], [14, 19], [10, 25], [30, 30]]


def test_all_that_three_marines_observe():
    env = env_of("3m", THREE, health=[45, 9, 0, 36, 4.5, 45])
    obs, _, available = seen(env)
    move = [1, 1, 1, 1]
    # Enemies 5 and 9 away: the second is not nearer than 9. Then allies, and own health.
    first = [1, 5 / 9, 4 / 9, 3 / 9, 0.8, *[0] * 5, *[0] * 5]
    assert_close(obs[0], [*move, *first, 1, 3 / 9, 0, 3 / 9, 0.2, *[0] * 5, 1])
    second = [1, 4 / 9, 4 / 9, 0, 0.8, 1, 6 / 9, 0, 6 / 9, 0.1, *[0] * 5]
    assert_close(obs[1], [*move, *second, 1, 3 / 9, 0, -3 / 9, 1, *[0] * 5, 0.2])
    assert not obs[2].any()
    assert available.tolist() == [
        [0, 1, 1, 1, 1, 1, 1, 0, 0],
        [0, 1, 1, 1, 1, 1, 1, 1, 0],
        [1, 0, 0, 0, 0, 0, 0, 0, 0],
    ]


def test_all_of_the_state_of_three_marines():
    env = env_of(
        "3m",
        THREE,
        health=[45, 9, 0, 36, 4.5, 0],
        cooldown=[0.75, -0.03, 0.5, 0.5, 0.5, 0.5],
        last_action=[6, 2, 0],
        state_timestep_number=True,
    )
    env.time = torch.tensor([15])
    # Health, cooldown of 15 loops, place from the centre; enemies have no cooldown.
    allies = [1, 0.8, -6 / 32, 0, 0.2, 0, -6 / 32, 3 / 32, 0, 0, 0, 0]
    enemies = [0.8, -2 / 32, 3 / 32, 0.1, -6 / 32, 9 / 32, 0, 0, 0]
    # Attack the first, up, nothing.
    last = [*[0] * 6, 1, 0, 0, 0, 0, 1, *[0] * 6, 1, *[0] * 8]
    assert_close(seen(env)[1], [*allies, *enemies, *last, 15 / 60])


MIXED = [[10, 16], [11, 16], [10, 17], [10, 15], [9, 16], [13, 16], [14, 16], *[[30, 9]] * 3]


def test_all_that_a_stalker_observes_among_zealots():
    health = [80, 40, 100, 50, 0, 20, 80, 100, 100, 100]
    shield = [20, 80, 25, 0, 50, 40, 0, 50, 50, 50]
    env = env_of("2s3z", MIXED, health=health, shield=shield)
    obs, state, _ = seen(env)
    # Enemies' bits: zealot, stalker. Allies': stalker, zealot.
    enemies = [1, 3 / 9, 3 / 9, 0, 0.25, 0.5, 0, 1, 1, 4 / 9, 4 / 9, 0, 1, 0, 0, 1, *[0] * 24]
    allies = [1, 1 / 9, 1 / 9, 0, 0.5, 1, 1, 0, 1, 1 / 9, 0, 1 / 9, 1, 0.5, 0, 1]
    allies += [1, 1 / 9, 0, -1 / 9, 0.5, 0, 0, 1, *[0] * 8]
    assert_close(obs[0], [1, 1, 1, 1, *enemies, *allies, 1, 0.25, 1, 0])
    ours = [1, 0, -6 / 32, 0, 0.25, 1, 0, 0.5, 0, -5 / 32, 0, 1, 1, 0]
    ours += [1, 0, -6 / 32, 1 / 32, 0.5, 0, 1, 0.5, 0, -6 / 32, -1 / 32, 0, 0, 1, *[0] * 7]
    theirs = [0.25, -3 / 32, 0, 0.5, 0, 1, 1, -2 / 32, 0, 0, 0, 1]
    theirs += [1, 14 / 32, -7 / 32, 1, 1, 0] * 3
    # Nobody has acted yet.
    assert_close(state, [*ours, *theirs, *[0] * 55])


# Marauders, marines, medivac; the enemies' marauder 3 away from the allies' medivac.
HEALING = [[12, 16], [12, 12], *[[3, 9]] * 6, [10, 11], [10, 14], [13, 14], *[[30, 22]] * 9]


def test_a_medivac_observes_whom_it_can_heal_where_others_see_whom_they_can_attack():
    health = [125, 50, *[45] * 7, 75, 25, 125, *[45] * 7, 150]
    energy = [*[0] * 9, 100, *[0] * 10]
    obs, state, available = seen(env_of("MMM", HEALING, health=health, energy=energy))
    # Agents 0, 1 and 8 are within 6; 2 to 7 are at 8.6; 9 is itself.
    assert available[9].tolist() == [0, 1, 1, 1, 1, 1, 1, 1, *[0] * 6, 1, 0]
    # The only enemy in sight is 0, so the bit is agent 0's. Bits: marauder, marine, medivac.
    assert_close(obs[9][:14], [1, 1, 1, 1, 1, 3 / 9, 3 / 9, 0, 0.2, 1, 0, 0, 0, 0])
    away = env_of("MMM", [[20, 22], *HEALING[1:]], health=health, energy=energy)
    assert_close(seen(away)[0][9][4:12], [0, 3 / 9, 3 / 9, 0, 0.2, 1, 0, 0])
    assert_close(obs[9][-4:], [0.5, 0, 0, 1])
    # Energy of 200 instead of a cooldown.
    assert_close(state[9 * 7 : 10 * 7], [0.5, 0.5, -6 / 32, -2 / 32, 0, 0, 1])
    marauder = available[0].tolist()
    assert marauder[6:] == [1, *[0] * 9]


def test_shields_of_zealots_are_counted_in_eighties_where_ndq_does():
    env = env_of("5z_vs_1ul", [[10, 16], [11, 16], [20, 9], [20, 11], [20, 13], [10, 17]])
    obs, state, _ = seen(env)
    # No health of others: attack, distance, x, y; then own health and shield.
    assert_close(obs[0][4:12], [1, 0.5, 0, 0.5, 1, 0.5, 0.5, 0])
    assert_close(obs[0][-2:], [1, 50 / 80])
    assert_close(state[:5], [1, 0, -6 / 32, 0, 50 / 80])


def test_last_actions_and_time_are_observed_if_asked_for():
    options = {"obs_last_action": True, "obs_timestep_number": True}
    env = env_of("3m", THREE, health=[45, 9, 45, 36, 4, 45], last_action=[3, 7, 4], **options)
    env.time = torch.tensor([30])
    obs, _, _ = seen(env)
    seven = [0] * 7 + [1, 0]
    assert_close(obs[0][19 : 19 + 14], [1, 3 / 9, 0, 3 / 9, 0.2, *seven])
    # The third is too far away for its action to be known.
    assert_close(obs[0][33:], [*[0] * 14, 1, 0.5])


def test_before_the_first_step_there_is_no_last_action():
    env = Skirmish("3m", obs_last_action=True, num_envs=2)
    step = env.reset(0)
    assert step.state is not None
    assert not step.state[:, -27:].any()
    assert not step.obs[:, :, 24:33].any()
    step = env.step(torch.ones(2, 3, dtype=torch.long))
    assert step.state is not None
    assert_close(step.state[0, -27:], [0, 1, *[0] * 7] * 3)


def test_where_one_could_walk_is_observed_if_asked_for():
    # The band is y from 8 to 23. Points are 4 away along the axes and 2 diagonally.
    env = env_of("3m", [[2.5, 10.5], [29.5, 22.5], [16, 16], *THREE[3:]], obs_pathing_grid=True)
    obs, _, _ = seen(env)
    # Up, down, right, left; right up, left down, right down, left up. Outside the map counts as 1.
    assert obs[0][4:12].tolist() == [1, 0, 1, 1, 1, 1, 1, 1]
    assert obs[1][4:12].tolist() == [0, 1, 1, 1, 0, 1, 1, 0]
    assert obs[2][4:12].tolist() == [1] * 8
    env = env_of("3m", [[2.5, 9.5], [29.5, 22.5], [16, 16], *THREE[3:]], obs_pathing_grid=True)
    # Below y = 8: right down. Left down is 0.5, 7.5.
    assert seen(env)[0][0][4:12].tolist() == [1, 0, 1, 1, 1, 0, 0, 1]


@pytest.mark.parametrize(
    ("place", "moves"),
    [
        ([16, 22.9], [1, 1, 1, 1]),
        ([16, 23.1], [0, 1, 1, 1]),
        ([16, 9.1], [1, 1, 1, 1]),
        ([16, 8.9], [1, 0, 1, 1]),
        ([30.9, 16], [1, 1, 1, 1]),
        ([31.0, 16], [1, 1, 0, 1]),
        ([1.0, 16], [1, 1, 1, 1]),
        # SMAC truncates -0.5 to cell 0.
        ([0.5, 16], [1, 1, 1, 1]),
        ([31.5, 23.5], [0, 1, 0, 1]),
        ([0.5, 8.5], [1, 0, 1, 1]),
    ],
)
def test_moves_at_the_edges_of_the_band(place, moves):
    env = env_of("3m", [place, *THREE[1:]])
    assert seen(env)[2][0, 2:6].tolist() == moves


def test_six_is_near_enough_to_attack_and_nine_too_far_to_see():
    for x, attacks, sees in ((6, 1, 1), (6.001, 0, 1), (8.999, 0, 1), (9, 0, 0)):
        env = env_of("3m", [[10, 16], [9, 9], [9, 23], [10 + x, 16], [31, 9], [31, 23]])
        obs, _, available = seen(env)
        assert available[0, 6] == attacks
        assert (obs[0, 5] > 0) == sees


@pytest.mark.parametrize("name", ["3m", "MMM", "2s3z", "1o2r_vs_4r"])
def test_who_moves_beyond_the_sight_changes_nothing(name):
    env = Skirmish(name, obs_last_action=True, num_envs=1)
    env.reset(0)
    place = env.position.clone()
    place[0, 0] = torch.tensor([2.0, 16.0])
    sight = env.map.sight
    for unit in range(1, place.shape[1]):
        place[0, unit] = torch.tensor([2.0 + sight, 16.0])
    env.position = place
    before = env.observe()["obs"][0, 0]
    for unit in range(1, place.shape[1]):
        moved = place.clone()
        moved[0, unit] += torch.tensor([3.0, 2.0])
        env.position = moved
        assert torch.equal(env.observe()["obs"][0, 0], before)
    nearer = place.clone()
    nearer[0, 1, 0] -= 0.01
    env.position = nearer
    assert not torch.equal(env.observe()["obs"][0, 0], before)


def test_the_living_that_see_each_other_are_linked():
    env = env_of("3m", [[10, 16], [10, 19], [18.9, 16], *THREE[3:]])
    links = edges_of(env.observe()["links"]).T.tolist()
    assert sorted(links) == [[0, 1], [0, 2], [1, 0], [2, 0]]
    env = env_of("3m", [[10, 16], [10, 19], [18.9, 16], *THREE[3:]], health=[45, 0, *[45] * 4])
    assert sorted(edges_of(env.observe()["links"]).T.tolist()) == [[0, 2], [2, 0]]


def test_the_state_may_be_all_observations():
    env = Skirmish("2s3z", obs_instead_of_state=True, num_envs=2)
    step = env.reset(0)
    assert step.state is not None
    assert torch.equal(step.state, step.obs.flatten(1))
    assert env.spec.state_size == 5 * 80
