"""Tables of rails, on rails laid by hand and against flatland's own."""

import numpy as np
import pytest
from laid import EAST, NORTH, SOUTH, WEST, engine_of, line, siding

from graphmarl.envs.flatland.deadlock import deadlocked
from graphmarl.envs.flatland.rails import FAR, Rails


def rails(grid, *targets):
    return Rails(grid, np.array(targets))


def place(rails, row, column, direction):
    number = int(rails.number[row, column, direction])
    assert number < rails.size
    return number


def cells_of(rails, which):
    return {
        (int(rails.row[p]), int(rails.column[p]), int(rails.heading[p])) for p in which.nonzero()[0]
    }


def test_decisions_are_made_on_and_before_switches_and_targets():
    tables = rails(siding(), (1, 9))
    switches = {(1, 3), (1, 7)}
    found = cells_of(tables, tables.decides)
    assert {(row, column) for row, column, _ in cells_of(tables, tables.switch)} == switches
    # Towards (1, 3): from (1, 2) eastwards, (1, 4) westwards, (0, 3) southwards, where the
    # siding's corner is entered westwards. Towards the target: (1, 8) eastwards.
    before = {(1, 2, EAST), (1, 4, WEST), (0, 3, WEST), (1, 8, WEST), (1, 6, EAST), (0, 7, EAST)}
    on = {(row, column, d) for row, column, d in found if (row, column) in switches | {(1, 9)}}
    assert found - on == before | {(1, 8, EAST)}
    # All ways to pass the two switches, and the dead end of the target, entered eastwards.
    assert {x for x in on if x[:2] == (1, 3)} == {(1, 3, EAST), (1, 3, WEST), (1, 3, SOUTH)}
    assert {x for x in on if x[:2] == (1, 9)} == {(1, 9, EAST)}


def test_a_line_without_switch_leaves_nothing_to_decide():
    tables = rails(line(), (1, 5))
    assert cells_of(tables, tables.decides) == {
        (1, 5, EAST),
        (1, 5, WEST),
        (1, 4, EAST),
        (1, 6, WEST),
    }


def test_left_comes_before_ahead_and_a_dead_end_turns():
    tables = rails(siding(), (1, 9))
    fork = place(tables, 1, 3, EAST)
    assert tables.following[fork].tolist() == [
        place(tables, 0, 3, NORTH),
        place(tables, 1, 4, EAST),
    ]
    assert tables.turn[fork].tolist() == [-1, 0]
    merge = place(tables, 1, 3, WEST)
    assert tables.following[merge].tolist() == [place(tables, 1, 2, WEST), tables.size]
    end = place(tables, 1, 0, WEST)
    assert tables.following[end].tolist() == [place(tables, 1, 1, EAST), tables.size]
    assert tables.turn[end, 0] == 2


def test_segments_by_hand():
    tables = rails(siding(), (1, 9))
    # From (1, 1) eastwards to the fork at (1, 3).
    start = place(tables, 1, 1, EAST)
    assert (tables.end[start], tables.length[start]) == (place(tables, 1, 3, EAST), 3)
    assert np.isinf(tables.unusable[start])
    # From (1, 4) eastwards over the merging switch at (1, 7), the fourth cell, to the target.
    start = place(tables, 1, 4, EAST)
    assert (tables.end[start], tables.length[start]) == (place(tables, 1, 9, EAST), 6)
    assert tables.unusable[start] == 4
    ahead = {
        (1, int(tables.column[p])): int(tables.ahead[start, tables.cell[p]])
        for p in range(tables.size)
        if tables.ahead[start, tables.cell[p]] < FAR
    }
    assert ahead == {(1, c): c - 3 for c in range(4, 10)}


def test_the_tree_by_hand():
    tables = rails(siding(), (1, 9))
    tree = tables.tree[place(tables, 1, 2, EAST)].tolist()
    none = tables.size
    left, ahead = place(tables, 0, 3, NORTH), place(tables, 1, 4, EAST)
    # One way to the fork, then the siding and the line, which both end at the target; there
    # everybody turns, and comes back to where the rails part.
    back = place(tables, 1, 8, WEST)
    assert tree == [
        place(tables, 1, 3, EAST),
        none,
        *(left, ahead, none, none),
        *(back, none, back, none, none, none, none, none),
    ]


def test_distances_by_hand():
    tables = rails(siding(), (1, 9), (0, 5))
    start = place(tables, 1, 0, WEST)
    assert tables.distance[0, start] == 9
    # The siding is 2 up and 2 along from the fork.
    assert tables.distance[1, place(tables, 1, 3, EAST)] == 3
    # Who has passed the fork goes on to (1, 9), turns and comes back: 5 + 2 to (1, 7), 1 + 2.
    assert tables.distance[1, place(tables, 1, 4, EAST)] == 5 + 2 + 1 + 2
    assert tables.distance[0, place(tables, 1, 9, EAST)] == 0


def held(tables, *places, present=None):
    found = np.array([place(tables, *each) for each in places])
    there = np.ones(len(found), bool) if present is None else np.array(present)
    return deadlocked(tables, found, there).tolist()


def test_two_trains_face_to_face_on_one_track_are_deadlocked():
    tables = rails(line(), (1, 9))
    assert held(tables, (1, 4, EAST), (1, 5, WEST)) == [True, True]
    assert held(tables, (1, 4, EAST), (1, 6, WEST)) == [False, False]
    assert held(tables, (1, 4, WEST), (1, 5, EAST)) == [False, False]
    assert held(tables, (1, 4, EAST), (1, 5, EAST)) == [False, False]


def test_who_stands_behind_a_deadlock_is_in_it():
    tables = rails(line(), (1, 9))
    chain = [(1, 2, EAST), (1, 3, EAST), (1, 4, EAST), (1, 5, WEST)]
    assert held(tables, *chain) == [True] * 4
    # A gap lets the last one move, as yet.
    assert held(tables, (1, 1, EAST), *chain[1:]) == [False, True, True, True]


def test_who_has_another_way_is_not_deadlocked():
    tables = rails(siding(), (1, 9))
    # The first stands on the fork before the second, and may take the siding.
    assert held(tables, (1, 3, EAST), (1, 4, WEST)) == [False, False]
    assert held(tables, (1, 3, EAST), (1, 4, WEST), (0, 3, WEST)) == [True, True, True]
    # The train in the siding goes away: the first may follow it.
    assert held(tables, (1, 3, EAST), (1, 4, WEST), (0, 3, NORTH)) == [False, False, False]


def test_trains_that_are_not_on_the_rails_hold_nobody_up():
    tables = rails(line(), (1, 9))
    places = [(1, 4, EAST), (1, 5, WEST)]
    assert held(tables, *places, present=[True, False]) == [False, False]


def test_two_trains_in_a_dead_end_are_deadlocked():
    tables = rails(line(), (1, 5))
    assert held(tables, (1, 9, EAST), (1, 8, EAST)) == [True, True]


@pytest.mark.parametrize("seed", [0, 1])
def test_distances_are_those_of_flatland(seed):
    from graphmarl.envs import Flatland
    from graphmarl.envs.flatland.simulator import kept_random

    env = Flatland(num_envs=1, malfunction_rate=0.0, num_agents=4, cities=3)
    env.reset(seed)
    engine = engine_of(env)
    tables = engine.rails
    with kept_random():
        theirs = engine.env.distance_map.get()
    rows, columns, headings = tables.row[:-1], tables.column[:-1], tables.heading[:-1]
    assert np.array_equal(tables.distance[:, :-1], theirs[:, rows, columns, headings])
