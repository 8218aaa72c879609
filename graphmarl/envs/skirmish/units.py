"""The kinds of unit, with the numbers of two releases of the game."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

LOOPS_PER_SECOND = 16


@dataclass(frozen=True)
class Unit:
    """One kind of unit. Times are seconds and speeds cells per second, both at normal speed.

    Distances between units are from edge to edge, so that a target is in range if its centre is
    no farther than the range and both radii. Sight is the environment's, not the unit's.

    Args:
        race: terran, protoss or zerg; protoss have shields, zerg regain health.
        hp: greatest health.
        speed: cells per second.
        radius: of the body, in cells.
        attributes: such as `light`; a bonus may be against one.
        shield: greatest shield.
        armour: taken from each hit that reaches the health.
        damage: of a hit.
        bonus: added to a hit against an attribute.
        against: that attribute.
        hits: in one attack.
        period: seconds from one attack to the next.
        range: of the weapon, in cells.
        scan: how far off the enemy's units look for targets, in cells.
        separation: radius that no other unit of the same plane enters; the body's without it.
        plane: ground, air, or both for what stands on the ground and is as high as the air.
        targets: planes that the weapon reaches; empty for the unarmed.
        splash: `burst` hits all foes around, once, and kills the attacker; `line` all foes across
            the line of fire; `arc` all foes in front.
        heals: health per second that it gives to friends.
        cliffs: walks over cliffs.
        cooldown_loops: what SMAC divides the cooldown by in its state.
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
        """The radius that others of the same plane keep out of."""
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
