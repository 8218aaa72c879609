"""What shields, zerg, healers and their patients regain."""

import pytest
from fields import combat_of, field_of, idle, loops, orders_of, punctual, stats_of

from graphmarl.envs.skirmish.state import NO_UNIT


def after(combat, field, orders, steps=1):
    for _ in range(steps):
        field = combat.step(field, orders, punctual(combat.stats))
    return field


def test_a_shield_regains_two_a_second_ten_seconds_after_it_was_hit(monkeypatch):
    stats = stats_of("1 marine", "1 zealot")
    combat = combat_of(stats, goal="stay")
    field = field_of(stats, [[10.0, 10.0], [14.0, 10.0]], cooldown=[0.0, 9.0])
    loops(monkeypatch, 1)
    field = after(combat, field, orders_of(1))
    assert field.shield[1, 0] == 44
    field.x[0], field.grudge = 30.0, field.target.clone().fill_(NO_UNIT)
    field = after(combat, field, idle(1), 16 * 10 - 2)
    assert field.shield[1, 0] == 44
    field = after(combat, field, idle(1), 2 + 15)
    # 15 loops or one more of 2 / 16.
    assert 44 + 15 / 8 <= field.shield[1, 0] <= 44 + 17 / 8
    field = after(combat, field, idle(1), 16 * 3)
    assert field.shield[1, 0] == 50
    assert field.health[1, 0] == 100


def test_a_hit_on_health_keeps_the_shield_waiting_too():
    stats = stats_of("1 marine", "1 zealot")
    combat = combat_of(stats, goal="stay")
    places = [[10.0, 10.0], [14.0, 10.0]]
    hurt = field_of(stats, places, shield=[0, 0], health=[45, 50], cooldown=[0.0, 9.0])
    hurt = after(combat, hurt, orders_of(1))
    assert hurt.shield[1, 0] == 0
    assert 9 < hurt.quiet[1, 0] <= 10


def test_zerg_regain_health_and_nobody_else_does():
    stats = stats_of("1 zergling 1 marine", "1 roach 1 zealot")
    combat = combat_of(stats, goal="stay")
    places = [[2.0, 2.0], [2.0, 30.0], [30.0, 2.0], [30.0, 30.0]]
    field = field_of(stats, places, health=[10, 10, 144.9, 10])
    field = after(combat, field, idle(2), 4)
    # 0.2734 a second for two seconds.
    assert field.health[:, 0].tolist() == pytest.approx([10 + 0.5468, 10, 145, 10], abs=1e-4)


def test_the_dead_regain_nothing():
    stats = stats_of("1 zergling 1 zealot 1 marine 1 medivac", "1 roach")
    places = [[2.0, 2.0], [4.0, 2.0], [6.0, 2.0], [8.0, 2.0], [30.0, 30.0]]
    field = field_of(stats, places, health=[0, 0, 0, 150, 145], shield=[0] * 5)
    field = after(combat_of(stats, goal="stay"), field, orders_of(NO_UNIT, NO_UNIT, NO_UNIT, 2), 2)
    assert field.health[:3, 0].tolist() == [0, 0, 0]
    assert field.shield[1, 0] == 0
    assert field.energy[3, 0] == pytest.approx(50 + 0.5625)


def test_a_healer_gives_nine_a_second_and_pays_for_it():
    stats = stats_of("1 marauder 1 medivac", "1 marine")
    places = [[10.0, 10.0], [12.0, 10.0], [30.0, 30.0]]
    field = field_of(stats, places, health=[100, 150, 45])
    field = after(combat_of(stats, goal="stay"), field, orders_of(NO_UNIT, 0))
    assert field.health[0, 0] == pytest.approx(100 + 9 / 2)
    assert field.energy[1, 0] == pytest.approx(50 - 0.33 * 4.5 + 0.5625 / 2)
    nearly = field_of(stats, places, health=[124, 150, 45])
    nearly = after(combat_of(stats, goal="stay"), nearly, orders_of(NO_UNIT, 0))
    assert nearly.health[0, 0] == 125
    assert nearly.energy[1, 0] == pytest.approx(50 - 0.33 + 0.5625 / 2)


def test_two_healers_share_what_is_missing():
    stats = stats_of("1 marine 2 medivac", "1 marine")
    places = [[10.0, 10.0], [12.0, 10.0], [8.0, 10.0], [30.0, 30.0]]
    field = field_of(stats, places, health=[44.1, 150, 150, 45])
    field = after(combat_of(stats, goal="stay"), field, orders_of(NO_UNIT, 0, 0))
    assert field.health[0, 0] == 45
    paid = 50 - 0.33 * 0.45 + 0.5625 / 2
    assert field.energy[1:3, 0].tolist() == pytest.approx([paid, paid])


