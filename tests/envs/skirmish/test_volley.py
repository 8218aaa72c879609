"""What shots do, with the arithmetic written out."""

from dataclasses import replace

import pytest
import torch
from fields import combat_of, field_of, loops, orders_of, punctual, stats_of

from graphmarl.envs.skirmish.state import NO_UNIT
from graphmarl.envs.skirmish.unit_stats import UnitStats
from graphmarl.envs.skirmish.volley import Volley


def volley(stats, places, aims, **given):
    """Health and shields after the shots of those who aim at somebody."""
    field = field_of(stats, places, **given)
    aim = torch.tensor(aims).unsqueeze(1)
    fires = (aim != NO_UNIT).float() * field.alive
    Volley(stats).strike(field, aim.clamp(0), fires, field.alive)
    return field.health[:, 0].tolist(), field.shield[:, 0].tolist(), field.quiet[:, 0].tolist()


def in_a_row(count, apart=1.0):
    return [[10.0 + apart * number, 10.0] for number in range(count)]


def test_armour_is_taken_from_each_hit():
    stats = stats_of("1 zealot 1 marine 1 marauder", "1 roach")
    # Blades 2 x (8 - 1); bullet 6 - 1; grenade 10 + 10 against armoured - 1.
    expected = {0: 14, 1: 5, 2: 19}
    for one, loss in expected.items():
        aims = [3 if slot == one else NO_UNIT for slot in range(4)]
        health, _, _ = volley(stats, in_a_row(4), aims)
        assert health[3] == pytest.approx(145 - loss)
    health, _, _ = volley(stats, in_a_row(4), [3, 3, 3, NO_UNIT])
    assert health == [100, 45, 125, pytest.approx(145 - 14 - 5 - 19)]


def test_a_hit_costs_at_least_a_half():
    stats = stats_of("2 zergling", "1 roach", {"roach": {"armour": 9}})
    assert volley(stats, in_a_row(3), [2, 2, NO_UNIT])[0][2] == pytest.approx(145 - 2 * 0.5)
    stats = stats_of("1 marine", "1 roach", {"roach": {"armour": 5.25}})
    assert volley(stats, in_a_row(2), [1, NO_UNIT])[0][1] == pytest.approx(145 - 0.75)


@pytest.mark.parametrize(
    ("shield", "health", "left"),
    [
        (50.0, 100.0, 34.0),  # all 16 on the shield
        (16.0, 100.0, 0.0),
        # Of two hits of 8, 4 are stopped: 12 are left, of both: 12 - 2 = 10.
        (4.0, 90.0, 0.0),
        # 8 are stopped, which is one hit; the other: 8 - 1 = 7.
        (8.0, 93.0, 0.0),
        (0.0, 86.0, 0.0),
    ],
)
def test_shields_stop_hits_before_armour(shield, health, left):
    stats = stats_of("1 zealot", "1 zealot")
    found = volley(stats, in_a_row(2), [1, NO_UNIT], shield=[50.0, shield])
    assert found[0] == [100, pytest.approx(health)]
    assert found[1] == [50, pytest.approx(left)]
    assert found[2] == [0, 10]


def test_of_a_mixed_volley_shields_stop_the_same_share():
    stats = stats_of("1 marine 1 zealot", "1 zealot")
    # 6 + 2 x 8 = 22 in three hits; the shield of 11 stops half: 1.5 hits count as 2, of 11 in all.
    health, shield, _ = volley(stats, in_a_row(3), [2, 2, NO_UNIT], shield=[0, 50, 11])
    assert shield[2] == 0
    assert health[2] == pytest.approx(100 - (11 - 2))


def test_nobody_is_deader_than_dead():
    stats = stats_of("4 stalker", "1 zergling")
    assert volley(stats, in_a_row(5), [4, 4, 4, 4, NO_UNIT])[0][4] == 0
    dead = volley(stats, in_a_row(5), [4, 4, 4, 4, NO_UNIT], health=[80, 80, 80, 80, 0])
    assert dead[0][4] == 0
    assert dead[2] == [0, 0, 0, 0, 0]


