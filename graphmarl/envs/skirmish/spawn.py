"""Start positions of the units."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from graphmarl.envs.skirmish.map_spec import Map, SpawnArea
from graphmarl.envs.skirmish.terrain import SIDE, nearest_cells

NOISE, MOST = 0.05, 3.0  # standard deviation, and clipping in standard deviations
GAP = 0.05
WITHIN_CELL = 1 - 1e-3


def block(count: int, pitch: float) -> Float[Tensor, "unit 2"]:
    """Offsets of a near-square block, row by row around its centre."""
    columns = math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    unit = torch.arange(count)
    column, row = unit % columns, unit // columns
    return torch.stack((column - (columns - 1) / 2, row - (rows - 1) / 2), -1).double() * pitch


class Spawn:
    """Random start positions of the units of a map.

    Units of a place that share a plane form one block around its point, in the order of their
    slots, those of a kind sorted by x and then y; blocks with enemies only are rotated by 180
    degrees. Units on a blocked cell are moved to the nearest walkable one.

    Args:
        map: map of the battle.
        radius: radius of each unit, allies first.
        air: whether each unit flies.
        device: device of the positions.

    Raises:
        ValueError: the number of radii or flags is not that of the units.
    """

    def __init__(
        self, map: Map, radius: Sequence[float], air: Sequence[bool], device: torch.device | str
    ) -> None:
        units = len(map.allies) + len(map.enemies)
        if len(radius) != units or len(air) != units:
            raise ValueError(
                f"map {map.name!r} has {units} units, but there are {len(radius)} radii and "
                f"{len(air)} flags of flying"
            )
        boxes = boxes_of(map.places)
        self.low = boxes[..., 0].to(device)
        self.size = (boxes[..., 1] - boxes[..., 0]).to(device)
        self.choices = torch.tensor([len(place.boxes) for place in map.places], device=device)
        place, offset = layout(map, radius, air)
        self.place, self.offset = place.to(device), offset.to(device)
        self.air = torch.tensor(list(air), device=device)[:, None]
        self.nearest = torch.from_numpy(nearest_cells(map.walkable)).to(device)
        self.goal = map.goal
        self.draws = 3 * len(map.places) + 2 * units + (map.goal == "between")
        sides = [index for index, one in enumerate(map.places) if one.allies]
        self.first, self.last = sides[0], sides[-1]

    def __call__(
        self, u: Float[Tensor, "copy draw"]
    ) -> tuple[Float[Tensor, "copy unit 2"], Float[Tensor, "copy 2"]]:
        """Positions of all units, allies first, and the goal point of the enemies, or zero.

        Args:
            u: uniform draws in [0, 1): for each place the box, x and y; for each unit the noise
                along x and y; and, if the goal is `between`, its position from the first to the
                last place.
        """
        copies, places = len(u), len(self.choices)
        drawn = u[:, : 3 * places].view(copies, places, 3)
        box = (drawn[..., 0] * self.choices).long()
        index = torch.arange(places, device=u.device)
        points = self.low[index, box] + self.size[index, box] * drawn[..., 1:]
        spread = u[:, 3 * places :][:, : 2 * len(self.place)].view(copies, -1, 2)
        noise = NOISE * torch.special.ndtri(spread).clamp(-MOST, MOST)
        return self.stand(points[:, self.place] + self.offset + noise), self.aim(points, u[:, -1])

    def stand(self, position: Tensor) -> Tensor:
        """Clamp positions to the map and, for ground units, to walkable cells."""
        inside = position.clamp(0, SIDE - 1 + WITHIN_CELL)
        cell = inside.long()
        corner = self.nearest[cell[..., 0], cell[..., 1]]
        walking = torch.minimum(torch.maximum(inside, corner), corner + WITHIN_CELL)
        return torch.where(self.air, inside, walking)

    def aim(self, points: Tensor, share: Tensor) -> Tensor:
        """Goal point of the enemies."""
        first, last = points[:, self.first], points[:, self.last]
        if self.goal == "between":
            return first + share[:, None] * (last - first)
        if isinstance(self.goal, tuple):
            return first.new_tensor(self.goal).expand_as(first)
        return torch.zeros_like(first)


def boxes_of(places: Sequence[SpawnArea]) -> Float[Tensor, "place box axis bound"]:
    """Bounds of all boxes, padded with zeros."""
    most = max(len(place.boxes) for place in places)
    bounds = torch.zeros(len(places), most, 2, 2)
    for index, place in enumerate(places):
        bounds[index, : len(place.boxes)] = torch.tensor(place.boxes).view(-1, 2, 2)
    return bounds


def layout(
    map: Map, radius: Sequence[float], air: Sequence[bool]
) -> tuple[Int[Tensor, " unit"], Float[Tensor, "unit 2"]]:
    """Place of each unit, and its offset from the place's point."""
    of_unit = torch.zeros(len(radius), dtype=torch.long)
    offset = torch.zeros(len(radius), 2)
    kinds = (*map.allies, *map.enemies)
    for index, place in enumerate(map.places):
        members = [*place.allies, *(len(map.allies) + slot for slot in place.enemies)]
        of_unit[members] = index
        for plane in (False, True):
            group = [unit for unit in members if bool(air[unit]) == plane]
            if not group:
                continue
            spots = block(len(group), 2 * max(radius[unit] for unit in group) + GAP)
            spots = in_order(spots, [kinds[unit] for unit in group])
            offset[group] = (spots if place.allies else -spots).float()
    return of_unit, offset


def in_order(spots: Float[Tensor, "unit 2"], kinds: Sequence[str]) -> Float[Tensor, "unit 2"]:
    """Sort the spots of each kind by x and then y, as SMAC numbers its agents."""
    sorted_by_kind = spots.clone()
    for kind in set(kinds):
        members = [unit for unit, other in enumerate(kinds) if other == kind]
        own = sorted(spots[members].tolist())
        sorted_by_kind[members] = torch.tensor(own, dtype=spots.dtype)
    return sorted_by_kind
