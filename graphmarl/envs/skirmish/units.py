"""Unit types with their properties in two releases of the game."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

LOOPS_PER_SECOND = 16


@dataclass(frozen=True)
class Unit:
    """Properties of a unit type, in seconds and cells per second at the game's normal speed.

    Ranges are between the edges of units: a target is in range if the distance of centres is at
    most the range plus both radii. The sight range is an option of the map.

    Args:
        race: terran, protoss or zerg; protoss have shields, zerg regenerate health.
        hp: maximum health.
        speed: speed in cells per second.
        radius: radius of the body, in cells.
        attributes: attributes such as `light`.
        shield: maximum shield.
        armour: damage reduction of each hit on the health.
        damage: damage of a hit.
        bonus: additional damage of a hit against an attribute.
        against: attribute that the bonus applies to.
        hits: hits per attack.
        period: seconds between attacks.
        range: range of the weapon, in cells.
        scan: acquisition range of the game's AI, in cells.
        separation: collision radius; the body's radius if 0.
        plane: ground, air, or both for units that ground and air weapons can hit.
        targets: planes that the weapon can hit; empty without a weapon.
        splash: `burst` hits all enemies around once and kills the attacker; `line` hits enemies
            across the line of fire; `arc` hits enemies in front.
        heals: health per second given to an ally.
        cliffs: whether the unit walks over cliffs.
        cooldown_loops: SMAC's divisor of the cooldown in the state.
    """

    race: Literal["terran", "protoss", "zerg"]
    hp: float
    speed: float
    radius: float
    attributes: tuple[str, ...]
    shield: float = 0.0
    armour: float = 0.0
    damage: float = 0.0
    bonus: float = 0.0
    against: str = ""
    hits: int = 1
    period: float = 1.0
    range: float = 0.0
    scan: float = 5.0
    separation: float = 0.0
    plane: Literal["ground", "air", "both"] = "ground"
    targets: tuple[str, ...] = ("ground",)
    splash: Literal["", "burst", "line", "arc"] = ""
    heals: float = 0.0
    cliffs: bool = False
    cooldown_loops: float = 15.0

    @property
    def space(self) -> float:
        """Collision radius."""
        return self.separation or self.radius


LIGHT, ARMOURED = ("light", "biological"), ("armoured", "biological")
LIBERTY: dict[str, Unit] = {
    "marine": Unit(
        "terran",
        45,
        2.25,
        0.375,
        LIGHT,
        damage=6,
        period=0.861,
        range=5,
        targets=("ground", "air"),
    ),
    "marauder": Unit(
        "terran",
        125,
        2.25,
        0.5625,
        ARMOURED,
        armour=1,
        damage=10,
        bonus=10,
        against="armoured",
        period=1.5,
        range=6,
        separation=0.5,
        cooldown_loops=25,
    ),
    "medivac": Unit(
        "terran",
        150,
        2.75,
        0.75,
        ("armoured", "mechanical"),
        armour=1,
        range=4,
        scan=6,
        plane="air",
        targets=(),
        heals=9,
    ),
    "reaper": Unit(
        "terran",
        50,
        2.953,
        0.375,
        LIGHT,
        damage=4,
        bonus=5,
        against="light",
        hits=2,
        period=1.1,
        range=4.5,
    ),
    "zealot": Unit(
        "protoss",
        100,
        2.25,
        0.5,
        LIGHT,
        shield=50,
        armour=1,
        damage=8,
        hits=2,
        period=1.2,
        range=0.1,
        separation=0.375,
        cooldown_loops=22,
    ),
    "stalker": Unit(
        "protoss",
        80,
        2.953,
        0.625,
        ("armoured", "mechanical"),
        shield=80,
        armour=1,
        damage=10,
        bonus=4,
        against="armoured",
        period=1.44,
        range=6,
        targets=("ground", "air"),
        cooldown_loops=35,
    ),
    "colossus": Unit(
        "protoss",
        200,
        2.25,
        1.0,
        ("armoured", "mechanical", "massive"),
        shield=150,
        armour=1,
        damage=20,
        hits=2,
        period=2.2,
        range=6,
        separation=0.75,
        plane="both",
        splash="line",
        cliffs=True,
        cooldown_loops=24,
    ),
    "zergling": Unit(
        "zerg",
        35,
        2.953,
        0.375,
        LIGHT,
        damage=5,
        period=0.696,
        range=0.1,
        cooldown_loops=11,
    ),
    "baneling": Unit(
        "zerg",
        30,
        2.5,
        0.375,
        ("biological",),
        damage=20,
        bonus=15,
        against="light",
        range=0.25,
        splash="burst",
        cooldown_loops=1,
    ),
    "hydralisk": Unit(
        "zerg",
        80,
        2.25,
        0.625,
        LIGHT,
        damage=12,
        period=0.83,
        range=5,
        separation=0.5,
        targets=("ground", "air"),
        cooldown_loops=10,
    ),
    "roach": Unit("zerg", 145, 2.25, 0.5, ARMOURED, armour=1, damage=16, period=2.0, range=3),
    "ultralisk": Unit(
        "zerg",
        600,
        2.25,
        1.0,
        (*ARMOURED, "massive"),
        armour=1,
        damage=18,
        period=0.861,
        range=1,
        splash="arc",
    ),
    "spine_crawler": Unit(
        "zerg",
        300,
        0.0,
        0.875,
        (*ARMOURED, "structure"),
        armour=2,
        damage=25,
        bonus=5,
        against="armoured",
        period=1.6,
        range=7,
        scan=7,
    ),
    "overlord": Unit("zerg", 200, 0.469, 1.0, ARMOURED, separation=0.75, plane="air", targets=()),
}
VOID: dict[str, Unit] = LIBERTY | {
    "medivac": replace(LIBERTY["medivac"], speed=2.5),
    "stalker": replace(LIBERTY["stalker"], damage=13, bonus=5, period=1.87),
    "colossus": replace(
        LIBERTY["colossus"], damage=10, bonus=5, against="light", period=1.5, range=7
    ),
    "hydralisk": replace(LIBERTY["hydralisk"], hp=90, period=0.825),
    "roach": replace(LIBERTY["roach"], range=4),
    "ultralisk": replace(LIBERTY["ultralisk"], hp=500, armour=2),
    "spine_crawler": replace(LIBERTY["spine_crawler"], period=1.85),
}
UNITS: dict[str, dict[str, Unit]] = {"liberty": LIBERTY, "void": VOID}
