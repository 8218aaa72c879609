"""What a map is: who fights whom, where, and for how long."""

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
    """A battle of two armies.

    Args:
        name: of the map.
        allies: the kind of each agent, in the agents' order.
        enemies: the kind of each enemy.
        limit: steps of an episode.
        terrain: where one can walk.
        places: where the units start; each unit is of one place.
        goal: where the enemies walk to, attacking what they meet: a point; `allies`, the nearest
            ally that lives; or `between`, a point between the first and the last place of allies
            that is drawn for each episode. Without one they stay until an ally is near.
        sight: how far off an agent sees, between centres.
        shoot: how far off an agent may choose what to attack, between centres.
        all_health: agents observe the health of other allies.
        enemy_health: agents observe the health of enemies.
        overrides: for a kind of unit, the numbers that this map changes.
        shield_unit: what the shields of allies are divided by in observations and states; their
            greatest shield without it.
        one_hot_order: the kinds of allies, and of enemies, in the order of the bits that tell them
            apart in observations; two empty ones for no such bits.
        center: the point from which the state counts positions.

    Raises:
        ValueError: a value that cannot be, named with what is allowed.
    """

    name: str
    allies: Kinds
    enemies: Kinds
    limit: int
    terrain: Terrain = field(repr=False)
    places: tuple[Place, ...] = field(repr=False)
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
        """Cells, by [x, y], where units on the ground may be."""
        return self.terrain.walkable

    @property
    def passable(self) -> np.ndarray:
        """Cells, by [x, y], where units that walk over cliffs may be."""
        return self.terrain.over_cliffs

    @property
    def type_bits(self) -> int:
        """How many bits tell kinds of units apart in observations."""
        return max(len(order) for order in self.one_hot_order)


def check_numbers(one: Map) -> None:
    """Raises a ValueError where a number is out of its range."""
    if one.limit < 1:
        raise ValueError(f"limit is {one.limit}; it must be at least 1")
    positive = {"sight": one.sight, "shoot": one.shoot, "shield_unit": one.shield_unit}
    for name, value in positive.items():
        if value is not None and not value > 0:
            raise ValueError(f"{name} is {value}; it must be above 0")
    if not all(0 <= value <= SIDE for value in one.center):
        raise ValueError(f"center is {one.center}; it must be within 0 and {SIDE}")


def check_kinds(one: Map) -> None:
    """Raises a ValueError where a side is empty or a kind of unit unknown."""
    sides = {"allies": one.allies, "enemies": one.enemies}
    for (side, kinds), order in zip(sides.items(), one.one_hot_order, strict=True):
        if not kinds:
            raise ValueError(f"there are no {side}; there must be at least one")
        for kind in (*kinds, *order):
            known(kind)
        missing = set(kinds) - set(order)
        if one.type_bits and missing:
            raise ValueError(
                f"one_hot_order of the {side} is {order}; it lacks {', '.join(sorted(missing))}"
            )


def known(kind: str) -> Unit:
    """The unit of a kind.

    Raises:
        ValueError: no such kind; says what there is.
    """
    if kind not in LIBERTY:
        raise ValueError(f"no unit is called {kind!r}; there are {', '.join(sorted(LIBERTY))}")
    return LIBERTY[kind]


def check_overrides(overrides: Mapping[str, Mapping[str, float]]) -> None:
    """Raises a ValueError where what is changed is no number of a unit."""
    for kind, changes in overrides.items():
        known(kind)
        for name, value in changes.items():
            if name not in NUMBERS:
                allowed = ", ".join(sorted(NUMBERS))
                raise ValueError(f"overrides of {kind} change {name!r}; there are {allowed}")
            if value < 0:
                raise ValueError(f"overrides of {kind} set {name} to {value}; it must not be < 0")


def check_places(one: Map) -> None:
    """Raises a ValueError where a unit has no place, or several, or a place that is blocked."""
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
        ground = sorted({kind for kind in kinds if known(kind).plane != "air"})
        if ground and not place.touches(one.walkable):
            raise ValueError(
                f"{', '.join(ground)} start in {place.boxes}, of which one has no walkable cell"
            )


def check_goal(one: Map) -> None:
    """Raises a ValueError where the enemies cannot walk to their goal."""
    goal = one.goal
    if isinstance(goal, tuple):
        walks = any(known(kind).plane != "air" for kind in one.enemies)
        inside = all(0 <= value <= SIDE for value in goal)
        if not inside or (walks and not Place((point(*goal),)).touches(one.walkable)):
            raise ValueError(f"goal is {goal}, which is not on a walkable cell")
    elif goal not in (None, "allies", "between"):
        raise ValueError(f"goal is {goal!r}; it must be a point, 'allies', 'between' or None")
    if goal == "between" and sum(1 for place in one.places if place.allies) < 2:
        raise ValueError("goal is 'between', but all allies start at one place")


Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Place:
    """Units that start together, around one point that is drawn for each episode.

    Args:
        boxes: lowest x, highest x, lowest y and highest y of each. A box is drawn, each as likely
            as another, then a point in it.
        allies: their slots.
        enemies: their slots, counted from 0 as well.

    Raises:
        ValueError: no box, one that is none, or one outside the map.
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
        """Whether each box has a cell that is walkable."""
        for box in self.boxes:
            x_low, x_high, y_low, y_high = (min(int(bound), SIDE - 1) for bound in box)
            if not walkable[x_low : x_high + 1, y_low : y_high + 1].any():
                return False
        return True


def point(x: float, y: float) -> Box:
    """The box that is one point."""
    return x, x, y, y
