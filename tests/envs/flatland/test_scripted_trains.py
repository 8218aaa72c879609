"""Trains on the shortest path, on rails laid by hand."""

import numpy as np
import torch
from laid import EAST, WEST, empty_step, engine_on, siding

from graphmarl.envs.flatland import Flatland
from graphmarl.envs.flatland.scripted import ShortestPath
from graphmarl.step import Step

LEFT, RIGHT, STOP = 0, 1, 2


def choose(out, wait=False) -> list[int]:
    obs, alive, reward = (torch.from_numpy(each)[None] for each in (out.obs, out.alive, out.reward))
    no = torch.zeros(1, dtype=torch.bool)
    step = Step(obs, alive, reward, no, no, torch.zeros(1, dtype=torch.long))
    return ShortestPath(Flatland(num_envs=1), wait)(step)[0].tolist()


def on_the_fork(target, *others):
    """A train that stands on the fork, and others that have departed and wait."""
    starts = [((1, 2), EAST), *others]
    engine = engine_on(siding(), starts, [target] + [(1, 0)] * len(others))
    out = empty_step(len(starts))
    engine.reset(0, out)
    stops = [STOP] * len(others)
    for ours in (LEFT, LEFT, LEFT):
        engine.step(np.array([ours, *(stops if engine.time > 1 else [LEFT] * len(others))]), out)
    assert out.position[0].tolist() == [3, 1]
    return engine, out


def test_it_takes_the_shorter_way():
    # Straight on it is 6 to (1, 9), over the siding 8; to (0, 5) there is the siding alone.
    assert choose(on_the_fork((1, 9))[1]) == [RIGHT]
    assert choose(on_the_fork((0, 5))[1]) == [LEFT]


def test_it_waits_for_who_comes_towards_it_if_it_is_told_to():
    # The other stops before its switch, (1, 7), from which it would come along the line.
    _, out = on_the_fork((1, 9), ((1, 6), WEST))
    assert choose(out)[0] == RIGHT
    assert choose(out, wait=True)[0] == STOP


def test_it_arrives_when_it_is_alone():
    engine = engine_on(siding(), [((1, 0), WEST)], [(1, 9)])
    out = empty_step(1)
    engine.reset(0, out)
    for _ in range(20):
        ended, _ = engine.step(np.array(choose(out)), out)
        if ended:
            break
    # Two steps to depart, and nine cells.
    assert (engine.time, float(out.info["arrived"])) == (11, 1.0)
