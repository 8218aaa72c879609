"""The guard around MAgent2: golden facts of the engine, and what never reaches it."""

import numpy as np
import pytest

from graphmarl.envs.magent import maps
from graphmarl.envs.magent.rewards import Rewards
from graphmarl.envs.magent.window import circle, circle_runs
from graphmarl.envs.magent.world import (
    ATTACK,
    DEAD,
    HIT,
    HIT_OWN,
    KILL,
    KILL_OWN,
    WAS_HIT,
    UnitType,
    World,
)

STAY, UP, LEFT, RIGHT, DOWN = 14, 29, 30, 31, 32
EATER = UnitType(3.0, 3.0, 2, 1.0, damage=6.0, attack_in_group=True)


def make_world(eaters, foods, size=12, eater=EATER):
    world = World(size, [eater, UnitType(hp=25.0)])
    world.reset(0, [np.array(eaters), np.array(foods)])
    return world


def step(world, *actions):
    world.step([np.array(actions), None])
    return world.events[0].tolist()


def test_a_food_dies_at_the_fifth_hit_and_the_lethal_hit_has_no_rule():
    world = make_world([[5, 5]], [[6, 5], [9, 9]])
    events = [step(world, RIGHT) for _ in range(6)]
    assert events == [[ATTACK | HIT]] * 4 + [[ATTACK | KILL]] + [[ATTACK]]
    assert world.alive[1].tolist() == [False, True]
    paid = Rewards(step=-0.05, attack=-0.1, hit=1.0, kill=5.0, dead=-1.0)
    total = paid.pay(paid.table(), np.array(events)).sum()
    assert total == pytest.approx(4 * 1 + 5 - 6 * 0.1 - 6 * 0.05)


def test_hit_points_fall_by_the_damage():
    world = make_world([[5, 5]], [[6, 5], [9, 9]])
    left = [(step(world, RIGHT), world.hp(1)[0])[1] for _ in range(5)]
    assert left == pytest.approx([19 / 25, 13 / 25, 7 / 25, 1 / 25, 0])


def test_attacks_go_up_left_right_down_in_this_order():
    foods = [[5, 4], [4, 5], [6, 5], [5, 6]]
    for action, food in zip((UP, LEFT, RIGHT, DOWN), foods, strict=True):
        world = make_world([[5, 5]], [food])
        assert step(world, action) == [ATTACK | HIT]


def test_moves_are_the_circle_row_by_row_and_the_middle_one_stays():
    for action, offset in enumerate(circle(3)):
        world = make_world([[5, 5]], [[9, 9]])
        step(world, action)
        assert (world.position[0][0] == np.array([5, 5]) + offset).all()
    assert circle(3)[STAY].tolist() == [0, 0]


def test_a_move_into_a_wall_or_a_unit_is_ignored():
    world = make_world([[1, 1], [1, 2]], [[9, 9]])
    into_wall = circle(3).tolist().index([-1, 0])
    into_first = circle(3).tolist().index([0, -1])
    step(world, into_wall, into_first)
    assert world.position[0].tolist() == [[1, 1], [1, 2]]


def test_who_is_killed_has_only_the_dead_reward_and_then_nothing():
    world = make_world([[5, 5], [6, 5], [1, 1]], [[9, 9]])
    assert step(world, RIGHT, STAY, STAY) == [ATTACK | KILL_OWN, DEAD, 0]
    assert world.alive[0].tolist() == [True, False, True]
    assert step(world, RIGHT, STAY, STAY) == [ATTACK, 0, 0]
    assert world.slots[0].tolist() == [0, 2]


def test_slots_stay_when_others_die():
    world = make_world([[5, 5], [6, 5], [1, 1]], [[9, 9]])
    step(world, RIGHT, STAY, STAY)
    right = circle(3).tolist().index([1, 0])
    step(world, STAY, STAY, right)
    assert world.position[0].tolist() == [[5, 5], [6, 5], [2, 1]]


