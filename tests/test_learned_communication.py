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
from graphmarl.experiment.suite_communication import COMMUNICATION, METHODS
from graphmarl.experiment.train import train
from graphmarl.methods import METHODS as ALL
from graphmarl.resolver import construct, split_name

EPISODES, ERROR, UNCONVERGED = 2048, 4 * 0.011, 0.05
# A message of a mean-field method is the last action of an agent, which is none in the first step.
SILENT = ("mfq",)


def reach(name: str, env: Relay) -> float:
    """Best return of a method on the edges of the task."""
    method, options = split_name(METHODS[name], "method")
    network: Any = construct("method", method, ALL[method], options, env.spec)
    rounds = 0 if name in SILENT else network.network.rounds
    return env.best_return(rounds, network.network.memory_size > 0)


def trained_return(name: str, task: str, row: str, folder: Any) -> float:
    benchmark = COMMUNICATION[task]
    setting = benchmark.settings[row]
    more: dict[str, Any] = {"runs": str(folder), "name": "a", "progress": False, "seed": 0}
    run = train(setting.method, benchmark.env, setting.graph, benchmark.steps, **more)
    return evaluate(run, EPISODES).mean_return.mean


@pytest.mark.slow
@pytest.mark.parametrize("task", ["relay-1-hop", "relay-2-hops"])
@pytest.mark.parametrize("name", METHODS)
def test_the_best_return_is_reached_with_messages_and_only_with_them(name, task, tmp_path):
    options: Any = split_name(COMMUNICATION[task].env, "environment")[1]
    env: Any = make_env("relay", **options)
    best, chance = reach(name, env), env.best_return(0)
    found = trained_return(name, task, name, tmp_path / "links")
    assert best - UNCONVERGED - ERROR <= found <= best + ERROR
    if best > chance:
        none = trained_return(name, task, f"{name}-none", tmp_path / "none")
        shuffled = trained_return(name, task, f"{name}-shuffled", tmp_path / "shuffled")
        assert none <= chance + ERROR
        assert shuffled < best - UNCONVERGED
