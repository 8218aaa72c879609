from dataclasses import replace

import pytest

from graphmarl.envs.skirmish.map_spec import SpawnArea, point
from graphmarl.envs.skirmish.maps import MAPS, NDQ, SMAC, army
from graphmarl.envs.skirmish.units import LIBERTY

# Steps, actions, bits of type, observation, the same with last actions, state: as SMAC has them.
SIZES = {
    "3m": (60, 9, 0, 30, 48, 48),
    "8m": (120, 14, 0, 80, 178, 168),
    "25m": (150, 31, 0, 250, 994, 950),
    "5m_vs_6m": (70, 12, 0, 55, 103, 98),
    "8m_vs_9m": (120, 15, 0, 85, 190, 179),
    "10m_vs_11m": (150, 17, 0, 105, 258, 243),
    "27m_vs_30m": (180, 36, 0, 285, 1221, 1170),
    "MMM": (150, 16, 3, 160, 304, 290),
    "MMM2": (180, 18, 3, 176, 338, 322),
    "2s3z": (120, 11, 2, 80, 124, 120),
    "3s5z": (150, 14, 2, 128, 226, 216),
    "3s5z_vs_3s6z": (170, 15, 2, 136, 241, 230),
    "1c3s5z": (180, 15, 3, 162, 282, 270),
    "3s_vs_3z": (150, 9, 0, 36, 54, 54),
    "3s_vs_4z": (200, 10, 0, 42, 62, 61),
    "3s_vs_5z": (250, 11, 0, 48, 70, 68),
    "2m_vs_1z": (150, 7, 0, 16, 23, 26),
    "2s_vs_1sc": (300, 7, 0, 17, 24, 27),
    "6h_vs_8z": (150, 14, 0, 78, 148, 140),
    "corridor": (400, 30, 0, 156, 306, 282),
    "so_many_baneling": (100, 38, 0, 202, 430, 397),
    "bane_vs_bane": (200, 30, 2, 336, 1026, 984),
    "2c_vs_64zg": (400, 70, 0, 332, 402, 342),
    "3b_vs_1h1m": (30, 8, 2, 31, 47, 52),
    "1o2r_vs_4r": (50, 10, 2, 43, 63, 68),
    "1o10b_vs_1r": (50, 7, 2, 73, 143, 148),
    "5z_vs_1ul": (150, 7, 0, 26, 54, 63),
    "ndq_3s_vs_5z": (250, 11, 0, 34, 56, 68),
    "ndq_MMM": (150, 16, 3, 141, 285, 290),
}


def sizes(one):
    """By the formulas of SMAC, where health or shields of others may not be observed."""
    n, foes, bits = len(one.allies), len(one.enemies), one.type_bits
    ally_shield, foe_shield = (
        any(LIBERTY[kind].shield > 0 for kind in side) for side in (one.allies, one.enemies)
    )
    actions = 6 + foes
    enemy = 4 + bits + (1 + foe_shield) * one.enemy_health
    ally = 4 + bits + (1 + ally_shield) * one.all_health
    own = bits + 1 + ally_shield
    obs = 4 + foes * enemy + (n - 1) * ally + own
    state = n * (4 + ally_shield + bits) + foes * (3 + foe_shield + bits) + n * actions
    return one.limit, actions, bits, obs, obs + (n - 1) * actions, state


def test_there_are_the_maps_of_smac_and_six_of_ndq():
    assert list(MAPS) == list(SIZES)
    assert len(SMAC) == 23
    assert len(NDQ) == 6
    assert all(one.name == name for name, one in MAPS.items())


@pytest.mark.parametrize("name", SIZES)
def test_limits_and_sizes_are_those_of_the_published_maps(name):
    assert sizes(MAPS[name]) == SIZES[name]


@pytest.mark.parametrize(
    ("name", "reward"),
    [
        ("3m", 200 + 30 + 3 * 45),
        ("8m", 200 + 80 + 8 * 45),
        ("2s3z", 200 + 50 + 2 * 160 + 3 * 150),
        ("MMM", 200 + 100 + 7 * 45 + 2 * 125 + 150),
        ("MMM2", 200 + 120 + 8 * 45 + 3 * 125 + 150),
        ("3s_vs_5z", 200 + 50 + 5 * 150),
        ("corridor", 200 + 240 + 24 * 35),
        ("bane_vs_bane", 200 + 240 + 20 * 35 + 4 * 30),
        ("2s_vs_1sc", 200 + 10 + 300),
    ],
)
def test_the_enemies_are_worth_what_they_are_in_smac(name, reward):
    units = [LIBERTY[kind] for kind in MAPS[name].enemies]
    assert 200 + sum(10 + unit.hp + unit.shield for unit in units) == reward


@pytest.mark.parametrize(
    ("name", "allies"),
    [
        ("MMM", ["marauder"] * 2 + ["marine"] * 7 + ["medivac"]),
        ("2s3z", ["stalker"] * 2 + ["zealot"] * 3),
        ("1c3s5z", ["colossus"] + ["stalker"] * 3 + ["zealot"] * 5),
        ("bane_vs_bane", ["baneling"] * 4 + ["zergling"] * 20),
        ("1o2r_vs_4r", ["overlord"] + ["roach"] * 2),
    ],
)
def test_agents_come_in_the_order_of_smac(name, allies):
    assert list(MAPS[name].allies) == allies


