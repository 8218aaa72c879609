"""Small battles on open ground, put together by hand."""

import numpy as np
import torch

from graphmarl.envs.skirmish.combat import Combat, Orders
from graphmarl.envs.skirmish.state import NO_UNIT, CombatState
from graphmarl.envs.skirmish.unit_stats import UnitStats, units_of

OPEN = np.ones((32, 32), dtype=bool)
CPU = torch.device("cpu")


def stats_of(allies, enemies, overrides=None, units="liberty"):
    """An army by names of kinds, such as "2 marine 1 medivac"."""
    return UnitStats(
        units_of((*kinds(allies), *kinds(enemies)), units, overrides or {}), len(kinds(allies)), CPU
    )


def kinds(text):
    words = text.split()
    return [
        kind
        for number, kind in zip(words[::2], words[1::2], strict=True)
        for _ in range(int(number))
    ]


def field_of(stats, places, goal=(16.0, 16.0), **given):
    """One copy of whole units at these places; further columns by name."""
    place = torch.tensor(places)
    nobody = torch.full((len(stats), 1), NO_UNIT)
    columns = {
        "x": place[:, :1].clone(),
        "y": place[:, 1:].clone(),
        "health": stats.hp.clone(),
        "shield": stats.shield.clone(),
        "energy": 50.0 * (stats.heals > 0),
        "cooldown": torch.zeros(len(stats), 1),
        "quiet": torch.zeros(len(stats), 1),
        "target": nobody,
        "grudge": nobody,
    }
    for name, values in given.items():
        columns[name] = torch.tensor(values, dtype=columns[name].dtype).unsqueeze(1)
    point = torch.tensor(goal).unsqueeze(1)
    return CombatState(**columns, goal_x=point[0], goal_y=point[1])


def combat_of(stats, commanded=None, walkable=OPEN, **options):
    """The rules for this army; all allies are commanded unless it is said how many are."""
    commanded = stats.num_allies if commanded is None else commanded
    return Combat(stats, commanded, walkable, walkable, **options)


def orders_of(*targets):
    """To stand, or to attack or heal a slot."""
    target = torch.tensor(targets).unsqueeze(1)
    zero = torch.zeros(len(targets), 1)
    return Orders(target, zero, zero, zero)


def idle(count):
    return orders_of(*[NO_UNIT] * count)


def punctual(stats):
    """No delay after shots."""
    return torch.zeros(len(stats), 1)


def loops(monkeypatch, number):
    """Let a step be so many loops."""
    monkeypatch.setattr("graphmarl.envs.skirmish.combat.LOOPS", number)