def test_a_healer_without_energy_gives_what_it_regains():
    stats = stats_of("1 marauder 1 medivac", "1 marine")
    places = [[10.0, 10.0], [12.0, 10.0], [30.0, 30.0]]
    field = field_of(stats, places, health=[50, 150, 45], energy=[0, 0.33, 0])
    field = after(combat_of(stats, goal="stay"), field, orders_of(NO_UNIT, 0))
    # One for what it had; seven loops' worth, as the last loop's is not spent yet.
    assert field.health[0, 0] == pytest.approx(50 + 1 + 7 * 0.5625 / 16 / 0.33, abs=1e-3)
    assert field.energy[1, 0] == pytest.approx(0.5625 / 16, abs=1e-4)


def test_energy_has_a_top_and_is_the_healers_own():
    stats = stats_of("1 medivac 1 marine", "1 marine")
    field = field_of(stats, [[2.0, 2.0], [4.0, 2.0], [30.0, 30.0]], energy=[199.9, 0, 0])
    field = after(combat_of(stats, goal="stay"), field, idle(2), 2)
    assert field.energy[:, 0].tolist() == [200, 0, 0]


@pytest.mark.parametrize("energy", [4.0, 5.0])
def test_a_free_healer_begins_with_five_energy(energy):
    stats = stats_of("1 marine", "1 marine 1 medivac")
    places = [[2.0, 2.0], [28.0, 28.0], [28.0, 26.0]]
    field = field_of(stats, places, health=[45, 20, 150], energy=[0, 0, energy])
    field = after(combat_of(stats, goal="stay"), field, idle(1))
    gained = min(4.5, 0.0 if energy < 5 else 4.5)
    assert field.health[1, 0] == pytest.approx(20 + gained)


def test_a_free_healer_that_has_begun_goes_on_below_five():
    stats = stats_of("1 marine", "1 marine 1 medivac")
    places = [[2.0, 2.0], [28.0, 28.0], [28.0, 26.0]]
    given = {"health": [45, 20, 150], "energy": [0, 0, 4], "target": [NO_UNIT, NO_UNIT, 1]}
    field = after(combat_of(stats, goal="stay"), field_of(stats, places, **given), idle(1))
    assert field.health[1, 0] == pytest.approx(24.5)


def test_healers_help_the_living_body_with_least_of_its_health():
    stats = stats_of("1 marine", "1 medivac 1 marauder 2 marine 1 stalker 1 medivac 1 marine")
    where = [[16.0, 16], [16, 19], [18, 16], [16, 14], [15, 17], [17, 17], [16, 24.9]]
    places = [[2.0, 2.0], *[[float(x), float(y)] for x, y in where]]
    # Shares: marauder .4, marines .5 and .8; machines and the one farther than 6 are worse off.
    health = [45, 150, 50, 22.5, 36, 1, 1, 4]
    energy = [0, 50, 0, 0, 0, 0, 0, 0]
    combat = combat_of(stats, goal="stay")
    field = after(combat, field_of(stats, places, health=health, energy=energy), idle(1))
    assert field.target[1, 0] == 2
    assert field.health[2, 0] == pytest.approx(54.5)
    health[2] = 125
    field = after(combat, field_of(stats, places, health=health, energy=energy), idle(1))
    assert field.target[1, 0] == 3
    assert field.health[[5, 6], 0].tolist() == [1, 1]


def test_the_ordered_do_not_heal_machines_themselves_or_foes():
    stats = stats_of("2 medivac 1 stalker 1 marine", "1 marine")
    places = [[10.0, 10.0], [12.0, 10.0], [10.0, 12.0], [12.0, 12.0], [11.0, 11.0]]
    for target, gain in ((0, 0), (1, 0), (2, 0), (3, 4.5), (4, 0)):
        given = {"health": [50, 50, 50, 20, 20], "cooldown": [9.0] * 5}
        field = field_of(stats, places, **given)
        orders = orders_of(target, NO_UNIT, NO_UNIT, NO_UNIT)
        field = after(combat_of(stats, goal="stay"), field, orders)
        gained = [left - 50 for left in field.health[:3, 0].tolist()]
        gained += [left - 20 for left in field.health[3:, 0].tolist()]
        assert gained == pytest.approx([gain * (slot == target) for slot in range(5)]), target


def test_a_healer_reaches_four_from_edge_to_edge(monkeypatch):
    loops(monkeypatch, 1)
    stats = stats_of("1 marine 1 medivac", "1 marine")
    # 4 + .375 + .75, and a loop of flying is 2.75 / 16 = 0.171875.
    for gap, heals in ((5.12, True), (5.29, True), (5.30, False)):
        field = field_of(stats, [[10.0, 10.0], [10.0 + gap, 10.0], [30.0, 30.0]], health=[20, 9, 9])
        field = after(combat_of(stats, goal="stay"), field, orders_of(NO_UNIT, 0))
        assert (field.health[0, 0] > 20) == heals