def test_the_bits_of_enemy_stalkers_and_zealots_are_the_other_way_round():
    for name in ("2s3z", "3s5z", "3s5z_vs_3s6z"):
        assert MAPS[name].one_hot_order == (("stalker", "zealot"), ("zealot", "stalker"))
    for name in ("MMM", "1c3s5z", "bane_vs_bane"):
        allies, enemies = MAPS[name].one_hot_order
        assert allies == enemies == tuple(sorted(allies))


def test_enemies_walk_to_the_start_of_the_allies_unless_the_map_says_another_goal():
    other = {
        "2m_vs_1z": "between",
        "2s_vs_1sc": None,
        "corridor": (4.47, 4.33),
        "so_many_baneling": (4.47, 4.33),
        "2c_vs_64zg": "allies",
        "3b_vs_1h1m": None,
        "1o2r_vs_4r": None,
        "1o10b_vs_1r": None,
        "5z_vs_1ul": (9, 16),
    }
    for name, one in MAPS.items():
        x, _, y, _ = one.places[0].boxes[0]
        assert one.goal == other.get(name, (x, y))


def test_agents_of_the_maps_of_ndq_see_little():
    for one in NDQ:
        assert (one.sight, one.shoot, one.all_health, one.enemy_health) == (2, 2, False, False)
    for one in SMAC:
        assert (one.sight, one.shoot, one.all_health, one.enemy_health) == (9, 6, True, True)
        assert not one.overrides
    assert MAPS["3b_vs_1h1m"].overrides["hydralisk"] == {"damage": 30, "range": 2, "scan": 2}
    assert MAPS["3b_vs_1h1m"].overrides["medivac"] == {"heals": 7}
    assert MAPS["1o2r_vs_4r"].overrides["reaper"] == {"range": 3, "scan": 3}
    for name in ("1o2r_vs_4r", "1o10b_vs_1r"):
        assert MAPS[name].overrides["roach"] == {"period": 1, "scan": 3}
    assert [one.name for one in MAPS.values() if one.shield_unit] == ["5z_vs_1ul"]
    assert MAPS["5z_vs_1ul"].shield_unit == 80


def test_an_army_is_so_many_of_each_kind():
    assert army(stalker=1, zealot=2) == ("stalker", "zealot", "zealot")


THREE = MAPS["3m"]
BLOCKED = (SpawnArea((point(3, 3),), allies=(0, 1, 2)), THREE.places[1])
TWICE = (*THREE.places, SpawnArea((point(9, 16),), allies=(2,)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"limit": 0}, "map '3m': limit is 0; it must be from 1"),
        ({"sight": 0.0}, "sight is 0.0; it must be above 0"),
        ({"shoot": -1.0}, "shoot is -1.0"),
        ({"shield_unit": 0.0}, "shield_unit is 0.0"),
        ({"center": (16.0, 33.0)}, r"center is \(16.0, 33.0\)"),
        ({"allies": ()}, "there are no allies"),
        ({"enemies": ("marin",) * 3}, "no unit is called 'marin'; there are baneling"),
        ({"one_hot_order": (("stalker",), ("marine",))}, "one_hot_order of the allies .* marine"),
        ({"overrides": {"marin": {}}}, "no unit is called 'marin'"),
        ({"overrides": {"marine": {"race": 1.0}}}, "overrides of marine change 'race'; there are"),
        ({"overrides": {"marine": {"hp": -1.0}}}, "set hp to -1.0"),
        ({"allies": ("marine",) * 4}, r"places are of the allies \[0, 1, 2\]; each of 0 to 3"),
        ({"places": TWICE}, r"allies \[0, 1, 2, 2\]"),
        ({"places": BLOCKED}, "marine start in .* no walkable cell"),
        ({"goal": (3.0, 3.0)}, r"goal is \(3.0, 3.0\), which is not on a walkable cell"),
        ({"goal": (16.0, 33.0)}, "not on a walkable cell"),
        ({"goal": "home"}, "goal is 'home'; it must be a point, 'allies', 'between' or None"),
        ({"goal": "between"}, "all allies start at one place"),
    ],
)
def test_a_map_that_cannot_be_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        replace(THREE, **change)


def test_flying_units_may_start_over_blocked_cells():
    places = (SpawnArea((point(3, 3),), allies=(0, 1, 2)), THREE.places[1])
    assert replace(THREE, allies=("medivac",) * 3, places=places).allies[0] == "medivac"


@pytest.mark.parametrize(
    ("boxes", "message"),
    [
        ((), "no box"),
        (((5.0, 4.0, 0.0, 1.0),), r"box \(5.0, 4.0, 0.0, 1.0\)"),
        (((0.0, 1.0, 5.0, 4.0),), "lowest y"),
        (((-1.0, 1.0, 0.0, 1.0),), "within 0 and 32"),
        (((0.0, 33.0, 0.0, 1.0),), "within 0 and 32"),
        (((0.0, 1.0, 0.0, 33.0),), "within 0 and 32"),
    ],
)
def test_a_place_that_cannot_be_is_refused(boxes, message):
    with pytest.raises(ValueError, match=message):
        SpawnArea(boxes)


def test_the_edge_of_the_square_is_of_the_last_cell():
    grid = MAPS["3s_vs_3z"].walkable
    assert SpawnArea((point(32, 32),)).touches(grid)
    assert not SpawnArea((point(0, 0), point(9, 24))).touches(THREE.walkable)
    assert SpawnArea(((0, 1, 5, 8.5),)).touches(THREE.walkable)
