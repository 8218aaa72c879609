from pathlib import Path

import pytest
import yaml

from graphmarl.envs.skirmish.map_loader import read_map
from graphmarl.envs.skirmish.terrain import TERRAINS

GATE = Path(__file__).parents[3] / "datasets" / "skirmish" / "gate.yaml"
STARTS = [{"allies": {"marine": 2}, "at": [9, 16]}, {"enemies": {"zergling": 3}, "at": [23, 16]}]


def write(folder, **changes):
    """A small map with changes; None takes a key away."""
    table = {"limit": 60, "starts": STARTS, "goal": [9, 16]} | changes
    table = {key: value for key, value in table.items() if value is not None}
    path = folder / "small.yaml"
    path.write_text(yaml.safe_dump(table))
    return path


def test_the_map_that_comes_with_the_library_is_as_it_is_drawn():
    one = read_map(GATE)
    assert one.name == "gate"
    assert one.limit == 120
    assert one.allies == ("marine",) * 4 + ("medivac",)
    assert one.enemies == ("zergling",) * 10
    assert one.goal == (8, 16)
    assert one.one_hot_order == (("marine", "medivac"), ("zergling",))
    assert one.type_bits == 2
    # Four blocked rows at the top and at the bottom; a wall of two columns with a gate of four.
    assert one.walkable.sum() == 32 * 24 - 2 * 20
    assert one.walkable[16, 14:18].all()
    assert one.places[1].boxes == ((24, 28, 6, 10), (24, 28, 22, 26))
    assert one.places[1].enemies == tuple(range(10))


def test_what_a_file_leaves_out_is_as_on_the_maps_of_smac(tmp_path):
    one = read_map(write(tmp_path, goal=None))
    assert one.name == "small"
    assert one.goal is None
    assert one.terrain is TERRAINS["open"]
    assert (one.sight, one.shoot, one.all_health, one.enemy_health) == (9, 6, True, True)
    assert one.one_hot_order == ((), ())
    assert one.overrides == {}
    assert one.shield_unit is None
    assert one.center == (16, 16)


def test_everything_a_file_says_is_in_the_map(tmp_path):
    path = write(
        tmp_path,
        name="mine",
        terrain="band",
        goal="allies",
        sight=2,
        shoot=3.5,
        all_health=False,
        enemy_health=False,
        overrides={"marine": {"range": 6}},
        shield_unit=80,
        center=[15, 17],
    )
    one = read_map(str(path))
    assert one.name == "mine"
    assert one.terrain is TERRAINS["band"]
    assert one.goal == "allies"
    assert (one.sight, one.shoot, one.all_health, one.enemy_health) == (2, 3.5, False, False)
    assert one.overrides == {"marine": {"range": 6}}
    assert one.shield_unit == 80
    assert one.center == (15, 17)


def test_units_come_in_the_order_of_their_kinds_and_keep_their_places(tmp_path):
    starts = [
        {"allies": {"zealot": 1, "stalker": 1}, "enemies": {"roach": 2}, "at": [9, 16]},
        {"allies": {"stalker": 2}, "within": [[1, 2, 3, 4]]},
    ]
    one = read_map(write(tmp_path, starts=starts))
    assert one.allies == ("stalker",) * 3 + ("zealot",)
    assert [place.allies for place in one.places] == [(0, 3), (1, 2)]
    assert [place.enemies for place in one.places] == [(0, 1), ()]
    assert [place.boxes for place in one.places] == [((9, 9, 16, 16),), ((1, 2, 3, 4),)]


def test_the_first_row_of_a_drawing_is_the_top(tmp_path):
    rows = ["." * 32] * 32
    rows[0] = "#" + "." * 31
    rows[31] = "." * 30 + "~."
    one = read_map(write(tmp_path, terrain="\n".join(rows)))
    assert not one.walkable[0, 31]
    assert not one.passable[0, 31]
    assert not one.walkable[30, 0]
    assert one.passable[30, 0]
    assert one.walkable.sum() == 1022


