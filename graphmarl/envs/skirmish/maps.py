"""Maps of SMAC and of NDQ, with the values of their map files."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from graphmarl.envs.skirmish.map_spec import Box, Kinds, Map, SpawnArea, point
from graphmarl.envs.skirmish.terrain import TERRAINS

__all__ = ["MAPS", "NDQ", "SMAC", "Map"]

WEST, EAST = point(9, 16), point(23, 16)
CORNERS = point(3.5, 2), point(3.5, 28.9), point(28.5, 28), point(28.5, 2)
TERRANS = "marauder", "marine", "medivac"


def army(**counts: int) -> Kinds:
    """Kinds of units, repeated by their counts."""
    return tuple(kind for kind, count in counts.items() for _ in range(count))


def slots(first: int, count: int) -> tuple[int, ...]:
    """`count` consecutive slots."""
    return tuple(range(first, first + count))


def facing(
    name: str,
    allies: Kinds,
    enemies: Kinds,
    limit: int,
    terrain: str = "band",
    starts: tuple[Box, Box] = (WEST, EAST),
    **options: Any,
) -> Map:
    """Two armies, each around a point; the enemies attack towards the allies' point."""
    places = (
        SpawnArea((starts[0],), allies=slots(0, len(allies))),
        SpawnArea((starts[1],), enemies=slots(0, len(enemies))),
    )
    options = {"goal": (starts[0][0], starts[0][2])} | options
    return Map(name, allies, enemies, limit, TERRAINS[terrain], places, **options)


def marines(name: str, allies: int, enemies: int, limit: int) -> Map:
    """Marines against marines."""
    return facing(name, army(marine=allies), army(marine=enemies), limit)


def terrans(name: str, allies: tuple[int, int, int], enemies: tuple[int, int, int]) -> Map:
    """Marauders, marines and medivacs against the same kinds."""
    sides = [army(**dict(zip(TERRANS, side, strict=True))) for side in (allies, enemies)]
    limit = 150 if allies == enemies else 180
    return facing(name, sides[0], sides[1], limit, one_hot_order=(TERRANS, TERRANS))


def protoss(name: str, allies: tuple[int, int], enemies: tuple[int, int], limit: int) -> Map:
    """Stalkers and zealots against the same kinds, whose unit types are in reverse order."""
    sides = [army(stalker=side[0], zealot=side[1]) for side in (allies, enemies)]
    order = ("stalker", "zealot"), ("zealot", "stalker")
    return facing(name, sides[0], sides[1], limit, one_hot_order=order)


def stalkers(zealots: int, limit: int) -> Map:
    """Three stalkers against zealots."""
    allies, enemies = army(stalker=3), army(zealot=zealots)
    return facing(f"3s_vs_{zealots}z", allies, enemies, limit, "open")


def colossi() -> Map:
    """A colossus, stalkers and zealots against the same units."""
    side, order = army(colossus=1, stalker=3, zealot=5), ("colossus", "stalker", "zealot")
    return facing("1c3s5z", side, side, 180, one_hot_order=(order, order))


def bane_vs_bane() -> Map:
    """Banelings and zerglings against the same units, with banelings in the rear."""
    side, order = army(baneling=4, zergling=20), ("baneling", "zergling")
    places = (
        SpawnArea((point(16, 8),), allies=slots(0, 4)),
        SpawnArea((point(16, 11),), allies=slots(4, 20)),
        SpawnArea((point(16, 24),), enemies=slots(0, 4)),
        SpawnArea((point(16, 21),), enemies=slots(4, 20)),
    )
    return Map(
        "bane_vs_bane",
        side,
        side,
        200,
        TERRAINS["octagon"],
        places,
        goal=(16.0, 8.0),
        one_hot_order=(order, order),
    )


def two_starts(
    name: str, kind: str, enemy: str, limit: int, terrain: str, starts: tuple[Box, Box, Box]
) -> Map:
    """Two allies that start apart, against one enemy."""
    first, second, other = ((start,) for start in starts)
    places = (
        SpawnArea(first, allies=(0,)),
        SpawnArea(second, allies=(1,)),
        SpawnArea(other, enemies=(0,)),
    )
    goal = None if enemy == "spine_crawler" else "between"
    return Map(name, (kind, kind), (enemy,), limit, TERRAINS[terrain], places, goal=goal)


