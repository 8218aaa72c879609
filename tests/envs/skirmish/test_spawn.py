import math
from dataclasses import replace

import pytest
import torch

from graphmarl.envs.skirmish.map_spec import SpawnArea, point
from graphmarl.envs.skirmish.maps import MAPS
from graphmarl.envs.skirmish.spawn import Spawn, block
from graphmarl.envs.skirmish.units import LIBERTY

LAST = 1 - 2**-24  # the greatest number below 1


def spawn_of(one):
    units = [LIBERTY[kind] for kind in one.allies + one.enemies]
    return Spawn(
        one, [unit.radius for unit in units], [unit.plane == "air" for unit in units], "cpu"
    )


def drawn(name, copies, seed=0):
    spawn = spawn_of(MAPS[name])
    generator = torch.Generator().manual_seed(seed)
    return spawn(torch.rand(copies, spawn.draws, generator=generator))


def calm(one, copies=1):
    """Draws that leave every unit on its spot."""
    return torch.full((copies, spawn_of(one).draws), 0.5)


def assert_close(found, expected):
    torch.testing.assert_close(found, torch.tensor(expected), rtol=0, atol=1e-4)


def test_three_marines_stand_in_two_rows_around_their_point():
    one = MAPS["3m"]
    position, goal = spawn_of(one)(calm(one))
    # 0.8 from column to column and from row to row; agents are numbered by x and then y.
    allies = [[8.6, 15.6], [8.6, 16.4], [9.4, 15.6]]
    assert_close(position[0, :3], allies)
    assert_close(position[0, 3:], [[32 - x, 32 - y] for x, y in allies])
    assert_close(goal, [[9.0, 16.0]])


def test_a_block_is_nearly_square_and_its_units_do_not_touch():
    for count in range(1, 31):
        spots = block(count, 0.8)
        low, high = spots.min(0).values, spots.max(0).values
        assert_close((low + high).float(), [0.0, 0.0])
        columns = math.ceil(math.sqrt(count))
        assert len(spots[:, 0].round(decimals=4).unique()) == columns
        gaps = torch.cdist(spots, spots) + 9 * torch.eye(count)
        assert gaps.min() > 0.8 - 1e-6
        order = spots[:, 1] * 100 + spots[:, 0]
        assert (order.diff() > 0).all()


def test_armies_of_one_composition_start_as_mirror_images():
    for name in ("3m", "25m", "MMM", "2s3z", "1c3s5z"):
        one = MAPS[name]
        position, _ = spawn_of(one)(calm(one))
        allies, enemies = position[0].split((len(one.allies), len(one.enemies)))
        assert_close(allies + enemies, [[32.0, 32.0]] * len(one.allies))
        noisy, _ = drawn(name, 16)
        assert (noisy - position).abs().max() <= 0.15 + 1e-5
        assert (noisy - position).abs().max() > 0.09


def test_the_largest_unit_of_a_plane_sets_the_distances():
    one = MAPS["MMM"]
    position, _ = spawn_of(one)(calm(one))
    ground = position[0, :9]
    gaps = torch.cdist(ground, ground) + 9 * torch.eye(9)
    assert_close(gaps.min(), 2 * 0.5625 + 0.05)
    assert_close(position[0, 9], [9.0, 16.0])


def test_noise_is_normal_and_never_beyond_three_deviations():
    spawn = spawn_of(MAPS["3m"])
    still = calm(MAPS["3m"], 4000)
    u = still.clone()
    u[:, 6] = (torch.arange(4000) + 0.5) / 4000
    shift = (spawn(u)[0] - spawn(still)[0])[:, 0, 0]
    assert_close(shift.std(), 0.05 * 0.9973)
    assert_close(shift[3200] / 0.05, 0.8421)
    u[0], u[1] = 0.0, LAST
    assert_close(spawn(u[:1])[0] - spawn(still[:1])[0], [[[-0.15, -0.15]] * 6])
    assert_close(spawn(u[1:2])[0] - spawn(still[:1])[0], [[[0.15, 0.15]] * 6])


@pytest.mark.parametrize("name", MAPS)
def test_everybody_starts_where_it_may_stand(name):
    one = MAPS[name]
    spawn = spawn_of(one)
    position, _ = drawn(name, 64)
    assert ((position >= 0) & (position < 32)).all()
    x, y = position.long().unbind(-1)
    free = torch.from_numpy(one.walkable.copy())[x, y]
    assert (free | spawn.air[:, 0]).all()


def test_each_number_has_its_meaning_and_copies_are_apart():
    for name in ("2m_vs_1z", "1o10b_vs_1r", "5z_vs_1ul"):
        spawn = spawn_of(MAPS[name])
        u = torch.rand(8, spawn.draws, generator=torch.Generator().manual_seed(1))
        position, goal = spawn(u)
        backward, last_goal = spawn(u.flip(0))
        torch.testing.assert_close(backward.flip(0), position)
        torch.testing.assert_close(last_goal.flip(0), goal)
        for unit in range(position.shape[1]):
            other = u.clone()
            other[:, 3 * len(MAPS[name].places) + 2 * unit + 1] = 0.5
            moved = (spawn(other)[0] != position).any(0)
            assert moved.nonzero().tolist() == [[unit, 1]]


