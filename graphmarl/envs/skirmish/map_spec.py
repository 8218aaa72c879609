"""Specification of a map: units, terrain, start positions and limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields

import numpy as np

from graphmarl.envs.skirmish.terrain import SIDE, Terrain
from graphmarl.envs.skirmish.units import LIBERTY, Unit

Kinds = tuple[str, ...]
NUMBERS = {entry.name for entry in fields(Unit) if entry.type in ("float", "int")}


@dataclass(frozen=True, eq=False)
class Map:
    """Specification of a battle of two armies.

    Args:
        name: name of the map.
        allies: kind of each agent, in the agents' order.
        enemies: kind of each enemy.
        limit: steps of an episode.
        terrain: walkable cells.
        places: start areas of the units; each unit belongs to one.
        goal: attack-move destination of the enemies: a point; `allies`, the nearest live ally; or
            `between`, a random point between the first and the last place of allies, sampled for
            each episode. None lets them stay until an ally is near.
        sight: sight range of agents, between centres.
        shoot: range within which agents can select targets, between centres.
        all_health: observe the health of other allies.
        enemy_health: observe the health of enemies.
        overrides: changed properties by kind of unit.
        shield_unit: divisor of the shields of allies in observations and states; their maximum
            shield by default.
        one_hot_order: kinds of allies and of enemies in the order of the one-hot unit type in
            observations; two empty tuples for no unit type.
        center: origin of positions in the state.

    Raises:
        ValueError: a value is not allowed.
    """

    name: str
    allies: Kinds
    enemies: Kinds
    limit: int
    terrain: Terrain = field(repr=False)
    places: tuple[SpawnArea, ...] = field(repr=False)
    goal: tuple[float, float] | str | None = None
    sight: float = 9.0
    shoot: float = 6.0
    all_health: bool = True
    enemy_health: bool = True
    overrides: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    shield_unit: float | None = None
    one_hot_order: tuple[Kinds, Kinds] = ((), ())
    center: tuple[float, float] = (16.0, 16.0)

    def __post_init__(self) -> None:
        try:
            check_numbers(self)
            check_kinds(self)
            check_overrides(self.overrides)
            check_places(self)
            check_goal(self)
        except ValueError as error:
            raise ValueError(f"map {self.name!r}: {error}") from error

    @property
    def walkable(self) -> np.ndarray:
        """Cells [x, y] for ground units."""
        return self.terrain.walkable

    @property
    def passable(self) -> np.ndarray:
        """Cells [x, y] for units that walk over cliffs."""
        return self.terrain.over_cliffs

    @property
    def type_bits(self) -> int:
        """Size of the one-hot unit type in observations."""
        return max(len(order) for order in self.one_hot_order)


def check_numbers(one: Map) -> None:
    """Check the ranges of numbers."""
    if not 1 <= one.limit <= MOST:
        raise ValueError(f"limit is {one.limit}; it must be from 1 to {MOST:,}")
    positive = {"sight": one.sight, "shoot": one.shoot, "shield_unit": one.shield_unit}
    for name, value in positive.items():
        if value is not None and not value > 0:
            raise ValueError(f"{name} is {value}; it must be above 0")
    if not all(0 <= value <= SIDE for value in one.center):
        raise ValueError(f"center is {one.center}; it must be within 0 and {SIDE}")


def check_kinds(one: Map) -> None:
    """Check that no side is empty and all kinds of units exist."""
    sides = {"allies": one.allies, "enemies": one.enemies}
    for (side, kinds), order in zip(sides.items(), one.one_hot_order, strict=True):
        if not kinds:
            raise ValueError(f"there are no {side}; there must be at least one")
        for kind in (*kinds, *order):
            lookup_unit(kind)
        missing = set(kinds) - set(order)
        if one.type_bits and missing:
            raise ValueError(
                f"one_hot_order of the {side} is {order}; it lacks {', '.join(sorted(missing))}"
            )


def lookup_unit(kind: str) -> Unit:
    """Look up the properties of a kind of unit.

    Raises:
        ValueError: the kind is unknown; the message lists the known ones.
    """
    if kind not in LIBERTY:
        raise ValueError(f"no unit is called {kind!r}; there are {', '.join(sorted(LIBERTY))}")
    return LIBERTY[kind]


def check_overrides(overrides: Mapping[str, Mapping[str, float]]) -> None:
    """Check that overrides change numbers of units."""
    for kind, changes in overrides.items():
        lookup_unit(kind)
        for name, value in changes.items():
            if name not in NUMBERS:
                allowed = ", ".join(sorted(NUMBERS))
                raise ValueError(f"overrides of {kind} change {name!r}; there are {allowed}")
            if value < 0 or (name == "hp" and value == 0):
                least = "be above 0" if name == "hp" else "not be < 0"
                raise ValueError(f"overrides of {kind} set {name} to {value}; it must {least}")


def check_places(one: Map) -> None:
    """Check that each unit has exactly one place, with walkable cells."""
    for side, kinds in (("allies", one.allies), ("enemies", one.enemies)):
        placed = sorted(slot for place in one.places for slot in getattr(place, side))
        if placed != list(range(len(kinds))):
            raise ValueError(
                f"the places are of the {side} {placed}; each of 0 to {len(kinds) - 1} must be "
                "there once"
            )
    for place in one.places:
        kinds = [one.allies[slot] for slot in place.allies]
        kinds += [one.enemies[slot] for slot in place.enemies]
        ground = sorted({kind for kind in kinds if lookup_unit(kind).plane != "air"})
        if ground and not place.touches(one.walkable):
            raise ValueError(
                f"{', '.join(ground)} start in {place.boxes}, of which one has no walkable cell"
            )


def check_goal(one: Map) -> None:
    """Check that the enemies can walk to their goal."""
    goal = one.goal
    if isinstance(goal, tuple):
        walks = any(lookup_unit(kind).plane != "air" for kind in one.enemies)
        inside = all(0 <= value <= SIDE for value in goal)
        if not inside or (walks and not SpawnArea((point(*goal),)).touches(one.walkable)):
            raise ValueError(f"goal is {goal}, which is not on a walkable cell")
    elif goal not in (None, "allies", "between"):
        raise ValueError(f"goal is {goal!r}; it must be a point, 'allies', 'between' or None")
    if goal == "between" and sum(1 for place in one.places if place.allies) < 2:
        raise ValueError("goal is 'between', but all allies start at one place")


Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class SpawnArea:
    """Start area of a group of units, placed around one random point per episode.

    Args:
        boxes: lowest x, highest x, lowest y and highest y of each box. A box is sampled uniformly,
            then a point in it.
        allies: slots of allies.
        enemies: slots of enemies, counted from 0 as well.

    Raises:
        ValueError: there is no box, or one is empty or outside the map.
    """

    boxes: tuple[Box, ...]
    allies: tuple[int, ...] = ()
    enemies: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not self.boxes:
            raise ValueError("a place has no box to start in")
        for box in self.boxes:
            x_low, x_high, y_low, y_high = box
            if not (0 <= x_low <= x_high <= SIDE and 0 <= y_low <= y_high <= SIDE):
                raise ValueError(
                    f"a place is the box {box}; it must be (lowest x, highest x, lowest y, "
                    f"highest y) within 0 and {SIDE}"
                )

    def touches(self, walkable: np.ndarray) -> bool:
        """Whether each box has a walkable cell."""
        for box in self.boxes:
            x_low, x_high, y_low, y_high = (min(int(bound), SIDE - 1) for bound in box)
            if not walkable[x_low : x_high + 1, y_low : y_high + 1].any():
                return False
        return True


def point(x: float, y: float) -> Box:
    """Box of a single point."""
    return x, x, y, y
