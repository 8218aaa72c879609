"""Methods reach the best return of the relay task that their rounds and memory allow, and no more.

tests/envs/test_relay.py proves `Relay.best_return`. Budget and options are those of
`suite_communication`; returns are means of 2,048 episodes of the greedy policy, whose standard
error is at most 0.011. Five hundredths are left for a policy that has not converged.
"""

from typing import Any

import pytest

from graphmarl.experiment.evaluate import evaluate
from graphmarl.experiment.suite_communication import COMMUNICATION, best_return
from graphmarl.experiment.train import train

EPISODES, ERROR, UNCONVERGED = 2048, 4 * 0.011, 0.05


def trained_return(task: str, row: str, folder: Any) -> float:
    benchmark = COMMUNICATION[task]
    setting = benchmark.settings[row]
    more: dict[str, Any] = {"runs": str(folder), "name": row, "progress": False, "seed": 0}
    run = train(setting.method, benchmark.env, setting.graph, benchmark.steps, **more)
    return evaluate(run, EPISODES).mean_return.mean


OWN = [
    (task, row)
    for task, benchmark in COMMUNICATION.items()
    for row in benchmark.settings
    if not row.endswith(("-none", "-shuffled"))
]


CHANCE = 0.5


def test_every_method_that_can_has_a_control():
    for task, row in OWN:
        able = best_return(task, row) > CHANCE
        assert not able or best_return(task, f"{row}-none") == CHANCE, (task, row)


@pytest.mark.slow
@pytest.mark.parametrize(("task", "row"), OWN)
def test_the_best_return_is_reached_with_messages_and_only_with_them(task, row, tmp_path):
    best = best_return(task, row)
    found = trained_return(task, row, tmp_path)
    assert best - UNCONVERGED - ERROR <= found <= best + ERROR
    if best > CHANCE:
        assert trained_return(task, f"{row}-none", tmp_path) <= CHANCE + ERROR
    if f"{row}-shuffled" in COMMUNICATION[task].settings:
        assert trained_return(task, f"{row}-shuffled", tmp_path) < best - UNCONVERGED
