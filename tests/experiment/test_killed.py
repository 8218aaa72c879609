"""A process that is killed outright, ten times, each at a random moment of its training."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from graphmarl.experiment.evaluate import evaluate
from graphmarl.results.checkpoints import load_checkpoint
from graphmarl.results.run import Run

NVIF = ["--method.episodes", "8", "--method.code_epochs", "2", "--method.flow_epochs", "3"]
WORDS = ["--method", "nvif_ppo", *NVIF, "--method.rollout_length", "25", "--env", "gather"]
WORDS += ["--env.num_envs", "4", "--graph", "directional", "--graph.drop", "0.1"]
WORDS += ["--steps", "2500", "--checkpoint_every", "300", "--progress", "false"]


def command(words: list[str]) -> subprocess.Popen:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    line = [sys.executable, "-m", "graphmarl", "train", *words]
    return subprocess.Popen(line, env=environment, stdout=subprocess.DEVNULL)


def begun(run: Run) -> bool:
    return (run.path / "versions.yaml").exists()


@pytest.mark.slow
def test_killed_and_resumed_equals_never_killed(tmp_path: Path):
    assert command([*WORDS, "--runs", str(tmp_path), "--name", "whole"]).wait() == 0
    whole = Run(tmp_path / "whole")
    files = [whole.path / "config.yaml", whole.last()]
    seconds = files[1].stat().st_mtime - files[0].stat().st_mtime
    moments = random.Random(0)
    for number in range(10):
        run = Run(tmp_path / f"killed{number}")
        process = command([*WORDS, "--runs", str(tmp_path), "--name", run.path.name])
        while not begun(run):
            time.sleep(0.02)
        time.sleep(moments.uniform(0, seconds))
        process.send_signal(signal.SIGKILL)
        process.wait()
        reached = run.saved()[-1].name if run.saved() else "no checkpoint yet"
        print(f"kill {number}: {reached}, stages {sorted(p.name for p in run.stages())}")
        assert command(["--resume", str(run.path), "--progress", "false"]).wait() == 0
        same_as(whole, run)


def same_as(whole: Run, run: Run) -> None:
    one, two = (load_checkpoint(each.last())["state_dict"] for each in (whole, run))
    assert whole.last().name == run.last().name
    assert all(torch.equal(value, two[key]) for key, value in one.items())
    for name in ("metrics.csv", "config.yaml"):
        assert (whole.path / name).read_text() == (run.path / name).read_text(), name
    assert evaluate(whole, 4) == evaluate(run, 4)
