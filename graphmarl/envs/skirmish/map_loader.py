"""Reader of custom maps in YAML files."""

from __future__ import annotations

import reprlib
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from graphmarl.envs.skirmish.map_spec import Box, Kinds, Map, SpawnArea, lookup_unit, point
from graphmarl.envs.skirmish.terrain import SIDE, TERRAINS, Terrain

NEEDED = "limit", "starts"
MEASURES = "sight", "shoot", "shield_unit"
FLAGS = "all_health", "enemy_health"
KEYS = (*NEEDED, "name", "terrain", "goal", "center", "overrides", *MEASURES, *FLAGS)
START_KEYS = "allies", "enemies", "at", "within"
FREE, CLIFF, BLOCKED = ".~#"
Counts = list[tuple[str, int]]
LEAST, MOST = 1e-3, 1e6
"""Bounds of the size of a number that is not 0."""
MOST_UNITS = 200
"""Units of a side at most."""
SHORT = reprlib.Repr()
SHORT.maxstring = SHORT.maxother = 60
shown = SHORT.repr  # a value may be large, or hold itself by an alias


class Loader(yaml.SafeLoader):
    """YAML loader that rejects duplicate keys."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Build the mapping of a node."""
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise ValueError(f"line {node.start_mark.line + 1}: {shown(key)} comes twice")
        return super().construct_mapping(node, deep)


def read_map(path: str | Path) -> Map:
    """Read a map from a YAML file.

    Keys, of which `limit` and `starts` are required:

    - `name`: name of the map; by default that of the file.
    - `limit`: steps of an episode.
    - `starts`: a list of places. Each has `allies`, `enemies` or both, as `{marine: 4}`, and either
      `at: [x, y]` or `within:` a list of boxes `[lowest x, highest x, lowest y, highest y]`; a box
      is sampled, then a point in it.
    - `terrain`: the name of one of `TERRAINS`, or 32 rows of 32 characters: `.` is free, `#`
      blocked, and `~` a cliff for units that walk over cliffs only. The first row is the top,
      y = 31. By default all cells are free.
    - `goal`: `[x, y]`, `allies`, `between` or nothing, as in `Map`.
    - `sight`, `shoot`, `all_health`, `enemy_health`, `overrides`, `shield_unit`, `center`: as in
      `Map`.

    Units of a side are in alphabetic order of their kinds. Where a side has several kinds,
    observations contain the kind as one-hot in this order.

    Raises:
        ValueError: the file is malformed; the message names the file and the problem.
    """
    try:
        return map_of(yaml.load(Path(path).read_text(encoding="utf-8"), Loader), Path(path).stem)
    except RecursionError as error:
        raise ValueError(f"{path}: it is nested too deep to be read") from error
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise ValueError(f"{path}: {' '.join(str(error).split())}") from error


def map_of(found: Any, name: str) -> Map:
    """Build a map from parsed contents."""
    table = mapping("the file", found, KEYS)
    for key in NEEDED:
        if key not in table:
            raise ValueError(f"{key} is missing")
    limit = table["limit"]
    if type(limit) is not int:
        raise ValueError(f"limit is {shown(limit)}; it must be a whole number of steps")
    if "name" in table and not (isinstance(table["name"], str) and table["name"]):
        raise ValueError(f"name is {shown(table['name'])}; it must be a text")
    options: dict[str, Any] = {key: number(key, table[key]) for key in MEASURES if key in table}
    options |= {key: flag(key, table[key]) for key in FLAGS if key in table}
    options |= {key: pair(key, table[key]) for key in ("center",) if key in table}
    places, allies, enemies = starts_of(table["starts"])
    orders = tuple(sorted(set(allies))), tuple(sorted(set(enemies)))
    return Map(
        table.get("name", name),
        allies,
        enemies,
        limit,
        terrain_of(table.get("terrain", "open")),
        places,
        goal_of(table.get("goal")),
        overrides=overrides_of(table.get("overrides", {})),
        one_hot_order=orders if max(map(len, orders)) > 1 else ((), ()),
        **options,
    )


def mapping(key: str, found: Any, keys: tuple[str, ...] = ()) -> Mapping[Any, Any]:
    """Check that a value is a mapping, with no other keys than the given ones, if any.

    Raises:
        ValueError: the value is no such mapping.
    """
    if not isinstance(found, dict):
        raise ValueError(f"{key} is {shown(found)}; it must be a mapping")
    for name in found:
        if keys and name not in keys:
            raise ValueError(f"{key} has {shown(name)}; there are {', '.join(keys)}")
    return found


def number(key: str, found: Any) -> float:
    """Check that a value is a number of a size that can be computed with."""
    # NaN compares with nothing.
    if type(found) not in (int, float) or not (found == 0 or LEAST <= abs(found) <= MOST):
        allowed = f"0, or {LEAST:g} to {MOST:g} in size"
        raise ValueError(f"{key} is {shown(found)}; it must be a number, {allowed}")
    return float(found)


def flag(key: str, found: Any) -> bool:
    """Check that a value is true or false."""
    if not isinstance(found, bool):
        raise ValueError(f"{key} is {shown(found)}; it must be true or false")
    return found


