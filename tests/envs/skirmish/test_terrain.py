import numpy as np
import pytest
from scipy.ndimage import label

from graphmarl.envs.skirmish.maps import MAPS
from graphmarl.envs.skirmish.terrain import TERRAINS, Terrain, nearest_cells


def pieces(grid):
    """The number of the piece of each cell, of those that are joined by sides."""
    found = np.zeros(grid.shape, dtype=np.int64)
    label(grid, output=found)
    return found


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("band", 32 * 16),
        ("open", 32 * 32),
        ("octagon", 22 * 22 - 4 * (4 + 3 + 2 + 1)),
        ("house", 14 * 14 + 12 + 10 + 8 + 6),
        ("box", 16 * 14 - 4 * 3),
        ("corridor", 12 * 12 + 20 * 18 - sum(range(1, 9)) - sum(range(1, 5))),
        ("ravine", 32 * 7 + 2 * 4 * 9 + 18 * 7 + 2 * 3 * 5),
        ("tee", 32 * 3 + 2 * 29),
        ("ring", 32 * 32 - 18 * 24),
        ("rim", 32 * 32 - (18 * 18 - 12 * 12) + 4 * 4 * 3),
    ],
)
def test_walkable_cells_are_as_many_as_the_figure_has(name, cells):
    assert TERRAINS[name].walkable.sum() == cells


@pytest.mark.parametrize("name", TERRAINS)
def test_all_walkable_cells_are_of_one_piece(name):
    assert pieces(TERRAINS[name].walkable).max() == 1


@pytest.mark.parametrize("one", MAPS.values(), ids=MAPS)
def test_points_where_units_start_and_walk_to_are_walkable(one):
    points = [box[::2] for place in one.places for box in place.boxes if box[0] == box[1]]
    points += [one.goal] if isinstance(one.goal, tuple) else []
    for x, y in points:
        assert one.walkable[int(x), int(y)]


def test_the_band_is_rows_8_to_23_and_the_house_has_a_roof():
    assert TERRAINS["band"].walkable[5].nonzero()[0].tolist() == list(range(8, 24))
    house = TERRAINS["house"].walkable
    rows = {20: (7, 20), 21: (8, 19), 22: (9, 18), 23: (10, 17), 24: (11, 16)}
    for y, (first, last) in rows.items():
        assert house[:, y].nonzero()[0].tolist() == list(range(first, last + 1))
    assert not house[:, 25].any()


@pytest.mark.parametrize("name", ["band", "octagon", "open", "ravine", "ring", "rim", "tee"])
def test_what_is_symmetric_in_the_game_is_so_from_left_to_right(name):
    for grid in (TERRAINS[name].walkable, TERRAINS[name].over_cliffs):
        assert (grid == grid[::-1]).all()


def test_corridor_has_a_neck_that_few_can_pass_at_once():
    grid = TERRAINS["corridor"].walkable
    # Counted across the way from the one room to the other, in front of and behind (12, 13).
    widths = [sum(grid[x, total - x] for x in range(1, total)) for total in range(21, 28)]
    assert widths == [4, 3, 2, 2, 2, 3, 4]
    shut = grid.copy()
    shut[11:13, 13] = False
    assert pieces(shut).max() == 2


def test_the_strip_of_so_many_baneling_is_12_to_18_wide():
    grid = TERRAINS["diagonal"].walkable
    for total in range(20, 43):
        count = sum(grid[x, total - x] for x in range(32) if 0 <= total - x < 32)
        assert 12 <= count * np.sqrt(2) <= 18
    centre = [
        np.mean([x - y for x, y in np.argwhere(grid) if x + y == total]) for total in (15, 46)
    ]
    assert centre[0] > 2
    assert centre[1] < -2


def test_only_what_walks_over_cliffs_enters_the_plateau_of_the_ravine_from_below():
    ravine = TERRAINS["ravine"]
    low, high = (16, 9), (16, 16)
    shut = ravine.walkable.copy()
    shut[[4, 5, 6, 25, 26, 27]] &= np.arange(32) < 12
    piece = pieces(shut)
    assert piece[low] != piece[high]
    assert ravine.over_cliffs[16, 5:21].all()
    assert not ravine.walkable[4:28, 12:14].any()
    assert ravine.over_cliffs.sum() - ravine.walkable.sum() == 24 * 2
    for name, other in TERRAINS.items():
        assert name == "ravine" or other.over_cliffs is other.walkable


def test_each_cell_knows_the_nearest_walkable_one():
    nearest = nearest_cells(TERRAINS["band"].walkable)
    assert nearest[3, 2].tolist() == [3, 8]
    assert nearest[31, 31].tolist() == [31, 23]
    assert nearest[7, 12].tolist() == [7, 12]


@pytest.mark.parametrize(
    ("walkable", "passable", "message"),
    [
        (np.ones((32, 31), bool), None, r"walkable is \(32, 31\) of bool; it must be \(32, 32\)"),
        (np.ones((32, 32), int), None, "of int64"),
        (np.ones((32, 32), bool), np.ones((3, 3), bool), r"passable is \(3, 3\)"),
        (np.zeros((32, 32), bool), None, "no cell is walkable"),
        (np.eye(32, dtype=bool), np.eye(32, k=1, dtype=bool), r"cell \(0, 0\) is walkable but not"),
    ],
)
def test_a_terrain_that_cannot_be_is_refused(walkable, passable, message):
    with pytest.raises(ValueError, match=message):
        Terrain(walkable, passable)


def test_a_terrain_does_not_change():
    with pytest.raises(ValueError, match="read-only"):
        TERRAINS["open"].walkable[0, 0] = False