def test_shots_of_one_loop_cross():
    stats = stats_of("1 stalker", "1 stalker")
    weak = volley(stats, in_a_row(2), [1, 0], health=[5, 5], shield=[0, 0])
    assert weak[0] == [0, 0]


def test_a_bursting_baneling_hits_all_foes_around_and_dies():
    stats = stats_of("1 baneling 1 zergling", "4 zergling 1 roach 1 medivac")
    # From edge to edge 2.2: 2.575 to zerglings, 2.7 to roaches; aircraft and friends are spared.
    places = [[16, 16], [16, 17], [18.57, 16], [18.58, 16], [16, 13.43], [13.0, 16], [16, 18.69]]
    places = [[float(x), float(y)] for x, y in [*places, [16.5, 16.0]]]
    aims = [2] + [NO_UNIT] * 7
    health, _, _ = volley(stats, places, aims)
    # 20 + 15 against light kills a zergling of 35; 20 - 1 on a roach.
    assert health == [0, 35, 0, 35, 0, 35, 145 - 19, 150]


def test_a_burst_below_an_aircraft_takes_nothing_from_other_hits():
    stats = stats_of("1 marine 1 baneling", "1 medivac 1 marine")
    places = [[10.0, 10.0], [14.0, 10.0], [14.0, 10.5], [14.5, 10.0]]
    assert volley(stats, places, [2, 3, NO_UNIT, NO_UNIT])[0] == [45, 0, 150 - 5, 10]


def test_buildings_are_not_hurt_by_bursts():
    stats = stats_of("1 baneling", "1 spine_crawler")
    assert volley(stats, in_a_row(2), [1, NO_UNIT])[0] == [0, 300]


def test_a_baneling_that_is_killed_bursts():
    # The marine shoots the first, which bursts among zealots and banelings.
    stats = stats_of("1 marine 2 zealot", "3 baneling")
    places = [[10.0, 10.0], [16.0, 12.0], [16.0, 26.0], [16.0, 10.0], [16.0, 11.0], [30.0, 30.0]]
    health, shield, _ = volley(stats, places, [3, *[NO_UNIT] * 5], health=[45, 100, 100, 6, 30, 30])
    # Bursts spare their own side.
    assert health == [45, 100, 100, 0, 30, 30]
    assert shield == [0, 50 - 35, 50, 0, 0, 0]


def test_bursts_go_on_from_side_to_side():
    # Marine kills 1 (6 left); it bursts: 20 on 2, which had 20; that bursts: 20 on 3; and so on.
    stats = stats_of("1 marine 2 baneling", "2 baneling 1 hydralisk")
    places = [[4.0, 10.0], [12.5, 10.0], [17.5, 10.0], [10.0, 10.0], [15.0, 10.0], [20.0, 10.0]]
    health = [45, 20, 20, 6, 20, 80]
    found, _, _ = volley(stats, places, [3, *[NO_UNIT] * 5], health=health)
    assert found == [45, 0, 0, 0, 0, 80 - 35]


def test_a_baneling_that_shoots_as_it_dies_bursts_once():
    stats = stats_of("1 marine", "1 baneling")
    places = [[10.0, 10.0], [11.0, 10.0]]
    assert volley(stats, places, [1, 0], health=[45, 6])[0] == [45 - 35, 0]