def numbers(key: str, found: Any, form: str, count: int) -> list[float]:
    """Check that a value is a list of `count` numbers."""
    if not isinstance(found, list) or len(found) != count:
        raise ValueError(f"{key} is {shown(found)}; it must be {form}")
    return [number(key, value) for value in found]


def pair(key: str, found: Any) -> tuple[float, float]:
    """Check that a value is a point."""
    x, y = numbers(key, found, "[x, y]", 2)
    return x, y


def goal_of(found: Any) -> Any:
    """Parse the goal; `Map` checks its names."""
    return pair("goal", found) if isinstance(found, list) else found


def overrides_of(found: Any) -> dict[str, dict[str, float]]:
    """Parse changed properties by kind of unit."""
    changed = {}
    for kind, changes in mapping("overrides", found).items():
        table = mapping(f"overrides of {kind}", changes)
        changed[kind] = {
            name: number(f"overrides of {kind}: {name}", value) for name, value in table.items()
        }
    return changed


def terrain_of(found: Any) -> Terrain:
    """Parse a terrain, given by name or as rows of characters."""
    if not isinstance(found, str):
        raise ValueError(
            f"terrain is {shown(found)}; it must be a name or {SIDE} rows of characters"
        )
    rows = found.split()
    if len(rows) == 1 and rows[0] in TERRAINS:
        return TERRAINS[rows[0]]
    if len(rows) < 2:
        names = ", ".join(TERRAINS)
        raise ValueError(
            f"terrain is {shown(found)}; there are {names}, or {SIDE} rows of characters"
        )
    if len(rows) != SIDE:
        raise ValueError(f"terrain has {len(rows)} rows; there must be {SIDE}")
    for index, row in enumerate(rows):
        strange = set(row) - {FREE, CLIFF, BLOCKED}
        if len(row) != SIDE or strange:
            raise ValueError(
                f"row {index + 1} of terrain is {shown(row)}; it must be {SIDE} of the characters "
                f"{FREE} {CLIFF} {BLOCKED}"
            )
    grid = np.array([list(row) for row in reversed(rows)]).T
    return Terrain(grid == FREE, grid != BLOCKED)


def starts_of(found: Any) -> tuple[tuple[SpawnArea, ...], Kinds, Kinds]:
    """Parse the places, and the kinds of both sides in the order of their slots."""
    if not isinstance(found, list) or not found:
        raise ValueError(f"starts is {shown(found)}; it must be a list of places")
    boxes, parties = [], []
    for index, start in enumerate(found):
        key = f"place {index + 1} of starts"
        table = mapping(key, start, START_KEYS)
        boxes.append(boxes_of(key, table))
        parties.append([counts_of(f"{key}: {side}", table.get(side)) for side in START_KEYS[:2]])
        if not any(parties[-1]):
            raise ValueError(f"{key} has no allies and no enemies")
    for side in (0, 1):
        total = sum(count for party in parties for _, count in party[side])
        if total > MOST_UNITS:
            raise ValueError(f"starts has {total:,} {START_KEYS[side]}; at most {MOST_UNITS} fit")
    sides = [in_slots([party[side] for party in parties]) for side in (0, 1)]
    places = tuple(map(SpawnArea, boxes, sides[0][1], sides[1][1]))
    return places, sides[0][0], sides[1][0]


def boxes_of(key: str, table: Mapping[str, Any]) -> tuple[Box, ...]:
    """Parse the boxes in which units of a place start.

    Raises:
        ValueError: there is no point or box within the map, or both are given.
    """
    if ("at" in table) == ("within" in table):
        raise ValueError(f"{key} must have either at or within, and not both")
    if "at" in table:
        return inside(key, (point(*pair(f"{key}: at", table["at"])),))
    form = "[lowest x, highest x, lowest y, highest y]"
    if not isinstance(table["within"], list) or not table["within"]:
        raise ValueError(f"{key}: within is {shown(table['within'])}; it must be a list of {form}")
    boxes = [numbers(f"{key}: a box of within", box, form, 4) for box in table["within"]]
    return inside(key, tuple((x, x_high, y, y_high) for x, x_high, y, y_high in boxes))


def inside(key: str, boxes: tuple[Box, ...]) -> tuple[Box, ...]:
    """Check that the boxes are valid."""
    try:
        return SpawnArea(boxes).boxes
    except ValueError as error:
        raise ValueError(f"{key}: {error}") from error


def counts_of(key: str, found: Any) -> Counts:
    """Parse the number of units of each kind."""
    counts = []
    for kind, count in mapping(key, {} if found is None else found).items():
        try:
            lookup_unit(kind)
        except ValueError as error:
            raise ValueError(f"{key}: {error}") from error
        if type(count) is not int or not 1 <= count <= MOST_UNITS:
            allowed = f"a whole number from 1 to {MOST_UNITS:,}"
            raise ValueError(f"{key} has {shown(count)} of {kind}; it must be {allowed}")
        counts.append((kind, count))
    return counts


def in_slots(parties: list[Counts]) -> tuple[Kinds, list[tuple[int, ...]]]:
    """Kinds of one side in alphabetic order, and the slots of each place."""
    units = sorted(
        (kind, place)
        for place, party in enumerate(parties)
        for kind, count in party
        for _ in range(count)
    )
    slots = [
        tuple(slot for slot, (_, home) in enumerate(units) if home == place)
        for place in range(len(parties))
    ]
    return tuple(kind for kind, _ in units), slots
