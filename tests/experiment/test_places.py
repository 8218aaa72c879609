"""Runs on SLURM (by submitit's processes of this machine) and on a Ray cluster of two nodes."""

import signal
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from graphmarl.cli import main
from graphmarl.experiment.grid_runs import GridRun, Settings, run_grid, runs_of
from graphmarl.experiment.launcher import Job
from graphmarl.experiment.places import Place
from graphmarl.experiment.remote_task import RemoteTask
from graphmarl.experiment.slurm_jobs import SlurmJobs
from graphmarl.experiment.sweep import grid
from graphmarl.results.tables import read_rows

# Its logger writes where standard output is when it is imported.
pytest.importorskip("submitit")
METHOD = "iql:rollout_length=5,learning_starts=50,batch_size=32"
FAKE = """#!/bin/sh
for last; do :; done
cp "$last" "{folder}/script.sh"
echo "Submitted batch job 12"
"""


def runs(folder: Path, steps: int, gammas: str = "0.5", seeds: int = 1) -> list[GridRun]:
    cells = grid([METHOD], "toy:Toy", ["none"], [f"method.gamma={gammas}"])
    return runs_of(cells, range(seeds), folder, Settings(steps, 4, checkpoint_every=200))


def same(one: GridRun, two: GridRun) -> None:
    first, second = (read_rows(run.path / "evaluation.csv") for run in (one, two))
    for row in (*first, *second):
        row.pop("hours")
    assert first == second
    texts = [(run.path / "metrics.csv").read_text() for run in (one, two)]
    assert texts[0] == texts[1]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"on": "cloud"}, "on is 'cloud'; allowed are local, ray, ray:ADDRESS, slurm"),
        ({"cpus": 2}, "cpus is an option of ray and slurm; on is local"),
        ({"on": "ray", "cpus": 0}, "cpus is 0; allowed are whole numbers from 1"),
        ({"on": "ray", "slurm": ["time=3"]}, "needs on=slurm"),
        ({"on": "slurm", "slurm": ["time"]}, "slurm is 'time'; write name=value"),
    ],
)
def test_a_place_has_only_its_own_options(given, message):
    with pytest.raises(ValueError, match=message):
        Place(**given)


def test_options_of_sbatch_are_those_that_submitit_knows(tmp_path, capsys):
    place = Place("slurm", slurm=["cluster=local", "quality=5"])
    with pytest.raises(ValueError, match="slurm options: Unknown argument 'quality'"):
        run_grid(runs(tmp_path, 40), place=place)
    assert Place("slurm", slurm=["time=60", "mem_per_cpu=2G"]).options() == {
        "time": 60,
        "mem_per_cpu": "2G",
    }
    words = ["ablate", "--name", "n", "--method", "iql", "--env", "sensor", "--on", "fog"]
    assert main(words) == 2
    assert "on is 'fog'; allowed are local, ray" in capsys.readouterr().err
    words = ["tune", "--name", "n", "--method", "iql", "--env", "sensor", "--on", "slurm"]
    assert main([*words, "--vary", "method.gamma=0..1"]) == 2
    assert "jobs is 0; on slurm it is the number of workers" in capsys.readouterr().err


@pytest.mark.parametrize(("package", "extra"), [("ray", "ray"), ("submitit", "slurm")])
def test_without_its_package_a_place_names_the_extra(package, extra, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=rf"install it by `pip install 'graphmarl\[{extra}\]'`"):
        run_grid(runs(tmp_path, 40), place=Place(extra))


def test_the_script_of_slurm_is_an_array_that_is_asked_before_its_end(tmp_path, monkeypatch):
    # No SLURM here: what would be given to sbatch is kept.
    for name in ("srun", "sbatch"):
        (tmp_path / name).write_text(FAKE.format(folder=tmp_path))
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    options = {"partition": "gpu", "time": 90, "mem_gb": 4, "signal_delay_s": 120}
    engine = SlurmJobs(tmp_path / "slurm", 2, 3, 1, at_once=4, options=options)
    jobs = [Job(name, ["train"], tmp_path / "log.txt") for name in "abcde"]
    assert [handle.job_id for handle in engine.start(jobs)] == [f"12_{i}" for i in range(5)]
    lines = (tmp_path / "script.sh").read_text().splitlines()
    found = {line.removeprefix("#SBATCH --") for line in lines if line.startswith("#SBATCH")}
    wanted = {"partition=gpu", "time=90", "mem=4GB", "cpus-per-task=3", "gpus-per-node=1"}
    assert wanted | {"array=0-4%4", "signal=USR2@120"} <= found
    # One of the 5 at a time ends before SLURM kills it, and is queued again.
    assert any("submitit.core._submit" in line for line in lines)


