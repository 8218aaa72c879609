import math
import time

import numpy as np
import pytest
import torch

from graphmarl.envs.skirmish.paths import Paths, way_points
from graphmarl.envs.skirmish.terrain import TERRAINS

STEP = 0.1
CONVEX = {"band", "open"}


def walk(paths, walkable, place, goal):
    """The length of the way of each walker; each axis is tried alone, as units slide."""
    free = torch.from_numpy(walkable.copy())
    x, y = place.clone().unbind(-1)
    goal_x, goal_y = goal.unbind(-1)
    length = torch.zeros(len(x))
    for _ in range(1200):
        left = torch.hypot(goal_x - x, goal_y - y)
        if not (left > 0).any():
            break
        aim_x, aim_y = paths.toward(x, y, goal_x, goal_y)
        distance = torch.hypot(aim_x - x, aim_y - y)
        share = (STEP / distance.clamp(min=1e-9)).clamp(max=1)
        length += torch.minimum(distance, torch.tensor(STEP))
        next_x = torch.where(share < 1, x + share * (aim_x - x), aim_x)
        x = torch.where(free[next_x.long(), y.long()], next_x, x)
        next_y = torch.where(share < 1, y + share * (aim_y - y), aim_y)
        y = torch.where(free[x.long(), next_y.long()], next_y, y)
    return torch.hypot(goal_x - x, goal_y - y), length


def somewhere(walkable, copies, seed=0):
    """A point in each walkable cell, so often, and another point on walkable cells for each."""
    generator = torch.Generator().manual_seed(seed)
    cells = torch.from_numpy(np.argwhere(walkable)).repeat(copies, 1)
    other = cells[torch.randperm(len(cells), generator=generator)]
    places, goals = (
        some + torch.rand(some.shape, generator=generator).clamp(max=0.999)
        for some in (cells, other)
    )
    return places, goals


@pytest.mark.parametrize("name", TERRAINS)
def test_whoever_heads_for_what_it_is_told_arrives(name):
    walkable = TERRAINS[name].walkable
    paths = Paths(walkable)
    place, goal = somewhere(walkable, 2)
    left, length = walk(paths, walkable, place, goal)
    assert left.max() == 0
    direct = (goal - place).norm(dim=-1)
    assert paths.convex == (name in CONVEX)
    if paths.convex:
        torch.testing.assert_close(length, direct, rtol=1e-3, atol=1e-2)
    # An octagonal distance is 8 % longer than a straight one at most; detours cost more.
    if name in ("octagon", "house", "box", "diagonal"):
        assert (length <= 1.09 * direct + 2).all()


def test_the_way_around_a_ring_is_the_shorter_one():
    walkable = TERRAINS["ring"].walkable
    # From the middle of the left side to the right of the bottom and of the top: 11.5 down or up.
    place = torch.tensor([[3.5, 14.5], [3.5, 16.5]])
    goal = torch.tensor([[20.0, 2.0], [20.0, 30.0]])
    left, length = walk(Paths(walkable), walkable, place, goal)
    assert left.max() == 0
    corner = torch.tensor([[7.0, 4.0], [7.0, 28.0]])
    least = (place - corner).norm(dim=-1) + (goal - corner).norm(dim=-1)
    assert (length >= least - 1e-3).all()
    assert (length <= 1.15 * least).all()


def test_zerglings_go_around_the_cliff_and_colossi_over_it():
    x, y, goal_x, goal_y = (torch.tensor([value]) for value in (16.0, 9.0, 16.0, 16.0))
    ravine = TERRAINS["ravine"]
    over = Paths(ravine.over_cliffs).toward(x, y, goal_x, goal_y)
    assert torch.equal(torch.cat(over), torch.tensor([16.0, 16.0]))
    around = Paths(ravine.walkable).toward(x, y, goal_x, goal_y)
    assert around[1] < 12
    assert abs(around[0] - 16) > 8