def test_the_goal_between_is_on_the_line_from_the_first_start_to_the_last():
    one = MAPS["2m_vs_1z"]
    u = calm(one, 5)
    u[:, -1] = torch.tensor([0.0, 0.25, 0.5, 0.75, LAST])
    goals = [[13.0, 12.0], [14.5, 12.0], [16.0, 12.0], [17.5, 12.0], [19.0, 12.0]]
    assert_close(spawn_of(one)(u)[1], goals)


def test_there_is_no_point_to_walk_to_where_enemies_stay_or_follow():
    for name in ("2s_vs_1sc", "2c_vs_64zg"):
        assert not drawn(name, 4)[1].any()


def test_each_corner_is_as_likely_and_those_of_one_place_share_it():
    one = MAPS["1o2r_vs_4r"]
    u = calm(one, 400)
    u[:, 0] = (torch.arange(400) + 0.5) / 400
    position, _ = spawn_of(one)(u)
    corners = torch.tensor([[3.5, 2], [3.5, 28.9], [28.5, 28], [28.5, 2]])
    overlord, reapers = position[:, 0], position[:, 3:]
    torch.testing.assert_close(overlord, corners.repeat_interleave(100, 0))
    torch.testing.assert_close(reapers.mean(1), overlord, rtol=0, atol=1e-4)
    assert (position[:, 1:3] == position[:1, 1:3]).all()


def test_both_roaches_share_one_of_four_strips():
    position, _ = drawn("1o2r_vs_4r", 2000)
    first, second = position[:, 1], position[:, 2]
    # Spots are 1.05 apart, noise is within 0.3, and a blocked cell moves one by 1 at most.
    assert (first - second).norm(dim=-1).max() < 1.05 + 0.3 + 1
    middle = (first + second) / 2
    x, y = middle.unbind(-1)
    low, high = (y < 5.5).double().mean(), (y > 26.5).double().mean()
    left, right = ((x < 8) & (y > 5.5) & (y < 26.5)), ((x > 24) & (y > 5.5) & (y < 26.5))
    for share in (low, high, left.double().mean(), right.double().mean()):
        assert abs(share - 0.25) < 0.05


def test_points_are_uniform_in_a_box():
    one = MAPS["5z_vs_1ul"]
    u = calm(one, 3)
    u[:, 4], u[:, 5] = torch.tensor([0.0, 0.5, LAST]), torch.tensor([LAST, 0.25, 0.0])
    position, _ = spawn_of(one)(u)
    # The two zealots of the second place; the box reaches beyond the band's rows 8 to 23.
    middle = position[:, 3:5].mean(1)
    assert_close(middle[1], [(0.99 + 30.94) / 2, 7.65 + (24.28 - 7.65) / 4])
    assert_close(middle[:, 1], [23.999, 7.65 + (24.28 - 7.65) / 4, 8.0])
    assert_close(middle[0, 0], 0.99)


def test_an_ultralisk_stands_among_three_zealots_and_two_stand_apart():
    position, _ = drawn("5z_vs_1ul", 200)
    near = torch.cdist(position[:, :3], position[:, 5:]).amax((1, 2))
    assert near.max() < 2.05 * math.sqrt(2) + 0.5
    far = (position[:, 3] - position[:, 5]).norm(dim=-1)
    assert far.mean() > 6


def test_each_baneling_draws_for_itself():
    position, _ = drawn("1o10b_vs_1r", 500)
    x, y = position[:, 1:11].unbind(-1)
    middle = ((x - 16).abs() < 4.2) & ((y - 16).abs() < 2.2)
    assert abs(middle.double().mean() - 0.2) < 0.02
    assert middle.double().mean(1).std() < 0.2
    torch.testing.assert_close(position[:, 0], position[:, 11], rtol=0, atol=0.31)


def test_the_greatest_number_below_one_draws_the_last_box():
    one = MAPS["1o10b_vs_1r"]
    u = calm(one)
    u[:, 3] = LAST
    assert_close(spawn_of(one)(u)[0][0, 1], [16.0, 16.0])


def test_a_unit_beside_what_is_blocked_stands_on_the_next_cell():
    three = MAPS["3m"]
    places = (SpawnArea((point(9, 8),), allies=(0, 1, 2)), three.places[1])
    low = replace(three, places=places)
    position, _ = spawn_of(low)(calm(low))
    # Those below y = 8 stand on the edge.
    assert_close(position[0, :3], [[8.6, 8.0], [8.6, 8.4], [9.4, 8.0]])


def test_units_that_fly_stand_apart_from_each_other_and_over_anything_in_the_square():
    three = MAPS["3m"]
    places = (SpawnArea((point(0, 32),), allies=(0, 1, 2)), three.places[1])
    flying = replace(three, allies=("medivac",) * 3, places=places)
    position, _ = spawn_of(flying)(calm(flying))
    # Pitch 2 x 0.75 + 0.05, half of it each way; what is outside is moved to the edge.
    assert_close(position[0, :3], [[0.0, 31.225], [0.0, 31.999], [0.775, 31.225]])


def test_a_radius_and_a_flag_are_needed_for_each_unit():
    with pytest.raises(ValueError, match="'3m' has 6 units, but there are 5 radii and 6 flags"):
        Spawn(MAPS["3m"], [0.4] * 5, [False] * 6, "cpu")
    with pytest.raises(ValueError, match="6 radii and 1 flags"):
        Spawn(MAPS["3m"], [0.4] * 6, [False], "cpu")
