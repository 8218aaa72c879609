"""Scene of a battle: points and lines to draw."""

from __future__ import annotations

import torch
from torch import Tensor

from graphmarl.envs.skirmish.map_spec import Map
from graphmarl.envs.skirmish.movement import SIZE
from graphmarl.envs.skirmish.observation import UnitSnapshot
from graphmarl.envs.skirmish.unit_stats import UnitStats
from graphmarl.step import Scene, Weighted

CORNERS = 24


WALL = 0.25


def picture(map: Map, stats: UnitStats, now: UnitSnapshot, target: Tensor, env: int) -> Scene:
    """Scene of one copy: live units with health as opacity, weapon ranges and targets.

    Args:
        map: map of the battle, for its blocked cells.
        stats: properties of the units.
        now: current properties of the units.
        target: slot that each unit attacks, or -1.
        env: index of the copy.
    """
    place, alive = now.position[env].cpu(), now.alive[env].cpu()
    whole = (stats.hp + stats.shield).flatten().cpu()
    health = ((now.health + now.shield)[env].cpu() / whole).clamp(0.1, 1)
    ally = torch.arange(len(stats)) < stats.num_allies
    points = {
        name: (place[side & alive], health[side & alive])
        for name, side in (("agents' side", ally), ("enemies", ~ally))
    }
    blocked = torch.tensor(~map.walkable).nonzero() + 0.5
    if len(blocked):
        points["blocked"] = (blocked, torch.full((len(blocked),), WALL))
    aim = target[env].cpu()
    busy = alive & (aim >= 0)
    ends = torch.stack([place[busy], place[aim[busy]]], 1)
    lines = {"targets": (ends, ally[busy].float())}
    reach = (stats.range + stats.radius).flatten().cpu()
    for name, side in (("reach of agents", ally), ("reach of enemies", ~ally)):
        lines[name] = _circles(place[side & alive], reach[side & alive])
    return Scene((0.0, 0.0), (float(SIZE), float(SIZE)), points, int(now.time[env]), lines)


def _circles(center: Tensor, radius: Tensor) -> Weighted:
    angle = torch.linspace(0, 2 * torch.pi, CORNERS + 1)
    rim = torch.stack([angle.cos(), angle.sin()], 1) * radius.view(-1, 1, 1) + center.unsqueeze(1)
    ends = torch.stack([rim[:, :-1], rim[:, 1:]], 2).flatten(0, 1)
    return ends, torch.full((len(ends),), 0.1)
