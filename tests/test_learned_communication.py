"""Methods reach the best return that their rounds and memory allow, and without edges no more.

The tests of the environments prove `best_return`. Budget and options are those of
`suite_communication`; returns are means of 2,048 episodes of the greedy policy. A policy that has
not converged may miss a twentieth of what messages are worth.
"""

from math import sqrt
from typing import Any

import pytest

from graphmarl.experiment.evaluate import evaluate
from graphmarl.experiment.suite_communication import COMMUNICATION, best_return
from graphmarl.experiment.train import train

EPISODES, UNCONVERGED = 2048, 0.05
# Standard deviation of the return of an episode, at most: half of the range of what is reached.
DEVIATION = {"relay": 0.5, "sensor": 5.0, "hallway": 5.0, "grid": 1.5}
# With random couplings the best return with few rounds is not known, only that of many.
BOUND = "grid-random-graphs"


def trained_return(task: str, row: str, folder: Any) -> float:
    benchmark = COMMUNICATION[task]
    setting = benchmark.settings[row]
    more: dict[str, Any] = {"runs": str(folder), "name": row, "progress": False, "seed": 0}
    run = train(setting.method, benchmark.env, setting.graph, benchmark.steps, **more)
    return evaluate(run, EPISODES).mean_return.mean


def standard_error(task: str) -> float:
    return DEVIATION[task.partition("-")[0]] / sqrt(EPISODES)


OWN = [
    (task, row)
    for task, benchmark in COMMUNICATION.items()
    for row in benchmark.settings
    if not row.endswith(("-none", "-shuffled"))
]
# The best return of agents without messages and memory.
CHANCE = dict.fromkeys(COMMUNICATION, 0.5) | {
    "sensor-graphs": 12.5,
    "hallway-graphs": 2.5,
    "grid-fixed-graphs": -1.5,
    "grid-random-graphs": -3.0,
}
# In hallway agents with a memory can count steps instead.
COUNTING = {("hallway-graphs", "neurcomm"), ("hallway-graphs", "nvif_ppo")}


def test_every_method_that_can_has_a_control():
    for task, row in OWN:
        able = best_return(task, row) > CHANCE[task]
        alone = best_return(task, row) if (task, row) in COUNTING else CHANCE[task]
        assert not able or best_return(task, f"{row}-none") == alone, (task, row)


@pytest.mark.slow
@pytest.mark.parametrize(("task", "row"), OWN)
def test_the_best_return_is_reached_with_messages_and_only_with_them(task, row, tmp_path):
    best, error = best_return(task, row), 4 * standard_error(task)
    found = trained_return(task, row, tmp_path)
    missed = UNCONVERGED * (best - CHANCE[task])
    lowest = CHANCE[task] if task == BOUND else best - missed - error
    assert lowest < found <= best + error
    if best > CHANCE[task]:
        alone = best_return(task, f"{row}-none")
        assert trained_return(task, f"{row}-none", tmp_path) <= alone + error
    if f"{row}-shuffled" in COMMUNICATION[task].settings:
        assert trained_return(task, f"{row}-shuffled", tmp_path) < best - missed