@pytest.mark.parametrize("turn", [0.0, 0.7, 1.5708, 3.0])
def test_the_colossus_burns_a_line_across_its_fire(turn):
    stats = stats_of("1 colossus", "5 zergling 1 zealot")
    # Shooter at the origin, target 5 ahead; then along and across from the target.
    offsets = [[0, 0], [5, 0], [5, 1.62], [5, -1.63], [5.52, 0], [5.53, 0.5], [4.36, -1.7]]
    offset = torch.tensor(offsets, dtype=torch.float32)
    angle = torch.tensor(turn)
    spin = torch.stack(
        [torch.stack([angle.cos(), angle.sin()]), torch.stack([-angle.sin(), angle.cos()])]
    )
    places = (offset @ spin + 16).tolist()
    health, shield, _ = volley(stats, places, [1, *[NO_UNIT] * 6])
    # Two beams of 20 on all within 1.25 + r across and 0.15 + r along: .375 or .5 is r.
    assert health == [200, 0, 0, 35, 0, 35, 100]
    assert shield[6] == pytest.approx(10, abs=1e-4)


def test_beams_are_two_hits():
    stats = stats_of("1 colossus", "1 roach")
    assert volley(stats, in_a_row(2), [1, NO_UNIT])[0][1] == pytest.approx(145 - 2 * 19)


def test_the_ultralisk_hits_all_within_two_in_front():
    stats = stats_of("5 zergling 1 roach", "1 ultralisk", {"zergling": {"hp": 100}})
    # Ahead is +x; within 2 + 1 + 0.375, or + 0.5.
    places = [[17.4, 16.0], [19.37, 16.0], [19.38, 16.0], [16.01, 19.3], [15.99, 17.5]]
    places += [[18.0, 18.8], [16.0, 16.0]]
    health, _, _ = volley(stats, places, [*[NO_UNIT] * 6, 0])
    assert health == [82, 82, 100, 82, 100, 145 - 17, 600]


HITS = {
    "marine": (1, 1, 1),
    "stalker": (1, 1, 1),
    "hydralisk": (1, 1, 1),
    "marauder": (1, 0, 1),
    "zealot": (1, 0, 1),
    "zergling": (1, 0, 1),
    "reaper": (1, 0, 1),
    "roach": (1, 0, 1),
    "baneling": (1, 0, 1),
    "colossus": (1, 0, 1),
    "ultralisk": (1, 0, 1),
    "spine_crawler": (1, 0, 1),
    "overlord": (0, 0, 0),
    "medivac": (0, 0, 0),
}


@pytest.mark.parametrize("kind", HITS)
def test_who_can_hit_ground_air_and_colossi(kind, monkeypatch):
    loops(monkeypatch, 1)
    victims = ("roach", "overlord", "colossus")
    for victim, expected in zip(victims, HITS[kind], strict=True):
        stats = stats_of(f"1 {kind}", f"1 {victim}")
        combat = combat_of(stats, goal="stay")
        field = combat.step(field_of(stats, in_a_row(2)), orders_of(1), punctual(stats))
        left = field.health[1, 0] + field.shield[1, 0]
        assert (left < stats.hp[1, 0] + stats.shield[1, 0]) == bool(expected), victim


def test_colossi_are_hit_by_what_hits_air_alone():
    stats = stats_of("1 marine", "1 colossus 1 zealot 1 overlord")
    assert stats.can[0].tolist() == [0, 1, 1, 1]
    for planes, expected in ((("air",), [1, 0, 1]), (("ground",), [1, 1, 0]), ((), [0, 0, 0])):
        units = [replace(stats.units[0], targets=planes), *stats.units[1:]]
        assert UnitStats(units, 1, stats.device).can[0, 1:].tolist() == expected


def test_what_is_out_of_reach_is_walked_to_and_not_hit(monkeypatch):
    loops(monkeypatch, 1)
    stats = stats_of("1 marine", "1 overlord")
    # Range 5 and radii .375 and 1: reach 6.375. A loop of walking is 2.25 / 16 = 0.140625.
    for gap, hit in ((6.37, True), (6.51, True), (6.52, False)):
        field = field_of(stats, [[10.0, 10.0], [10.0 + gap, 10.0]])
        field = combat_of(stats, goal="stay").step(field, orders_of(1), punctual(stats))
        assert (field.health[1, 0] < 200) == hit
        walked = 0 if gap < 6.375 else 0.140625
        assert field.x[0, 0] == pytest.approx(10 + walked, abs=1e-4)
