"""Controllers of signals do what their papers say, and some are better than others."""

import pytest
import torch
from told import Told

from graphmarl.envs.traffic import Traffic
from graphmarl.envs.traffic.scripted import FixedTime, MaxPressure, SelfOrganising, best
from graphmarl.experiment.evaluate import play
from graphmarl.experiment.policies import random_policy


def counting(env, vehicles, waiting=None):
    counts = torch.tensor([vehicles])
    env._engine = Told(counts, counts if waiting is None else torch.tensor([waiting]))


def crossing(**options):
    env = Traffic("grid_1x1", num_envs=1, **options)
    return env, env.reset(0)


def lanes(**counts):
    """Counts by lane; e, n, w, s is where they go, and l or s whether left or straight on."""
    first = {"e": 3, "n": 0, "w": 18, "s": 21}
    found = [0] * 24
    for name, count in counts.items():
        found[first[name[0]] + (name[1] == "s")] = count
    return found


def test_fixed_time_goes_through_its_phases_and_begins_anew_with_each_episode():
    env, step = crossing(horizon=9)
    controller, chosen = FixedTime(env, phases=(2, 0, 5), seconds=20), []
    for _ in range(12):
        chosen.append(int(controller(step)))
        step = env.step(torch.tensor([[chosen[-1]]]))
    # After the ninth choice comes the seam, whose action is ignored, and the next episode.
    assert chosen == [2, 2, 0, 0, 5, 5, 2, 2, 0, 0, 2, 2]
    for phases, seconds in (((0,), 25), ((0,), 0), ((8,), 20), ((), 20)):
        with pytest.raises(ValueError, match="allowed are"):
            FixedTime(env, phases, seconds)


def test_max_pressure_takes_the_phase_of_most_vehicles_less_those_behind():
    env, step = crossing()
    counting(env, lanes(es=4, ws=4, el=5, ns=3))
    assert MaxPressure(env)(step).item() == 4  # eastwards, straight and left: 9, not 8
    crowded = lanes(es=4, ws=4, el=5, ns=3)
    crowded[6:9] = [6, 6, 6]  # the road eastwards holds 6 on each lane: 4 - 6 and 5 instead of 9
    counting(env, crowded)
    assert MaxPressure(env)(step).item() == 2  # left turns: 5; straight on to east and west: 2
    counting(env, lanes(es=4), lanes(ns=1))
    assert MaxPressure(env, waiting=True)(step).item() == 1


def test_of_equal_phases_the_one_that_holds_is_kept():
    score = torch.tensor([[[2.0, 1.0, 2.0], [0.0, 3.0, 9.0]]])
    available = torch.tensor([[True, True, True], [True, True, False]])
    assert best(score, available, torch.tensor([[2, 0]])).tolist() == [[2, 1]]
    assert best(score, available, torch.tensor([[-1, -1]])).tolist() == [[0, 1]]


def test_self_organising_gives_green_to_those_who_have_waited_enough():
    env, step = crossing()
    controller = SelfOrganising(env, threshold=7, minimum=20, platoon=0)
    counting(env, lanes(es=1, ns=2))
    chosen = []
    for time in range(12):
        step = step.replace(time=torch.tensor([time]))
        env.phase = controller(step)
        chosen.append(env.phase.item())
    # First those to the north, who are most. Those to the east count 1, 2, ... and are at 7 with
    # the seventh choice; then those to the north count 2, 4, 6, 8, and are at 7 after four.
    assert chosen == [1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1]


def test_self_organising_changes_after_its_minimum_if_all_wait():
    env, step = crossing()
    controller = SelfOrganising(env, threshold=1, minimum=20, platoon=0)
    counting(env, lanes(es=1, ns=1))
    chosen = []
    for time in range(7):
        env.phase = controller(step.replace(time=torch.tensor([time])))
        chosen.append(env.phase.item())
    assert chosen == [0, 0, 1, 1, 0, 0, 1]


def test_self_organising_lets_a_platoon_pass_and_keeps_the_minimum():
    env, step = crossing()
    counting(env, lanes(es=9, ns=9), lanes(ns=9))
    for platoon, minimum, expected in ((8, 10, 0), (9, 10, 1), (9, 30, 0)):
        controller = SelfOrganising(env, threshold=9, minimum=minimum, platoon=platoon)
        # East and west are green and nine move there; north and south stand and wait for it.
        env.phase = torch.tensor([[0]])
        assert controller(step.replace(time=torch.tensor([0]))).item() in (0, 1)
        env.phase = torch.tensor([[0]])
        assert controller(step.replace(time=torch.tensor([1]))).item() == expected


def test_random_phases_are_all_that_there_are():
    env, step = crossing()
    controller = random_policy(env)
    assert {int(controller(step)) for _ in range(200)} == set(range(8))


def test_whoever_looks_does_better_than_whoever_does_not():
    found = {}
    for make in (FixedTime, MaxPressure):
        env = Traffic("grid_1x1", horizon=14, num_envs=4)
        found[make] = play(env, make(env), seed=1).info["queue"]
    assert max(found[MaxPressure]) < min(found[FixedTime])
