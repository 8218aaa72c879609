"""The scripted gatherer lands where the reconstruction of the paper's task says."""

import pytest
import torch

from graphmarl.envs import Gather
from graphmarl.envs.magent.scripted import GatherState, ScriptedGatherer, scripted_policy
from graphmarl.experiment.evaluate import play

# Return and length of a full-information script: measured once, apart from this code.
EXPECTED = {
    ("normal", 24): (695.6, 27.8),
    ("normal", 48): (1873.6, 43.0),
    ("normal", 96): (4019.3, 63.5),
    ("random", 24): (133.2, 13.2),
    ("random", 48): (378.5, 23.2),
    ("random", 96): (1243.5, 45.8),
}


@pytest.mark.parametrize(("map", "size"), EXPECTED)
def test_the_script_lands_within_three_percent(map, size):
    env = Gather(map=map, size=size, num_envs=8 if map == "normal" else 32)
    played = play(env, scripted_policy(env))
    env.close()
    assert (played.mean_return.mean, played.mean_length.mean) == pytest.approx(
        EXPECTED[map, size], rel=0.03
    )


def state_of(position, food, hp):
    return GatherState(
        torch.tensor([position]).float(),
        torch.ones(1, len(position), dtype=torch.bool),
        torch.tensor([food]).float(),
        torch.tensor([hp]),
    )


def test_it_hits_the_weakest_adjacent_food():
    state = state_of([[5, 5]], [[4, 5], [6, 5], [5, 8]], [0.9, 0.3, 0.1])
    assert ScriptedGatherer(24)(state).tolist() == [[31]]


def test_of_two_who_want_one_cell_the_first_has_it():
    # The second reaches only one cell beside the food, (5, 6); the first reaches all four.
    state = state_of([[5, 5], [5, 4]], [[5, 7]], [1.0])
    policy, taken = ScriptedGatherer(24), set()
    for _ in range(30):
        cells = state.position[0].long() + policy.moves[policy(state)[0]]
        first, second = (tuple(cell) for cell in cells.tolist())
        assert first in {(5, 6), (4, 7), (6, 7), (5, 8)}
        assert (second == (5, 6)) == (first != (5, 6))
        taken.add(first)
    assert len(taken) == 4
