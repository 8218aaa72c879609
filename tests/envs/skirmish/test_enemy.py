"""What units do that nobody commands."""

import pytest
import torch
from fields import combat_of, field_of, idle, loops, orders_of, punctual, stats_of

from graphmarl.envs.skirmish.state import NO_UNIT


def target_of(stats, places, threat=1.0, **given):
    """Whom the first enemy chooses."""
    combat = combat_of(stats, threat=threat)
    field = field_of(stats, places, **given)
    return combat.rule.choose(field, field.alive)[0, 0].item()


def on_a_line(*x):
    return [[float(value), 16.0] for value in x]


def test_the_nearest_from_edge_to_edge_is_attacked():
    # Ultralisks are 0.625 wider than marines.
    stats = stats_of("1 marine 1 ultralisk", "1 marine")
    assert target_of(stats, on_a_line(13, 12.4, 16)) == 1
    assert target_of(stats, on_a_line(13, 12.3, 16)) == 0
    assert target_of(stats, on_a_line(13, 12.4, 16), health=[45, 0, 45]) == 0


def test_of_equals_the_first_is_attacked():
    assert target_of(stats_of("3 marine", "1 marine"), on_a_line(13, 19, 13, 16)) == 0


@pytest.mark.parametrize(("threat", "expected"), [(1.0, 1), (0.9, 1), (0.7, 0), (0.0, 0)])
def test_who_attacks_the_chooser_counts_as_nearer(threat, expected):
    stats = stats_of("2 marine", "2 marine")
    places = on_a_line(12.8, 12, 16, 20)
    found = target_of(stats, places, threat=threat, target=[3, 2, NO_UNIT, NO_UNIT])
    assert found == expected


def test_threat_finds_nobody_beyond_what_is_noticed():
    stats = stats_of("1 marine", "1 marine")
    places = on_a_line(16 - 5 - 0.75 - 0.1, 16)
    assert target_of(stats, places, threat=1.0, target=[1, NO_UNIT]) == NO_UNIT


@pytest.mark.parametrize(
    ("kind", "notice"),
    [("marine", 5), ("zealot", 5), ("stalker", 6), ("spine_crawler", 7), ("hydralisk", 5)],
)
def test_what_is_farther_than_range_and_scan_is_not_noticed(kind, notice):
    stats = stats_of("1 marine", f"1 {kind}")
    touching = float(stats.bodies[0, 1])
    for gap, expected in ((notice - 0.01, 0), (notice + 0.01, NO_UNIT)):
        assert target_of(stats, on_a_line(16 - touching - gap, 16)) == expected


def test_what_the_weapon_cannot_hit_is_no_target():
    stats = stats_of("1 overlord 1 marine", "1 roach")
    assert target_of(stats, on_a_line(15, 13, 16)) == 1
    assert target_of(stats, on_a_line(15, 8, 16)) == NO_UNIT


@pytest.mark.parametrize(
    ("kind", "reach"), [("marine", 5 + 1), ("zealot", 0.1 + 1), ("spine_crawler", 7)]
)
def test_a_target_is_kept_to_one_beyond_the_range_unless_one_cannot_follow(kind, reach):
    stats = stats_of("2 marine", f"1 {kind}")
    touching = float(stats.bodies[0, 2])
    for gap, expected in ((reach - 0.01, 0), (reach + 0.01, 1)):
        places = on_a_line(16 - touching - gap, 16 + touching + 0.05, 16)
        assert target_of(stats, places, target=[NO_UNIT, NO_UNIT, 0]) == expected


def test_a_dead_target_is_dropped():
    stats = stats_of("2 marine", "1 marine")
    targets, health = [NO_UNIT, NO_UNIT, 0], [0, 45, 45]
    assert target_of(stats, on_a_line(14, 12, 16), target=targets, health=health) == 1


def play(stats, places, steps=1, goal="point", orders=None, point=(9.0, 16.0), **given):
    combat = combat_of(stats, goal=goal)
    field = field_of(stats, places, goal=point, **given)
    orders = idle(stats.num_allies) if orders is None else orders
    for _ in range(steps):
        field = combat.step(field, orders, punctual(stats))
    return field


def test_they_walk_to_the_goal_as_fast_as_they_can():
    stats = stats_of("1 overlord", "1 zergling")
    field = play(stats, [[31.0, 1.0], [23.0, 16.0]])
    # 8 loops of 2.953 / 16.
    assert field.x[1, 0] == pytest.approx(23 - 2.953 / 2, abs=1e-4)
    assert field.y[1, 0] == 16
    there = play(stats, [[31.0, 1.0], [9.5, 16.2]], steps=2)
    assert (there.x[1, 0], there.y[1, 0]) == (9, 16)


def test_where_there_is_no_goal_they_stay_until_somebody_is_near():
    stats = stats_of("1 marine", "1 zealot")
    field = play(stats, on_a_line(22, 16), steps=3, goal="stay")
    assert field.x[1, 0] == 16
    # Within 5 of edges it comes, at 2.25.
    field = play(stats, on_a_line(21.8, 16), goal="stay")
    assert field.x[1, 0] == pytest.approx(16 + 2.25 / 2, abs=1e-4)


@pytest.mark.parametrize("kind", ["zealot", "medivac", "roach"])
def test_the_goal_of_allies_is_the_nearest_living_one(kind):
    stats = stats_of("2 overlord", f"1 {kind}")
    places = [[16.0, 27.0], [4.0, 16.0], [16.0, 16.0]]
    half = float(stats.speed[2]) / 2
    field = play(stats, places, goal="foe", health=[200, 200, 100])
    assert field.y[2, 0] == pytest.approx(16 + half, abs=1e-4)
    field = play(stats, places, goal="foe", health=[0, 200, 100])
    assert field.x[2, 0] == pytest.approx(16 - half, abs=1e-4)