def children(name: str) -> list[psutil.Process]:
    """The processes below this one whose command has a word."""
    return [each for each in psutil.Process().children(recursive=True) if name in words(each)]


def words(process: psutil.Process) -> list[str]:
    with suppress(psutil.NoSuchProcess):
        return process.cmdline()
    return []


def saved(run: GridRun) -> bool:
    return any(run.path.glob("checkpoints/step_*.ckpt"))


@pytest.mark.slow
def test_a_preempted_job_of_slurm_is_queued_again_and_goes_on(tmp_path, monkeypatch):
    whole = runs(tmp_path / "whole", 2000)
    run_grid(whole, progress=False)
    made = runs(tmp_path / "made", 2000)
    asked: list[int] = []

    def preempt() -> None:
        while not saved(made[0]):
            time.sleep(0.02)
        tasks = children("submitit.core._submit")
        asked.extend(task.pid for task in tasks)
        for task in tasks:
            task.send_signal(signal.SIGUSR2)

    thread = threading.Thread(target=preempt)
    thread.start()
    place = Place("slurm", slurm=["cluster=local"])
    assert run_grid(made, place=place) == []
    thread.join()
    assert len(asked) == 1
    log = "".join(path.read_text() for path in (tmp_path / "made" / "slurm").glob("*_log.out"))
    assert "Requeued job" in log
    said = (made[0].path / "log.txt").read_text()
    assert "ended by SIGTERM; a checkpoint was saved" in said
    same(whole[0], made[0])


@pytest.mark.slow
def test_a_job_of_slurm_that_fails_says_why(tmp_path):
    job = Job("bad", ["train", "--method", "no"], tmp_path / "log.txt")
    told: list[str] = []
    place = Place("slurm", slurm=["cluster=local"])
    assert place.run([job], 1, tmp_path, report=told.append) == [job]
    assert "no method is called 'no'" in told[-1] and told[0] == "bad: started"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_runs_of_a_lost_node_of_ray_go_on_elsewhere(tmp_path, monkeypatch):
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    whole = runs(tmp_path / "whole", 4000, "0.5,0.9")
    run_grid(whole, progress=False)
    made = runs(tmp_path / "made", 4000, "0.5,0.9")
    size: dict[str, Any] = {"object_store_memory": 100 * 2**20}
    head = {"num_cpus": 0, "include_dashboard": False, **size}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    nodes = [cluster.add_node(num_cpus=1, **size) for _ in range(2)]
    lost: list[str] = []

    def lose() -> None:
        node = psutil.Process(nodes[0].all_processes["raylet"][0].process.pid)
        while not all(saved(run) for run in made):
            time.sleep(0.02)
        tree = [node, *node.children(recursive=True)]
        for each in tree:
            lost.extend(word for word in words(each) if word.endswith("-seed0"))
            each.kill()
        cluster.remove_node(nodes[0], allow_graceful=False)

    thread = threading.Thread(target=lose)
    thread.start()
    try:
        told: list[str] = []
        place = Place(f"ray:{cluster.address}")
        assert run_grid(made, report=told.append, place=place) == [], told
    finally:
        thread.join()
        cluster.shutdown()
    assert len(lost) == 1, "one run was on the lost node"
    for one, two in zip(whole, made, strict=True):
        same(one, two)


def test_a_task_forms_its_command_when_it_starts(tmp_path):
    made = runs(tmp_path, 40)[0]
    job = Job("a", made.words, tmp_path / "log.txt")
    assert "--resume" not in job.command and "--method" in job.command
    made.path.mkdir()
    (made.path / "config.yaml").touch()
    assert "--resume" in job.command
    task = RemoteTask(Job("bad", ["train", "--method", "no"], tmp_path / "log.txt"), 1)
    assert "no method is called 'no'" in task()