def test_of_two_who_attack_each_other_one_survives_and_the_seed_says_which():
    survivors = set()
    for seed in range(20):
        world = World(12, [EATER, UnitType(hp=25.0)])
        places = [np.array([[5, 5], [6, 5]]), np.array([[9, 9]])]
        world.reset(seed, places)
        step(world, RIGHT, LEFT)
        first = world.alive[0].tolist()
        world.reset(seed, places)
        step(world, RIGHT, LEFT)
        assert world.alive[0].tolist() == first
        survivors.add(tuple(first))
    assert survivors == {(True, False), (False, True)}


def test_units_that_survive_a_hit_report_it():
    tough = UnitType(400.0, 1.0, 2, 1.0, damage=1.0, attack_in_group=True)
    world = make_world([[5, 5], [6, 5], [7, 5]], [[9, 9]], eater=tough)
    events = step(world, 7, 6, 6)  # 5 moves; then up, left, right, down
    assert events == [
        (ATTACK | HIT_OWN) + WAS_HIT,
        (ATTACK | HIT_OWN) + 2 * WAS_HIT,
        ATTACK | HIT_OWN,
    ]


def test_only_attacks_that_meet_nobody_are_charged_if_so_wanted():
    rewards = Rewards(attack=-0.1, hit=1.0, kill=5.0, dead=-1.0)
    every, blank = rewards.table(), rewards.table(blank_only=True)
    events = [0, ATTACK, ATTACK | HIT, ATTACK | KILL, ATTACK | KILL_OWN, DEAD, DEAD | HIT]
    assert every[events] == pytest.approx([0, -0.1, 0.9, 4.9, -0.1, -1, 0])
    assert blank[events] == pytest.approx([0, -0.1, 1.0, 5.0, 0, -1, 0])


@pytest.mark.parametrize("number", [1, 3])
def test_too_few_or_too_many_actions_never_reach_the_engine(number):
    world = make_world([[5, 5], [6, 5]], [[9, 9]])
    with pytest.raises(ValueError, match="actions for 2 slots"):
        step(world, *[STAY] * number)


@pytest.mark.parametrize("action", [-1, 33, 1000])
def test_unknown_actions_never_reach_the_engine(action):
    world = make_world([[5, 5]], [[9, 9]])
    with pytest.raises(ValueError, match="actions must be 0 to 32"):
        step(world, action)


@pytest.mark.parametrize(
    ("eaters", "message"),
    [
        ([[0, 5]], r"a unit at \(0, 5\) is outside; cells 1 to 10"),
        ([[5, 11]], r"a unit at \(5, 11\) is outside"),
        ([[5, 5], [5, 5]], "3 units on 2 cells"),
        ([[9, 9]], "2 units on 1 cells"),
    ],
)
def test_places_that_the_engine_would_drop_are_refused(eaters, message):
    with pytest.raises(ValueError, match=message):
        make_world(eaters, [[9, 9]])


def test_full_boards_are_refused_before_the_engine_aborts():
    with pytest.raises(ValueError, match="101 units do not fit on a map of size 12"):
        maps.scattered(12, (50, 51), np.random.default_rng(0))
    agents, foods = maps.scattered(12, (50, 50), np.random.default_rng(0))
    assert make_world(agents, foods).alive[0].all()
    with pytest.raises(ValueError, match="armies of 64 do not fit on a map of size 30"):
        maps.two_armies(30, 64)
    with pytest.raises(ValueError, match="an army of 60 is no square"):
        maps.two_armies(40, 60)


@pytest.mark.parametrize(
    ("radius", "cells"), [(1, 5), (2, 13), (3, 29), (5, 81), (6, 113), (7, 149)]
)
def test_circles_have_as_many_cells_as_the_engine_says(radius, cells):
    assert len(circle(radius)) == cells
    assert sum(part.stop - part.start for _, part in circle_runs(radius)) == 5 * cells