def struck(friend_at, kind="zealot", friend="zealot"):
    """A stalker shoots the first enemy from beyond what it notices, for one step."""
    stats = stats_of("1 stalker", f"1 {kind} 1 {friend}")
    combat = combat_of(stats, goal="stay")
    field = field_of(stats, [[9.0, 16.0], [16.0, 16.0], friend_at])
    return combat, combat.step(field, orders_of(1), punctual(stats))


def test_the_struck_and_friends_within_five_go_for_the_striker():
    combat, field = struck([16.0, 20.9])
    assert field.grudge[:, 0].tolist() == [NO_UNIT, 0, 0]
    x = field.x.clone()
    field = combat.step(field, idle(1), punctual(combat.stats))
    assert (field.x[1:] < x[1:] - 0.9).all()
    _, field = struck([16.0, 21.1])
    assert field.grudge[:, 0].tolist() == [NO_UNIT, 0, NO_UNIT]


def test_a_grudge_ends_with_the_striker():
    combat, field = struck([16.0, 20.0])
    field.health = field.health * torch.tensor([[0.0], [1.0], [1.0]])
    x = field.x.clone()
    field = combat.step(field, idle(1), punctual(combat.stats))
    assert torch.equal(field.x, x)
    assert field.grudge[:, 0].tolist() == [NO_UNIT, NO_UNIT, NO_UNIT]


def test_a_grudge_is_kept_while_another_strikes():
    stats = stats_of("2 stalker", "1 zealot")
    combat = combat_of(stats, goal="stay")
    field = field_of(stats, [[9.0, 16.0], [16.0, 23.0], [16.0, 16.0]], grudge=[NO_UNIT, NO_UNIT, 1])
    field = combat.step(field, orders_of(2, NO_UNIT), punctual(stats))
    assert field.grudge[2, 0] == 1


def test_healers_and_who_cannot_hit_the_striker_bear_no_grudge():
    combat, field = struck([16.0, 18.0], kind="medivac", friend="medivac")
    place = field.x.clone(), field.y.clone()
    field = combat.step(field, idle(1), punctual(combat.stats))
    assert torch.equal(field.x, place[0])
    assert torch.equal(field.y, place[1])


def test_what_is_near_comes_before_a_grudge():
    stats = stats_of("1 stalker 1 marine", "1 zealot")
    places = [[4.0, 16.0], [19.0, 16.0], [16.0, 16.0]]
    field = play(stats, places, goal="stay", grudge=[NO_UNIT, NO_UNIT, 0])
    assert field.x[2, 0] > 16
    field = play(stats, [places[0], [30.0, 16.0], places[2]], goal="stay", grudge=[-1, -1, 0])
    assert field.x[2, 0] < 16


def test_they_go_on_to_the_goal_when_the_target_is_dead():
    stats = stats_of("1 marine", "1 stalker")
    field = play(stats, on_a_line(20, 16), point=(2.0, 16.0), health=[5, 80])
    assert field.health[0, 0] == 0
    # One loop of shooting, seven of walking at 2.953.
    assert field.x[1, 0] == pytest.approx(16 - 7 * 2.953 / 16, abs=1e-4)


def test_agents_acquire_nothing_and_stand_when_their_target_is_dead():
    stats = stats_of("1 marine", "2 medivac")
    places = on_a_line(10, 12, 14)
    assert play(stats, places, steps=2, goal="stay").health[1:, 0].tolist() == [150, 150]
    field = play(stats, places, goal="stay", health=[45, 1, 150], orders=orders_of(1))
    assert field.health[1:, 0].tolist() == [0, 150]
    assert field.target[0, 0] == NO_UNIT
    assert field.x[0, 0] == 10


def test_agents_walk_two_and_not_past_it():
    stats = stats_of("1 zergling 1 marine", "1 overlord")
    orders = idle(2)
    orders.x, orders.y = torch.tensor([[12.0], [10.0]]), torch.tensor([[10.0], [22.0]])
    orders.walks = torch.ones(2, 1)
    field = play(stats, [[10.0, 10.0], [10.0, 20.0], [30.0, 30.0]], goal="stay", orders=orders)
    assert field.x[:2, 0].tolist() == pytest.approx([10 + 2.953 / 2, 10], abs=1e-4)
    assert field.y[:2, 0].tolist() == pytest.approx([10, 20 + 1.125], abs=1e-4)


def test_the_near_push_each_other_apart_and_buildings_stay(monkeypatch):
    loops(monkeypatch, 1)
    stats = stats_of("2 marine 1 medivac", "1 spine_crawler")
    field = play(
        stats,
        [[16.0, 16.0], [16.4, 16.0], [16.2, 16.0], [17.4, 16.0]],
        goal="stay",
        cooldown=[9.0] * 4,
    )
    x = field.x[:, 0].tolist()
    # The medivac flies, and the crawler has no legs.
    assert x[0] < 16
    assert x[2] == pytest.approx(16.2)
    assert x[3] == pytest.approx(17.4)
    alone = stats_of("2 marine", "1 overlord")
    field = play(alone, [[16.0, 16.0], [16.4, 16.0], [16.0, 16.0]], goal="stay")
    # 0.35 is missing; each pass leaves 1 - 2 * 0.35 of that, three leave 0.027.
    moved = 0.35 * (1 - 0.3**3) / 2
    assert field.x[:2, 0].tolist() == pytest.approx([16 - moved, 16.4 + moved], abs=1e-4)