def test_a_goal_that_is_seen_is_headed_for_to_the_point():
    walkable = TERRAINS["tee"].walkable
    paths = Paths(walkable)
    x, y, goal_x, goal_y = torch.tensor([[15.2, 2.0, 16.0, 31.9], [16.0, 30.5, 3.25, 29.75]]).T
    aim_x, aim_y = paths.toward(x, y, goal_x, goal_y)
    assert torch.equal(aim_x, goal_x)
    assert torch.equal(aim_y, goal_y)
    same = paths.toward(x, y, x + 0.01, y + 0.01)
    assert torch.equal(same[0], x + 0.01)
    assert torch.equal(same[1], y + 0.01)


def test_a_way_point_is_the_centre_of_the_last_cell_in_sight():
    walkable = np.zeros((32, 32), bool)
    walkable[4:10, 4] = walkable[9, 4:10] = True
    paths = Paths(walkable)
    numbers = [torch.tensor([[value]]) for value in (4.3, 4.9, 9.5, 9.1)]
    aim_x, aim_y = paths.toward(*numbers)
    assert aim_x.shape == (1, 1)
    assert (aim_x.item(), aim_y.item()) == (9.5, 4.5)


def test_nobody_cuts_the_corner_of_a_blocked_cell():
    walkable = np.ones((32, 32), bool)
    walkable[10, 10] = False
    paths = Paths(walkable)
    aim = paths.toward(*(torch.tensor(value) for value in (9.5, 10.5, 10.5, 9.5)))
    assert (aim[0].item(), aim[1].item()) == (9.5, 9.5)
    assert not paths.convex


@pytest.mark.parametrize(("goal", "seen"), [((12.5, 12.5), True), ((12.5, 11.5), False)])
def test_a_cell_sees_what_every_straight_way_leads_to(goal, seen):
    walkable = np.ones((32, 32), bool)
    walkable[12, 10] = False
    aim = Paths(walkable).toward(*(torch.tensor(value) for value in (10.5, 10.5, *goal)))
    # A way from the lower left one to the right side of (12, 11) may pass through (12, 10).
    assert ((aim[0].item(), aim[1].item()) == goal) is seen


def test_who_stands_on_a_blocked_cell_goes_as_from_the_nearest_other():
    paths = Paths(TERRAINS["tee"].walkable)
    x, y = torch.tensor([20.5, 17.5]), torch.tensor([27.5, 10.5])
    goal_x, goal_y = torch.tensor([16.5, 15.5]), torch.tensor([2.5, 28.5])
    near = paths.toward(torch.tensor([20.5, 16.5]), torch.tensor([29.5, 10.5]), goal_x, goal_y)
    found = paths.toward(x, y, goal_x, goal_y)
    assert torch.equal(found[0], near[0])
    assert torch.equal(found[1], near[1])


def test_a_goal_on_a_blocked_cell_is_the_nearest_point_of_the_nearest_other():
    paths = Paths(TERRAINS["ravine"].walkable)
    x, y = torch.tensor([16.0]), torch.tensor([9.0])
    assert [one.item() for one in paths.toward(x, y, x + 0.25, y + 3.5)] == [16.25, 12.0]


def test_a_goal_that_no_way_leads_to_is_headed_for_all_the_same():
    walkable = np.ones((32, 32), bool)
    walkable[16] = False
    x, y = torch.tensor([3.5]), torch.tensor([3.5])
    aim = Paths(walkable).toward(x, y, x + 20, y)
    assert [one.item() for one in aim] == [23.5, 3.5]


def test_positions_at_the_far_edge_are_of_the_last_cell():
    edge = torch.tensor([32.0])
    aim = Paths(TERRAINS["open"].walkable).toward(edge, edge, edge, edge)
    assert [one.item() for one in aim] == [32.0, 32.0]


def test_the_table_of_a_terrain_is_made_once_and_soon():
    rim = TERRAINS["rim"].walkable
    way_points.cache_clear()
    begin = time.perf_counter()
    first = Paths(rim)
    assert time.perf_counter() - begin < 5
    assert way_points.cache_info().misses == 1
    assert torch.equal(Paths(rim.copy()).table, first.table)
    assert way_points.cache_info() == (1, 1, 32, 1)
    assert math.isclose(first.table.element_size() * first.table.numel(), 2 * 1024**2)
