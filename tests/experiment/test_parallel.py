"""Several processes that train one run: equal to one process, and resumed exactly."""

import socket
from pathlib import Path
from typing import Any

import pytest
import torch
from rank_updates import updated
from torch.multiprocessing.spawn import spawn

from graphmarl.experiment import callbacks
from graphmarl.experiment.train import resume, train
from graphmarl.results.checkpoints import load_checkpoint
from graphmarl.results.run import Run

pytestmark = pytest.mark.usefixtures("unchecked")
REPLAY = {"learning_starts": 0, "buffer_size": 4000, "gradient_steps": 2, "rollout_length": 12}
MODEL = {"learning_starts": 0, "buffer_size": 4000, "rollout_length": 12, "train_interval": 150}
MODEL |= {"categoricals": 3, "classes": 4, "hidden": 16, "recurrent": 8, "dropout": 0.0}
MODEL |= {"model_gradient_steps": 2, "policy_gradient_steps": 1, "batch_size": 8}
MODEL |= {"sequence_length": 6, "imagination_horizon": 3, "epochs": 2, "minibatch_size": 10**6}
# PPO sets its own learning rate, so small by default that wrong means would hardly be seen.
STEEP = {"learning_rate": 5e-3, "normalize_value": True}
LEARNERS: dict[str, dict[str, Any]] = {
    # A minibatch is all that was collected: agents that live are not equally many in both halves.
    "commnet": {"rollout_length": 10, "minibatch_size": 10**6, **STEEP},
    "qmix": {**REPLAY, "batch_size": 32},
    "dgn": {**REPLAY, "batch_size": 32},
    "vpp": {**REPLAY, "batch_size": 32},
    "pic": {**REPLAY, "batch_size": 32},
    "mamba_small": MODEL,
}


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def learned(name: str, count: int, folder: Path) -> tuple[dict[str, torch.Tensor], Any]:
    file = folder / f"{name}-{count}.pt"
    spawn(updated, (count, free_port(), name, LEARNERS[name], str(file)), count)
    return torch.load(file, weights_only=True)


@pytest.mark.slow
@pytest.mark.parametrize("name", LEARNERS)
def test_two_processes_of_eight_copies_equal_one_of_sixteen(name, tmp_path):
    whole, halves = (learned(name, count, tmp_path) for count in (1, 2))
    for key, value in whole[0].items():
        assert torch.allclose(halves[0][key], value, rtol=0, atol=1e-6), key


def start(folder: Path, name: str, **changes: Any) -> Run:
    options: dict[str, Any] = {"steps": 400, "checkpoint_every": 100, "progress": False}
    options |= {"devices": 2, "threads": 1, "runs": str(folder), "name": name}
    env = {"name": "sensor", "num_envs": 8}
    method = "ndq:rollout_length=5,learning_starts=50,batch_size=8,gradient_steps=1"
    return train(method, env, **options | changes)


@pytest.mark.slow
def test_a_killed_run_of_two_processes_resumed_equals_one_that_was_not(tmp_path, monkeypatch):
    whole = start(tmp_path, "whole", evaluate_every=200, evaluate_episodes=4)
    count, original = [0], callbacks.MetricsWriter.on_train_batch_end

    def failing(self, *arguments):
        count[0] += 1
        if count[0] == 6:
            raise InterruptedError
        return original(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(callbacks.MetricsWriter, "on_train_batch_end", failing)
        with pytest.raises(InterruptedError):
            start(tmp_path, "broken", evaluate_every=200, evaluate_episodes=4)
    again = resume(tmp_path / "broken", progress=False)
    one, two = (load_checkpoint(run.last()) for run in (whole, again))
    assert all(torch.equal(value, two["state_dict"][k]) for k, value in one["state_dict"].items())
    assert len(one["Collector"]["ranks"]) == len(one["replay"]["ranks"]) == 2
    for name in ("metrics.csv", "evaluations.csv"):
        assert (whole.path / name).read_text() == (again.path / name).read_text()
    one_process = whole.config() | {"devices": 1}
    whole.configure(one_process)
    with pytest.raises(ValueError, match="saved by 2 processes; devices is 1, allowed is 2"):
        resume(whole, steps=800, progress=False)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"env": "sensor:num_envs=9"}, "num_envs is 9; allowed are multiples of 2, of devices"),
        ({"devices": 1, "strategy": "ddp"}, "it needs two devices or more"),
        ({"strategy": "fsdp"}, "strategy is 'fsdp'; allowed are auto, ddp"),
        ({"devices": 0}, "devices is 0"),
    ],
)
def test_wrong_values_are_refused(changes, message, tmp_path):
    options = {"method": "ippo", "env": "sensor:num_envs=8", "devices": 2, **changes}
    with pytest.raises(ValueError, match=message):
        train(runs=str(tmp_path), name="a", progress=False, **options)
    assert not (tmp_path / "a").exists()
