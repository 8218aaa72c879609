"""Every learner fits a fixed batch: the loss that it reports falls under repeated gradient steps.

The batch is one trajectory of the toy, or one sample of a replay of it, and target networks are not
updated. 50 steps at a learning rate of 1e-2 bring every loss below half of its first value, for
each of three seeds (two of them in the slow suite); below three quarters for MAPPO, whose value
does not read the actions that the returns depend on, so that noise is left.
"""

from typing import Any

import pytest
import torch
from toy import Toy

from graphmarl.data import Collector
from graphmarl.graphs import make_graph
from graphmarl.methods import METHODS
from graphmarl.resolver import construct

pytestmark = pytest.mark.usefixtures("unchecked")
STEPS = 50
LATER = [pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2)]
each_seed = pytest.mark.parametrize("seed", [0, *LATER])
RATE = {"learning_rate": 1e-2}
STILL = {"target": "hard", "target_update_interval": 10**6, "learning_starts": 0, "batch_size": 64}


def build(name: str, seed: int, monkeypatch: pytest.MonkeyPatch, **options) -> tuple[Any, Toy]:
    env = Toy(num_envs=8)
    torch.manual_seed(seed)
    learner = construct("method", name, METHODS[name], options, env.spec)
    optimizer = learner.configure_optimizers()
    monkeypatch.setattr(learner, "optimizers", lambda: optimizer)
    monkeypatch.setattr(learner, "manual_backward", lambda loss: loss.backward())
    return learner.train(), env


def collect(learner: Any, env: Toy, seed: int, steps: int = 40):
    return next(iter(Collector(env, make_graph("complete"), learner, 10**6, steps, seed)))


@each_seed
@pytest.mark.parametrize(
    ("name", "share", "options"),
    [
        ("mappo", 0.75, {"final_learning_rate": 1.0, "epochs": 1}),
        # A2C with a critic that reads the actions of neighbours.
        pytest.param(
            "neurcomm",
            0.5,
            {"final_learning_rate": 1.0, "rollout_length": 12, "optimizer": "adam"},
            marks=pytest.mark.slow,
        ),
    ],
)
def test_on_policy_values_fit_the_returns_of_a_trajectory(name, share, options, seed, monkeypatch):
    learner, env = build(name, seed, monkeypatch, **RATE, **options)
    trajectory = collect(learner, env, seed, learner.rollout_length)
    losses = [learner.update(trajectory)["value_loss"] for _ in range(STEPS)]
    assert 0 <= losses[-1] < share * losses[0]


@each_seed
@pytest.mark.parametrize(
    ("name", "loss", "options"),
    [
        ("dgn", "td", {}),
        ("qmix", "td", {"recurrent": True, "batch_size": 16}),
        ("vpp", "critic", {}),
        ("maddpg", "critic", {}),
    ],
)
def test_off_policy_values_fit_a_batch_of_the_replay(name, loss, options, seed, monkeypatch):
    options = {**RATE, **STILL, "buffer_size": 1000, "gradient_steps": 1, **options}
    learner, env = build(name, seed, monkeypatch, **options)
    trajectory = collect(learner, env, seed)
    replay = learner.replay
    draw = "whole_episodes" if learner.episodic else "transitions"
    replay.add(trajectory)
    batch = getattr(replay, draw)(options["batch_size"])
    monkeypatch.setattr(replay, draw, lambda count: batch)
    losses = [learner.update(trajectory)[loss] for _ in range(STEPS)]
    assert 0 <= losses[-1] < 0.5 * losses[0]


@each_seed
def test_a_world_model_fits_a_batch_of_sequences(seed, monkeypatch):
    options = {"hidden": 32, "recurrent": 16, "categoricals": 4, "classes": 4, "layers": 1}
    options |= {"heads": 2, "batch_size": 16, "sequence_length": 6, "model_learning_rate": 1e-2}
    learner, env = build("mamba", seed, monkeypatch, dropout=0.0, **options)
    replay = learner.replay
    replay.add(collect(learner, env, seed))
    batch = replay.sequences(16, 6)
    monkeypatch.setattr(replay, "sequences", lambda count, length: batch)
    # The last number is the gradient norm.
    losses = [float(learner.learn_model()[:-1].sum()) for _ in range(STEPS)]
    assert 0 <= losses[-1] < 0.5 * losses[0]