def start(**changes):
    return {"starts": [STARTS[0] | changes, STARTS[1]]}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"limit": None}, "limit is missing"),
        ({"limit": 1.5}, "limit is 1.5; it must be a whole number"),
        ({"limit": True}, "limit is True"),
        ({"limit": 0}, "map 'small': limit is 0"),
        ({"starts": None}, "starts is missing"),
        ({"starts": {}}, "starts is {}; it must be a list of places"),
        ({"starts": []}, r"starts is \[\]"),
        ({"starts": [3]}, "place 1 of starts is 3; it must be a mapping"),
        ({"limits": 60}, "the file has 'limits'; there are limit, starts, name"),
        ({"name": 3}, "name is 3; it must be a text"),
        ({"sight": "far"}, "sight is 'far'; it must be a number"),
        ({"sight": True}, "sight is True"),
        ({"sight": float("inf")}, "sight is inf"),
        ({"sight": -1}, "sight is -1.0; it must be above 0"),
        ({"all_health": 1}, "all_health is 1; it must be true or false"),
        ({"goal": [1]}, r"goal is \[1\]; it must be \[x, y\]"),
        ({"goal": [1, "a"]}, "goal is 'a'; it must be a number"),
        ({"goal": "home"}, "goal is 'home'"),
        ({"center": 16}, r"center is 16; it must be \[x, y\]"),
        ({"overrides": [1]}, r"overrides is \[1\]; it must be a mapping"),
        ({"overrides": {"marine": 3}}, "overrides of marine is 3"),
        ({"overrides": {"marine": {"hp": "x"}}}, "overrides of marine: hp is 'x'"),
        ({"overrides": {"marine": {"health": 3}}}, "overrides of marine change 'health'"),
        ({"terrain": 3}, "terrain is 3; it must be a name or 32 rows"),
        ({"terrain": "hills"}, "terrain is 'hills'; there are band, open"),
        ({"terrain": "...\n..."}, "terrain has 2 rows; there must be 32"),
        ({"terrain": "\n".join(["." * 31] * 32)}, "row 1 of terrain is '[.]{31}'; it must be 32"),
        ({"terrain": "\n".join(["." * 32] * 31 + ["x" * 32])}, "row 32 of terrain is 'x{32}'"),
        (start(allies=None), "place 1 of starts has no allies and no enemies"),
        (start(allies={"marin": 1}), "place 1 of starts: allies: no unit is called 'marin'"),
        (start(allies={"marine": 0}), "place 1 of starts: allies has 0 of marine"),
        (start(allies={"marine": True}), "allies has True of marine"),
        (start(allies={"marine": 4_000_000_000}), "allies has 4000000000 of marine; .* 1 to 200"),
        (start(allies={"marine": 150, "medivac": 51}), "starts has 201 allies; at most 200 fit"),
        ({"limit": 2**31}, "limit is 2147483648; it must be from 1 to 2,147,483,647"),
        ({"sight": 1e-30}, "sight is 1e-30; it must be a number, 0, or 0.001 to 1e[+]06 in size"),
        ({"sight": 10**400}, "sight is 10+[.]{3}0+; it must be a number"),
        ({"overrides": {"marine": {"hp": 0}}}, "overrides of marine set hp to 0.0; it must be abo"),
        (start(allies=["marine"]), r"allies is \['marine'\]; it must be a mapping"),
        (start(count=3), "place 1 of starts has 'count'; there are allies, enemies, at, within"),
        (start(within=[[1, 2, 3, 4]]), "place 1 of starts must have either at or within"),
        (start(at=[1, 2, 3]), r"place 1 of starts: at is \[1, 2, 3\]; it must be \[x, y\]"),
        (start(at=[1, 40]), "place 1 of starts: a place is the box"),
        ({"starts": [{"allies": {"marine": 1}}]}, "either at or within"),
        ({"starts": [{"allies": {"marine": 1}, "within": 3}]}, "within is 3; it must be a list"),
        ({"starts": [{"allies": {"marine": 1}, "within": [[1]]}]}, r"a box of within is \[1\]"),
        ({"starts": STARTS[:1]}, "there are no enemies"),
    ],
)
def test_what_is_wrong_is_named_with_the_file_and_the_key(tmp_path, changes, message):
    with pytest.raises(ValueError, match=r"small\.yaml: .*" + message):
        read_map(write(tmp_path, **changes))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("limit: 3\nlimit: 4\n", "line 1: 'limit' comes twice"),
        ("- 3\n", r"the file is \[3\]; it must be a mapping"),
        ("", "the file is None"),
        ("a: [", "while parsing"),
        ("[" * 3000 + "]" * 3000, "it is nested too deep to be read"),
        ("limit: 3\nstarts: &all [*all]\n", r"place 1 of starts is \[\[.*\.\.\..*; it must be"),
    ],
)
def test_a_file_that_is_no_table_is_refused(tmp_path, text, message):
    path = tmp_path / "odd.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=rf"odd\.yaml: .*{message}") as error:
        read_map(path)
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"none\.yaml: .*No such file"):
        read_map(tmp_path / "none.yaml")
