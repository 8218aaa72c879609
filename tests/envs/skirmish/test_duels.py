"""Duels: so many attacks, and so much time from the first to the last."""

import pytest
import torch
from fields import combat_of, field_of, loops, orders_of, punctual, stats_of

from graphmarl.envs.skirmish.state import NO_UNIT

SLOW = {"roach": {"period": 1.0}}
# Attacks to kill and seconds between the first and the last hit, by the numbers of the units.
DUELS = {
    ("marine", "marine"): (8, 6.03),
    ("marine", "zealot"): (29, 24.10),
    ("marine", "marauder"): (25, 20.66),
    ("marine", "medivac"): (30, 24.96),
    ("marauder", "marine"): (5, 6.00),
    ("marauder", "marauder"): (7, 9.00),
    ("zealot", "marine"): (3, 2.40),
    ("zealot", "zealot"): (11, 12.00),
    ("zealot", "stalker"): (11, 12.00),
    ("zealot", "ultralisk"): (43, 50.40),
    ("ultralisk", "zealot"): (9, 6.89),
    ("roach", "reaper"): (4, 3.00),
    ("reaper", "roach"): (25, 26.40),
    ("stalker", "stalker"): (12, 15.84),
    ("stalker", "zealot"): (17, 23.04),
    ("stalker", "spine_crawler"): (25, 34.56),
    ("spine_crawler", "stalker"): (6, 8.00),
    ("hydralisk", "zealot"): (14, 10.79),
    ("zealot", "hydralisk"): (5, 4.80),
    ("zergling", "zealot"): (35, 23.66),
    ("zealot", "zergling"): (3, 2.40),
    ("colossus", "zergling"): (1, 0.0),
    ("zergling", "colossus"): (80, 54.98),
}


@pytest.mark.usefixtures("unchecked")
def test_each_duel_takes_so_many_attacks_and_so_long(monkeypatch):
    monkeypatch.setattr("graphmarl.envs.skirmish.combat.ZERG_RATE", 0.0)
    loops(monkeypatch, 1)
    one, other = (" ".join(f"1 {kind}" for kind in side) for side in zip(*DUELS, strict=True))
    stats, count = stats_of(one, f"{other} 1 overlord", SLOW), len(DUELS)
    combat = combat_of(stats, commanded=2 * count, goal="stay")
    # All at once, each pair so far from the others that nobody else is hit.
    place = torch.tensor([[3.0 + 8 * (duel % 4), 2.0 + 5 * (duel // 4)] for duel in range(count)])
    touching = torch.stack([stats.bodies.diagonal(count)[:count], torch.zeros(count)], 1)
    field = field_of(stats, [*place.tolist(), *(place + touching).tolist(), [31.0, 31.0]])
    orders, calm = orders_of(*range(count, 2 * count), *[NO_UNIT] * count), punctual(stats)
    fired = []
    for _ in range(16 * 56):
        before = field.cooldown[:count, 0]
        field = combat.step(field, orders, calm)
        fired.append(field.cooldown[:count, 0] > before + 0.1)
    assert (field.health[count : 2 * count] == 0).all()
    for pair, hits in zip(DUELS, torch.stack(fired, 1), strict=True):
        attacks, seconds = DUELS[pair]
        when = hits.nonzero().flatten()
        assert len(when) == attacks, pair
        assert (when[-1] - when[0]) / 16 == pytest.approx(seconds, abs=1 / 16), pair


@pytest.mark.parametrize(
    ("victim", "needed"), [("zealot", 5), ("zergling", 1), ("roach", 8), ("hydralisk", 3)]
)
def test_so_many_banelings_kill_one(victim, needed):
    for number in (needed - 1, needed):
        if not number:
            continue
        stats = stats_of(f"{number} baneling", f"1 {victim} 1 overlord")
        combat = combat_of(stats, commanded=number + 1, goal="stay")
        angle = torch.arange(number) * 6.28 / 8
        places = [[16.0 + x, 16.0 + y] for x, y in zip(angle.cos(), angle.sin(), strict=True)]
        field = field_of(stats, [*places, [16.0, 16.0], [1.0, 1.0]])
        field = combat.step(field, orders_of(*[number] * number, NO_UNIT), punctual(stats))
        assert field.health[:number].max() == 0
        assert (field.health[number, 0] == 0) == (number == needed)
