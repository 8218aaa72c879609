"""Methods learn as fast as was measured before.

Gather: seed 0, 30,000 transitions of normal-24. Independent trials with three epochs for each
trajectory passed a training return of 600 at 29,000; a random policy has -114, the best about 710.

Sensor and hallway: the best returns with and without messages are exact, for
tests/envs/test_didactic.py finds them by trying everything; thresholds leave 1 to 5 % of them for
noise and for rare states.

Grid: the best return is 0, and cells that choose at random have -6; -0.2 leaves each of nine cells
one odd draw in 120, as three edges disagree with it.

Skirmish: on 3m, by `datasets/measured_smac_curves.csv`, IPPO wins 0.75 +- 0.04 of games in training
after 50,000 transitions; 0.35 is what the nearest-target script wins.
"""

import pytest

from graphmarl.experiment.evaluate import evaluate
from graphmarl.experiment.train import train

QUICK = {"nvif_ppo": {"episodes": 16, "code_epochs": 1, "flow_epochs": 2}}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ippo", "mappo", "nvif_ppo"])
def test_omnivores_learn_to_eat(name, tmp_path):
    method = {"name": name, **QUICK.get(name, {})}
    run = train(method, "gather", steps=30_000, runs=str(tmp_path), name="a", progress=False)
    assert run.metrics()[-1]["return"] >= 600
    assert evaluate(run, 16, greedy=False).mean_return.mean >= 600


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_sensors_learn_to_tell_what_one_cannot_see(seed, tmp_path):
    env = "sensor:num_envs=64"
    run = train("ndq", env, None, 150_000, seed, "ndq", runs=str(tmp_path), progress=False)
    assert evaluate(run, 8192).mean_return.mean >= 14.8
    assert evaluate(run, 8192, cut="rank=80").mean_return.mean >= 14.5
    assert evaluate(run, 8192, cut="rank=100").mean_return.mean <= 12.6
    run = train("qmix", env, None, 150_000, seed, "qmix", runs=str(tmp_path), progress=False)
    assert evaluate(run, 8192).mean_return.mean == pytest.approx(12.5, abs=0.2)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["commnet", "g2anet:entropy_coef=0.2"])
def test_sensors_on_the_policy_learn_to_tell_it_too(method, tmp_path):
    env = "sensor:num_envs=64"
    run = train(method, env, None, 100_000, 1, "a", runs=str(tmp_path), progress=False)
    assert evaluate(run, 8192).mean_return.mean >= 14.8
    assert evaluate(run, 8192, cut="rank=100").mean_return.mean <= 12.6


@pytest.mark.slow
def test_marines_learn_to_win_more_often_than_by_shooting_at_the_nearest(tmp_path):
    method = (
        "ippo:rollout_length=30,minibatch_size=512,learning_rate=1e-3,gamma=0.99,reward=team_to_end"
    )
    env = "skirmish:map=3m,num_envs=16"
    run = train(method, env, None, 60_000, 0, "a", str(tmp_path), progress=False)
    won = evaluate(run, 200, greedy=False).info["win"]
    assert sum(won) / len(won) >= 0.5


@pytest.mark.slow
def test_agents_in_a_hallway_learn_to_arrive_together(tmp_path):
    method = "ndq:bits=3,gamma=0.9"
    run = train(method, "hallway:num_envs=64", None, 400_000, 0, "a", str(tmp_path), progress=False)
    assert evaluate(run, 2048).mean_return.mean >= 9.5


@pytest.mark.slow
@pytest.mark.parametrize("method", ["vpp", "ip", "vpp:approximation=bethe", "vpp:gradient=exact"])
def test_cells_of_a_grid_learn_to_agree(method, tmp_path):
    options = "learning_rate=1e-2,batch_size=128,gradient_steps=2,learning_starts=512"
    method += ("," if ":" in method else ":") + options
    env = "grid_agreement:num_envs=64"
    run = train(method, env, "links", 40_000, 0, "a", runs=str(tmp_path), progress=False)
    assert evaluate(run, 4096, greedy=False).mean_return.mean >= -0.2
