"""Unit properties of both sides as tensors, one row per slot."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from graphmarl.envs.skirmish.units import UNITS, Unit

PLANES = {"ground": ("ground",), "air": ("air",), "both": ("ground", "air")}


def units_of(
    kinds: Sequence[str], table: str, overrides: Mapping[str, Mapping[str, float]]
) -> list[Unit]:
    """Properties of the unit of each slot.

    Args:
        kinds: kind of each slot.
        table: name of the table of units, a key of `UNITS`.
        overrides: changed properties by kind.

    Raises:
        ValueError: the table or a kind is unknown.
    """
    if table not in UNITS:
        raise ValueError(f"units is {table!r}; allowed are {', '.join(UNITS)}")
    known = UNITS[table]
    for kind in kinds:
        if kind not in known:
            raise ValueError(f"{kind!r} is no kind of unit; there are {', '.join(known)}")
    return [replace(known[kind], **overrides.get(kind, {})) for kind in kinds]


class UnitStats:
    """Constant unit properties of N slots, allies first.

    Columns are `(N, 1)`, tables of pairs `(N, N)` with the row acting on the column.

    Args:
        units: unit of each slot.
        num_allies: number of allies.
        device: where the tensors are.

    Attributes:
        foes: 1 for pairs of different sides.
        heals: health per second given by a healer.
        bodies: sum of both radii, the distance of touching units between centres.
        reach: range of the weapon or healing beam, between centres.
        notice: acquisition range of units that follow the game's AI, between edges.
        can: 1 where the weapon can hit the other unit, or the healer can heal it.
        hurts: damage of an attack before shields and armour.
        apart: minimum distance of two units, between centres; 0 if they do not collide.
        row: offset of each slot's row in a flattened table of pairs.
    """

    def __init__(self, units: Sequence[Unit], num_allies: int, device: torch.device) -> None:
        self.units, self.num_allies, self.device = tuple(units), num_allies, device
        self.hp, self.shield = self.column("hp"), self.column("shield")
        self.armour, self.period = self.column("armour"), self.column("period")
        self.speed, self.radius = self.column("speed"), self.column("radius")
        self.range, self.heals = self.column("range"), self.column("heals")
        self.hits = self.column("hits")
        self.zerg = self.column(lambda unit: unit.race == "zerg")
        self.air = self.column(lambda unit: unit.plane == "air")
        self.cliffs = self.column(lambda unit: unit.cliffs)
        self.notice = self.column(lambda unit: max(unit.range, unit.scan))
        self.cooldown_unit = self.column(lambda unit: unit.cooldown_loops)
        self.slot = torch.arange(len(units), device=device).unsqueeze(1)
        self.row = self.slot * len(units)
        ally = self.slot < num_allies
        self.foes = (ally != ally.T).float()
        self.bodies = self.radius + self.radius.T
        self.reach = self.range + self.bodies
        self.can = self.pairs(self._can) * torch.where(self.heals > 0, 1 - self.foes, self.foes)
        self.hurts = self.pairs(self._hurts) * self.can * (self.heals == 0)
        self.apart = self.pairs(self._apart).fill_diagonal_(0)

    def __len__(self) -> int:
        return len(self.units)

    def column(self, of: str | Callable[[Unit], float]) -> Tensor:
        """A property of each unit, `(N, 1)`."""
        read = (lambda unit: getattr(unit, of)) if isinstance(of, str) else of
        numbers = [float(read(unit)) for unit in self.units]
        return torch.tensor(numbers, device=self.device).unsqueeze(1)

    def pairs(self, of: Callable[[Unit, Unit], float]) -> Tensor:
        """A property of each pair of units, `(N, N)`."""
        rows = [[float(of(one, other)) for other in self.units] for one in self.units]
        return torch.tensor(rows, device=self.device)

    def rows(self, of: Callable[[Unit], bool]) -> Tensor:
        """Slots of units that satisfy a condition."""
        found = [slot for slot, unit in enumerate(self.units) if of(unit)]
        return torch.tensor(found, dtype=torch.long, device=self.device)

    @staticmethod
    def _can(one: Unit, other: Unit) -> bool:
        if one.heals:
            return "biological" in other.attributes
        return bool(set(one.targets) & set(PLANES[other.plane]))

    @staticmethod
    def _hurts(one: Unit, other: Unit) -> float:
        if one.splash == "burst" and "structure" in other.attributes:
            return 0.0
        return one.hits * (one.damage + one.bonus * (one.against in other.attributes))

    @staticmethod
    def _apart(one: Unit, other: Unit) -> float:
        # Units of plane `both` do not collide with ground units.
        high = [unit.plane != "ground" for unit in (one, other)]
        return one.space + other.space if high[0] == high[1] else 0.0
