"""`graphmarl ablate`: processes that fail or are killed, and the same command again."""

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from functools import wraps
from pathlib import Path

import pytest
import torch

import graphmarl.cli.commands
import graphmarl.cli.training
from graphmarl.cli import main
from graphmarl.envs import Hallway
from graphmarl.experiment import launcher as jobs
from graphmarl.experiment.grid_runs import Settings, run_grid, runs_of
from graphmarl.experiment.interrupts import Terminated
from graphmarl.experiment.sweep import Cell, grid
from graphmarl.results.run import Run
from graphmarl.results.tables import read_rows

SMALL = "rollout_length=5,minibatch_size=60"
WORDS = ["ablate", "--name", "n", "--method", f"ippo:{SMALL}", "--env", "toy:Toy", "--steps", "80"]
WORDS += ["--seeds", "1", "--episodes", "4", "--jobs", "2", "--checkpoint_every", "40"]
TIMES = ("steps_per_second", "minutes")
FEW = "ignore:.*results are of .* seed"


def without_times(path: Path) -> list[dict[str, str]]:
    return [{k: v for k, v in row.items() if k not in TIMES} for row in read_rows(path)]


@pytest.mark.slow
@pytest.mark.filterwarnings(FEW)
def test_a_killed_run_is_reported_and_the_same_command_goes_on(tmp_path, capsys, monkeypatch):
    began = jobs._start

    def kill_the_first(job: jobs.Job, threads: int) -> subprocess.Popen[bytes]:
        process = began(job, threads)
        if "gamma=0.5" in job.name:
            while process.poll() is None and not any(job.log.parent.glob("checkpoints/step*")):
                time.sleep(0.002)
            process.send_signal(signal.SIGKILL)
        return process

    many = [*WORDS, "--vary", "method.gamma=0.5", "--runs", str(tmp_path / "killed")]
    with monkeypatch.context() as patch:
        patch.setattr(jobs, "_start", kill_the_first)
        patch.setattr(graphmarl.cli.commands, "report_command", lambda words: None)
        assert main([*many, "--steps", "240"]) == 1
    said = capsys.readouterr()
    assert re.search(r"gamma=0.5-seed0: failed \(signal 9", said.out), said.out
    assert "gamma=0.5-seed0 failed, see" in said.err
    cells = grid([f"ippo:{SMALL}"], "toy:Toy", vary=["method.gamma=0.5,0.9"])
    for name in ("killed", "whole"):
        settings = Settings(240, 4, 40)
        assert run_grid(runs_of(cells, [0], tmp_path / name / "n", settings), progress=False) == []
        assert main(["report", str(tmp_path / name / "n")]) == 0
    killed, whole = (tmp_path / name / "n" for name in ("killed", "whole"))
    assert without_times(killed / "table.csv") == without_times(whole / "table.csv")
    path = "ippo_rollout_length=5_minibatch_size=60-none-method.gamma=0.5-seed0"
    one, two = ((folder / path / "metrics.csv").read_text() for folder in (killed, whole))
    assert one == two


def test_a_run_that_fails_does_not_stop_the_others(tmp_path, monkeypatch, capsys):
    log, words = tmp_path / "log.txt", ["train", "--method", "no"]
    short = [jobs.Job(name, words, log) for name in "ab"]
    ends = iter(("import sys; sys.exit('it broke')", "print('fine')"))

    def quick(job: jobs.Job, threads: int) -> subprocess.Popen[bytes]:
        with open(job.log, "ab") as file:
            return subprocess.Popen([sys.executable, "-c", next(ends)], stdout=file, stderr=file)

    monkeypatch.setattr(jobs, "_start", quick)
    told: list[str] = []
    assert jobs.run_jobs(short, 1, report=told.append) == short[:1]
    assert told == [
        "a: started",
        "a: failed (status 1, it broke), 1 to go",
        "b: started",
        "b: finished, 0 to go",
    ]