CRAWLER = point(11.12, 10.34), point(16.98, 10.37), point(13.92, 20.04)
SMAC = (
    marines("3m", 3, 3, 60),
    marines("8m", 8, 8, 120),
    marines("25m", 25, 25, 150),
    marines("5m_vs_6m", 5, 6, 70),
    marines("8m_vs_9m", 8, 9, 120),
    marines("10m_vs_11m", 10, 11, 150),
    marines("27m_vs_30m", 27, 30, 180),
    terrans("MMM", (2, 7, 1), (2, 7, 1)),
    terrans("MMM2", (2, 7, 1), (3, 8, 1)),
    protoss("2s3z", (2, 3), (2, 3), 120),
    protoss("3s5z", (3, 5), (3, 5), 150),
    protoss("3s5z_vs_3s6z", (3, 5), (3, 6), 170),
    colossi(),
    stalkers(3, 150),
    stalkers(4, 200),
    stalkers(5, 250),
    two_starts(
        "2m_vs_1z",
        "marine",
        "zealot",
        150,
        "octagon",
        (point(13, 12), point(19, 12), point(16, 19)),
    ),
    two_starts("2s_vs_1sc", "stalker", "spine_crawler", 300, "house", CRAWLER),
    facing(
        "6h_vs_8z",
        army(hydralisk=6),
        army(zealot=8),
        150,
        "box",
        (point(14.6, 9.49), point(14.41, 16.76)),
    ),
    facing(
        "corridor",
        army(zealot=6),
        army(zergling=24),
        400,
        "corridor",
        (point(19.04, 19.12), point(27.91, 28.24)),
        goal=(4.47, 4.33),
    ),
    facing(
        "so_many_baneling",
        army(zealot=7),
        army(baneling=32),
        100,
        "diagonal",
        (point(11.47, 12.02), point(27.91, 28.24)),
        goal=(4.47, 4.33),
    ),
    bane_vs_bane(),
    facing(
        "2c_vs_64zg",
        army(colossus=2),
        army(zergling=64),
        400,
        "ravine",
        (point(16, 16), point(16, 9)),
        goal="allies",
    ),
)

# NDQ's maps: short sight, and no health of other units.
SHORT: dict[str, Any] = {"sight": 2.0, "shoot": 2.0, "all_health": False, "enemy_health": False}
BOTTOM_AND_TOP = (0.0, 32.0, 0.0, 5.0), (0.0, 32.0, 27.0, 32.0)
STRIPS = (*BOTTOM_AND_TOP, (0.5, 7.5, 6.0, 26.0), (24.5, 31.5, 6.0, 26.0))
RIM = (*BOTTOM_AND_TOP, (1.0, 6.0, 6.0, 26.0), (26.0, 31.0, 6.0, 26.0), (12.0, 20.0, 14.0, 18.0))
TEE = (0.0, 14.0, 30.0, 32.0), (18.0, 32.0, 30.0, 32.0), (15.0, 17.0, 0.5, 30.5)
ANYWHERE: Box = (0.99, 30.94, 7.65, 24.28)
ROACH, REAPER = {"period": 1.0, "scan": 3.0}, {"range": 3.0, "scan": 3.0}
MEETING = {"hydralisk": {"damage": 30.0, "range": 2.0, "scan": 2.0}, "medivac": {"heals": 7.0}}


def banelings() -> Map:
    """Banelings that must reach a hydralisk and its medivac at the same time."""
    each = tuple(SpawnArea((box,), allies=(slot,)) for slot, box in enumerate(TEE))
    return Map(
        "3b_vs_1h1m",
        army(baneling=3),
        army(hydralisk=1, medivac=1),
        30,
        TERRAINS["tee"],
        (*each, SpawnArea((point(16, 31),), enemies=(0, 1))),
        overrides=MEETING,
        one_hot_order=(("baneling",), ("hydralisk", "medivac")),
        **SHORT,
    )


def roaches() -> Map:
    """An overlord that starts near the reapers, and roaches that start elsewhere."""
    places = SpawnArea(CORNERS, allies=(0,), enemies=slots(0, 4)), SpawnArea(STRIPS, allies=(1, 2))
    return Map(
        "1o2r_vs_4r",
        army(overlord=1, roach=2),
        army(reaper=4),
        50,
        TERRAINS["ring"],
        places,
        overrides={"roach": ROACH, "reaper": REAPER},
        one_hot_order=(("overlord", "roach"), ("reaper",)),
        **SHORT,
    )


def hunt() -> Map:
    """An overlord that starts near the roach, and banelings that start elsewhere."""
    each = tuple(SpawnArea(RIM, allies=(slot,)) for slot in range(1, 11))
    return Map(
        "1o10b_vs_1r",
        army(overlord=1, baneling=10),
        army(roach=1),
        50,
        TERRAINS["rim"],
        (SpawnArea(CORNERS, allies=(0,), enemies=(0,)), *each),
        overrides={"roach": ROACH},
        one_hot_order=(("overlord", "baneling"), ("roach",)),
        **SHORT,
    )


def ultralisk() -> Map:
    """Zealots in two groups, one of which starts at an ultralisk."""
    places = (
        SpawnArea((ANYWHERE,), allies=(0, 1, 2), enemies=(0,)),
        SpawnArea((ANYWHERE,), allies=(3, 4)),
    )
    return Map(
        "5z_vs_1ul",
        army(zealot=5),
        army(ultralisk=1),
        150,
        TERRAINS["band"],
        places,
        goal=(9.0, 16.0),
        shield_unit=80.0,
        **SHORT,
    )


NAMED = {one.name: one for one in SMAC}
NDQ = (
    banelings(),
    roaches(),
    hunt(),
    ultralisk(),
    replace(NAMED["3s_vs_5z"], name="ndq_3s_vs_5z", **SHORT),
    replace(NAMED["MMM"], name="ndq_MMM", **SHORT),
)
MAPS: dict[str, Map] = NAMED | {one.name: one for one in NDQ}
