"""Environment, replay and networks of a run are on one device, also on another machine."""

import pytest

from graphmarl.experiment.config import Config
from graphmarl.experiment.evaluate import evaluate
from graphmarl.experiment.train import resume, train
from graphmarl.ranges import Devices
from graphmarl.results.run import Run

IPPO = {"name": "ippo", "hidden": 8, "rollout_length": 10, "epochs": 1}


@pytest.mark.parametrize(
    ("env", "device"),
    [("sensor", "meta"), ("sensor:device=cpu", "cpu"), ("gather", None)],
)
def test_an_environment_is_where_the_networks_are_unless_it_is_put_elsewhere(
    env, device, monkeypatch
):
    monkeypatch.setattr(Devices, "_names", staticmethod(lambda: ["cpu", "meta"]))
    config = Config({"method": "ippo", "env": env, "steps": 1, "seed": 0, "device": "meta"})
    assert config.config["env"].get("device") == device
    again = Config(config.config)
    assert again.config == config.config


def elsewhere(folder) -> Run:
    """A run that was begun on a machine with another device."""
    run = train(IPPO, "sensor:num_envs=4", steps=80, runs=str(folder), name="a", progress=False)
    config = run.config()
    assert config["env"]["device"] == "cpu"
    run.configure({**config, "device": "cuda:7", "env": {**config["env"], "device": "cuda:7"}})
    return run


@pytest.mark.usefixtures("unchecked")
def test_a_run_is_evaluated_where_one_is_and_goes_on_elsewhere_if_asked(tmp_path):
    run = elsewhere(tmp_path)
    assert len(evaluate(run, 3).returns) == 3
    with pytest.raises(ValueError, match="device is 'cuda:7'; allowed are cpu"):
        resume(run, steps=160, progress=False)
    resume(run, steps=160, device="cpu", progress=False)
    assert run.config()["device"] == run.config()["env"]["device"] == "cpu"
    assert run.metrics()[-1]["env_steps"] >= 160
    with pytest.raises(ValueError, match="device is 'cuda:7'; allowed are cpu"):
        evaluate(run, 3, device="cuda:7")
