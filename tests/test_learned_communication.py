"""Methods reach the best return of the relay task that their rounds and memory allow, and no more.

tests/envs/test_relay.py proves `Relay.best_return`. Budget and options are those of
`suite_communication`; returns are means of 2,048 episodes of the greedy policy, whose standard
error is at most 0.011. Five hundredths are left for a policy that has not converged.
"""

from typing import Any

import pytest

from graphmarl.envs import make_env
from graphmarl.envs.didactic.relay import Relay
from graphmarl.experiment.evaluate import evaluate
from graphmarl.experiment.suite_communication import COMMUNICATION
from graphmarl.experiment.suite_types import Benchmark
from graphmarl.experiment.train import train
from graphmarl.methods import METHODS as ALL
from graphmarl.resolver import construct, split_name

EPISODES, ERROR, UNCONVERGED = 2048, 4 * 0.011, 0.05
# A message of a mean-field method is the last action of an agent, which is none in the first step.
SILENT = ("mfq",)


def of(task: str) -> tuple[Benchmark, Any]:
    """A task with its environment."""
    benchmark = COMMUNICATION[task]
    return benchmark, make_env("relay", **split_name(benchmark.env, "environment")[1])


def best_return(method: str, env: Relay) -> float:
    """Best return of a method with its options, by its rounds and memory."""
    name, options = split_name(method, "method")
    network = construct("method", name, ALL[name], options, env.spec).network
    rounds = 0 if name in SILENT else network.rounds
    return env.best_return(rounds, network.memory_size > 0, network.delayed)


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


def test_every_method_that_can_has_a_control():
    for task, row in OWN:
        benchmark, env = of(task)
        able = best_return(benchmark.settings[row].method, env) > env.best_return(0)
        assert not able or f"{row}-none" in benchmark.settings, (task, row)


@pytest.mark.slow
@pytest.mark.parametrize(("task", "row"), OWN)
def test_the_best_return_is_reached_with_messages_and_only_with_them(task, row, tmp_path):
    benchmark, env = of(task)
    best, chance = best_return(benchmark.settings[row].method, env), env.best_return(0)
    found = trained_return(task, row, tmp_path)
    assert best - UNCONVERGED - ERROR <= found <= best + ERROR
    if best > chance:
        assert trained_return(task, f"{row}-none", tmp_path) <= chance + ERROR
    if f"{row}-shuffled" in benchmark.settings:
        assert trained_return(task, f"{row}-shuffled", tmp_path) < best - UNCONVERGED
