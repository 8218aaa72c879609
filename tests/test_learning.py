"""Methods learn Gather as fast as was measured before.

Seed 0, 30,000 transitions of normal-24. Independent trials with three epochs for each trajectory
passed a training return of 600 at 29,000; a random policy has -114, and about 710 is the best.
"""

import pytest

from graphmarl.evaluate import evaluate
from graphmarl.methods import METHODS
from graphmarl.train import train

QUICK = {"nvif_ppo": {"episodes": 16, "code_epochs": 1, "flow_epochs": 2}}


@pytest.mark.slow
@pytest.mark.parametrize("name", METHODS)
def test_omnivores_learn_to_eat(name, tmp_path):
    method = {"name": name, **QUICK.get(name, {})}
    run = train(method, "gather", steps=30_000, runs=str(tmp_path), name="a", progress=False)
    assert run.metrics()[-1]["return"] >= 600
    assert evaluate(run, 16, greedy=False).mean_return.mean >= 600