@pytest.fixture
def interruptible():
    """SIGINT has its handler: a shell starts what runs in the background with it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_ends_what_is_running(number, tmp_path, monkeypatch):
    sleeping: list[subprocess.Popen[bytes]] = []

    def sleep(job: jobs.Job, threads: int) -> subprocess.Popen[bytes]:
        sleeping.append(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]))
        return sleeping[-1]

    def interrupt(said: str) -> None:
        if len(sleeping) == 2:
            os.kill(os.getpid(), number)

    monkeypatch.setattr(jobs, "_start", sleep)
    expected = KeyboardInterrupt if number == signal.SIGINT else Terminated
    with pytest.raises(expected):
        jobs.run_jobs([jobs.Job(n, [], tmp_path / "log") for n in "abc"], 2, report=interrupt)
    assert [process.poll() for process in sleeping] == [-signal.SIGTERM] * 2


def test_the_commands_that_are_printed_are_commands(tmp_path, capsys, monkeypatch):
    words = [*WORDS, "--runs", str(tmp_path), "--print-commands"]
    words += ["--graphs", "none", "knn:k=2", "--vary", "graph.refresh=1,2", "--seeds", "2"]
    assert main(words) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 * 2 * 2 + 1 and not any(tmp_path.iterdir())
    called: list[dict] = []
    scored: list[int] = []
    run = Run("made")
    # What is read from its signature stays: `called` is what it is called with.
    train = wraps(graphmarl.cli.training.train)(lambda **given: called.append(given) or run)
    monkeypatch.setattr(graphmarl.cli.training, "train", train)
    monkeypatch.setattr(
        graphmarl.cli.training, "save_evaluation", lambda run, episodes: scored.append(episodes)
    )
    for line in lines[:-1]:
        program, *rest = shlex.split(line)
        assert program == "graphmarl" and main(rest) == 0
    assert scored == [4] * 8
    first, last = called[0], called[-1]
    assert first["graph"] == {"name": "none", "refresh": "1"} and first["seed"] == 0
    assert last["graph"] == {"name": "knn", "k": "2", "refresh": "2"} and last["seed"] == 1
    assert last["method"]["minibatch_size"] == "60" and last["threads"] == 1
    assert lines[-1] == f"graphmarl report {tmp_path / 'n'}"


@pytest.mark.filterwarnings(FEW)
def test_other_options_under_the_same_name_are_refused_and_new_cells_are_added(tmp_path, capsys):
    def made(vary: str, steps: int = 40) -> list:
        cells = grid([f"ippo:{SMALL}"], "toy:Toy", ["none"], [vary])
        return runs_of(cells, [0], tmp_path, Settings(steps, 4))

    run_grid(made("method.gamma=0.5"), progress=False)
    with pytest.raises(ValueError, match="was made with steps 40, not 80; choose another name"):
        made("method.gamma=0.5", 80)
    run_grid(made("method.gamma=0.9,0.5"), progress=False)
    assert main(["report", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert [row["method.gamma"] for row in read_rows(tmp_path / "table.csv")] == ["0.5", "0.9"]
    assert said.count("(one seed)") == 4, "mean and interquartile mean of both"
    other = Cell(made("method.gamma=0.5")[0].cell.name, "iql", "toy:Toy", "none")
    with pytest.raises(ValueError, match="was made with method .*'ippo'"):
        runs_of([other], [0], tmp_path, Settings(40, 4))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "the following arguments are required: --name"),
        ([*WORDS, "--seeds", "0"], "seeds is 0; allowed are whole numbers from 1"),
        ([*WORDS, "--jobs", "0"], "jobs is 0; allowed are whole numbers from 1"),
        ([*WORDS, "--steps", "0"], "steps is 0; allowed are whole numbers from 1"),
        ([*WORDS, "--policy", "best"], "choose from '?greedy'?, '?stochastic"),
        ([*WORDS, "--graphs", "kn"], "no graph is called 'kn'; there are"),
        ([*WORDS, "--vary", "k=3"], "write part.option=value,value where part is method"),
        ([*WORDS, "--sed", "3"], "--sed"),
    ],
)
def test_a_mistake_is_one_line(words, message, capsys):
    assert main(words or ["ablate"]) == 2
    said = capsys.readouterr().err
    assert re.search(message, said), said
    assert said.startswith("graphmarl ablate: ") and said.count("\n") == 1
    assert main(["report", "nowhere"]) == 2
    assert "nowhere holds no runs" in capsys.readouterr().err


class Counting(Hallway):
    """Its metrics: one of its own, and one that is called as a column of the evaluation."""

    def observe(self):
        seen = super().observe()
        number = torch.arange(len(self.time)).float()
        return seen | {
            "info": {"half_precision": self.time / 2, "steps": self.time * 10.0, "copy": number}
        }


def test_an_evaluation_keeps_all_metrics_and_none_replaces_a_column(tmp_path):
    words = ["train", "--method", f"ippo:{SMALL}", "--env", "test_ablate_command:Counting"]
    words += ["--steps", "40", "--progress", "false"]
    words += ["--runs", str(tmp_path), "--name", "a-seed0", "--evaluate", "4"]
    assert main(words) == 0
    for row in read_rows(tmp_path / "a-seed0" / "evaluation.csv"):
        assert float(row["half_precision"]) == pytest.approx(float(row["steps"]) / 2, abs=1e-3)
        assert float(row["info.steps"]) == pytest.approx(float(row["steps"]) * 10, abs=1e-2)
        # Of 0, 1, 2, 3: the mean is 1.5, the deviation 1.291, and Student's t with 3 degrees 3.182.
        assert float(row["copy.half_width"]) == pytest.approx(3.182 * 1.291 / 2, abs=1e-3)


def test_training_may_end_with_an_evaluation(tmp_path):
    words = ["train", "--method", f"ippo:{SMALL}", "--env", "toy:Toy", "--steps", "40"]
    words += ["--progress", "false", "--runs", str(tmp_path), "--name", "a-seed0"]
    assert main([*words, "--evaluate", "4"]) == 0
    rows = read_rows(tmp_path / "a-seed0" / "evaluation.csv")
    assert [row["policy"] for row in rows] == ["greedy", "stochastic"]
    assert main([*words[:-1], "b", "--evaluate", "0"]) == 2
    assert not (tmp_path / "b").exists()
