"""A run whose environment is compiled says so, and goes on as if it was never interrupted."""

import pytest
import torch

from graphmarl.experiment import callbacks
from graphmarl.experiment.train import resume, train
from graphmarl.results.checkpoints import load_checkpoint
from graphmarl.results.run import Run

pytestmark = pytest.mark.usefixtures("unchecked")
SAID = "compiling the step of Navigation, which takes a minute or two"


class StopError(Exception):
    pass


def start(folder, name: str, compiled: str = "true") -> Run:
    env = f"navigation:num_agents=3,num_envs=4,horizon=6,compiled={compiled}"
    method = "ippo:hidden=8,rollout_length=5,minibatch_size=60"
    options = {"steps": 160, "checkpoint_every": 40, "progress": False}
    return train(method, env, "none", runs=str(folder), name=name, **options)


def test_a_compiled_run_goes_on_exactly(tmp_path, monkeypatch, capsys):
    whole = start(tmp_path, "whole")
    assert SAID in capsys.readouterr().err
    calls, original = [0], callbacks.Saver.on_train_batch_end

    def stop(self, *arguments):
        original(self, *arguments)
        calls[0] += 1
        if calls[0] == 5:
            raise StopError

    with monkeypatch.context() as patch, pytest.raises(StopError):
        patch.setattr(callbacks.Saver, "on_train_batch_end", stop)
        start(tmp_path, "part")
    part = Run(tmp_path / "part")
    assert 0 < len(part.saved()) < len(whole.saved()) + 1
    resume(part.path, progress=False)
    one, two = (load_checkpoint(run.last()) for run in (whole, part))
    for name, value in one["state_dict"].items():
        assert torch.equal(value, two["state_dict"][name]), name
    observed, same = (each["Collector"]["env"]["observed"] for each in (one, two))
    assert torch.equal(observed["obs"], same["obs"])
    for name in ("metrics.csv", "config.yaml"):
        assert (whole.path / name).read_text() == (part.path / name).read_text()


def test_a_short_run_is_not_compiled(tmp_path, capsys):
    run = start(tmp_path, "short", "auto")
    assert SAID not in capsys.readouterr().err
    assert run.config()["env"]["compiled"] == "auto"
    assert "observed" not in load_checkpoint(run.last())["Collector"]["env"]
