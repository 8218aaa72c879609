"""Where vehicles are beside what signals do, against arithmetic written out."""

from math import log, sqrt

import pytest
import torch

from graphmarl.envs.traffic import Movements, Traffic


def test_the_distances_of_two_movements():
    # p = (3/4, 1/4); one choice more for each: q = (1/4, 3/4).
    movements = Movements(torch.tensor([3, 1]), torch.tensor([0, 2]))
    assert movements.divergence() == pytest.approx(0.75 * log(3) + 0.25 * log(1 / 3))
    assert movements.distance() == pytest.approx(sqrt(1 / 4 + 1 / 4))
    # One more of each makes 6, 2 and 4 of 12.
    same = Movements(torch.tensor([3, 1, 2]), torch.tensor([5, 1, 3]))
    assert same.divergence() == pytest.approx(0, abs=1e-7) and same.distance() < 1e-7


def test_every_movement_of_every_signal_is_counted_where_it_is():
    env = Traffic("grid_2x2", num_envs=3, horizon=20)
    env.reset(0)
    for _ in range(12):
        env.step(torch.zeros(3, 4, dtype=torch.long))
    movements = Movements.empty(env)
    # Four signals with a left and a straight lane on each of four sides.
    assert len(movements.green) == 4 * 8
    movements.count(env, torch.zeros(3, 4, dtype=torch.long))
    # Each phase lets two lanes go, at each of four signals in three copies.
    assert sorted(movements.green.tolist()) == [0] * 24 + [3] * 8
    volume = env.junctions.volume(env.engine.lane_vehicles())
    # Each of the lanes is in two of the eight phases.
    assert int(movements.vehicles.sum()) == int(volume.sum()) / 2 > 0
    env.close()


def test_an_interval_without_vehicles_has_no_shares():
    with pytest.raises(ValueError, match="no vehicle on any movement"):
        Movements(torch.zeros(2).long(), torch.ones(2).long()).divergence()
