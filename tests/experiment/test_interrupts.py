"""Signals save a run; a run has one writer; what is not finite is never saved."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from toy import Toy

from graphmarl.cli import main
from graphmarl.experiment.finite import FiniteCheck
from graphmarl.experiment.interrupts import PARENT, SIGNALS, Interrupts, Terminated
from graphmarl.experiment.train import check_name, preserved, resume, train
from graphmarl.results.checkpoints import CheckpointError, load_checkpoint
from graphmarl.results.csv_table import LostRowsError, Table
from graphmarl.results.lock import LockedError, RunLock
from graphmarl.results.run import Run
from graphmarl.results.tables import read_rows

pytestmark = pytest.mark.usefixtures("unchecked")
SMALL: dict[str, Any] = {"name": "ippo", "rollout_length": 5, "minibatch_size": 60, "hidden": 8}


class Slow(Toy):
    """Interrupts the process once, in its 30th step."""

    signal, count = 0, 0

    def step(self, action: torch.Tensor) -> Any:
        Slow.count += 1
        if Slow.count == 30 and Slow.signal:
            os.kill(os.getpid(), Slow.signal)
        return super().step(action)


@pytest.fixture(autouse=True)
def interruptible():
    """SIGINT is ignored in what a shell runs in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def armed(number, monkeypatch):
    monkeypatch.setattr(Slow, "signal", number)
    monkeypatch.setattr(Slow, "count", 0)
    # Under nohup a process ignores SIGHUP, which training respects.
    before = signal.signal(number, signal.default_int_handler if number == 2 else signal.SIG_DFL)
    yield
    signal.signal(number, before)


def start(folder: Path, name: str, env: Any = "toy:Toy", steps: int = 400, **more: Any) -> Run:
    options = {"checkpoint_every": 100_000, "progress": False} | more
    return train(SMALL, env, steps=steps, runs=str(folder), name=name, **options)


@pytest.mark.parametrize(
    ("number", "ended"),
    [
        (signal.SIGINT, KeyboardInterrupt),
        (signal.SIGTERM, Terminated),
        pytest.param(signal.SIGHUP, Terminated, marks=pytest.mark.slow),
    ],
)
def test_a_signal_saves_and_the_run_goes_on_as_if_never_interrupted(number, ended, tmp_path, armed):
    before = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    with pytest.raises(ended, match="a checkpoint was saved at") as error:
        start(tmp_path, "broken", f"{__name__}:Slow")
    if isinstance(error.value, SystemExit):
        assert error.value.code == 128 + number
    assert before == [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    broken, whole = Run(tmp_path / "broken", trust=True), start(tmp_path, "whole")
    assert len(broken.saved()) == 1
    resume(broken, progress=False)
    one, two = (load_checkpoint(run.last())["state_dict"] for run in (broken, whole))
    assert all(torch.equal(one[name], two[name]) for name in two)
    assert (broken.path / "metrics.csv").read_text() == (whole.path / "metrics.csv").read_text()


@pytest.mark.parametrize(
    "number", [*(pytest.param(n, marks=pytest.mark.slow) for n in SIGNALS[:2]), signal.SIGHUP]
)
def test_exit_codes_of_the_command_line(number, tmp_path, capsys, armed):
    words = ["train", "--method", "ippo:rollout_length=5,minibatch_size=60,hidden=8", "--env"]
    words += [f"{__name__}:Slow", "--steps", "400", "--progress"]
    assert main([*words, "no", "--runs", str(tmp_path), "--name", "a"]) == 128 + number
    said = capsys.readouterr().err.strip()
    assert said.count("\n") == 0 and "a checkpoint was saved at" in said


def test_a_second_signal_ends_at_once_and_a_lost_parent_is_a_signal(monkeypatch):
    with pytest.raises(KeyboardInterrupt, match="saved files are complete"), Interrupts() as both:
        both.training = True
        signal.raise_signal(signal.SIGINT)
        assert both.due()
        signal.raise_signal(signal.SIGINT)
        raise AssertionError("not reached")
    monkeypatch.setenv(PARENT, "1" if os.getppid() != 1 else "2")
    with pytest.raises(Terminated, match="SIGHUP"), Interrupts() as orphan:
        assert orphan.due()


def test_signals_that_are_ignored_stay_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Interrupts() as interrupts:
            signal.raise_signal(signal.SIGHUP)
            assert not interrupts.due()
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_all_processes_saves_a_run_with_workers(number, tmp_path):
    pytest.importorskip("magent2")
    words = [sys.executable, "-m", "graphmarl", "train", "--method", "ippo:hidden=8", "--env"]
    words += ["gather:workers=2,num_envs=2", "--steps", "1_000_000", "--runs", str(tmp_path)]
    words += ["--name", "a", "--method.rollout_length", "8", "--progress", "no"]
    quiet = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(words, start_new_session=True, **quiet) as process:  # type: ignore[call-overload]
        while process.poll() is None and not (tmp_path / "a" / "metrics.csv").exists():
            time.sleep(0.05)
        os.killpg(process.pid, number)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 128 + number, said
    assert said.count("\n") == 1 and "a checkpoint was saved at" in said


def test_a_signal_while_a_checkpoint_is_read_is_no_damage(tmp_path, monkeypatch):
    run = start(tmp_path, "a", checkpoint_every=100)
    monkeypatch.setattr(torch, "load", lambda *_, **__: signal.raise_signal(signal.SIGTERM))
    with pytest.raises(Terminated, match="saved files are complete"):
        resume(run, steps=800, progress=False)


def test_a_refused_resumption_changes_nothing(tmp_path):
    run = start(tmp_path, "a", checkpoint_every=100)
    before = (run.path / "config.yaml").read_text()
    (run.path / "metrics.csv").write_text("env_steps\n")
    with pytest.raises(LostRowsError):
        resume(run, steps=800, progress=False)
    assert (run.path / "config.yaml").read_text() == before


def test_tables_hold_large_counts_and_any_names(tmp_path):
    table = Table(tmp_path / "a.csv")
    table.add({"env_steps": 123_456_789, "win, rate": 0.25})
    Table(table.path).add({"env_steps": 123_456_790, "win, rate": float("nan")})
    rows = read_rows(table.path)
    assert [row["env_steps"] for row in rows] == ["123456789", "123456790"]
    assert [row["win, rate"] for row in rows] == ["0.25", ""]


def test_signals_of_other_threads_are_left_alone():
    found: list[Any] = []

    def block() -> None:
        with Interrupts() as inside:
            found.append(inside.due())

    thread = threading.Thread(target=block)
    thread.start()
    thread.join()
    assert found == [False]


def test_a_second_writer_is_refused_and_told_who_writes(tmp_path):
    run = start(tmp_path, "a")
    text = "import sys, time; from graphmarl.results.lock import RunLock\n"
    text += "with RunLock(sys.argv[1]): print('held', flush=True); time.sleep(60)"
    with subprocess.Popen(
        [sys.executable, "-c", text, str(run.path)], stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        before = (run.path / "metrics.csv").read_bytes()
        with pytest.raises(LockedError, match=f"being written by process {other.pid} on "):
            resume(run, steps=800, progress=False)
        other.kill()
    assert (run.path / "metrics.csv").read_bytes() == before
    assert run.config()["steps"] == 400
    with RunLock(run.path):  # what a killed process held is free
        pass


@pytest.mark.parametrize("lost", [0, pytest.param(50, marks=pytest.mark.slow)])
def test_lost_rows_are_refused_and_never_padded(lost, tmp_path):
    run = start(tmp_path, "a")
    table = run.path / "metrics.csv"
    whole = table.read_bytes()
    table.unlink() if not lost else table.write_bytes(whole[:lost])
    with pytest.raises(LostRowsError, match=r"Rows are lost: restore the file, or resume with"):
        resume(run, steps=600, progress=False)
    resume(run, steps=600, progress=False, lost_rows=True)
    assert b"\0" not in table.read_bytes()
    assert run.metrics()[-1]["env_steps"] >= 600


def test_a_folder_without_a_checkpoint_is_used_again(tmp_path):
    with pytest.raises(ValueError, match="no legal"):
        start(tmp_path, "a", f"{__name__}:Stuck")
    assert (tmp_path / "a" / "config.yaml").exists()
    assert start(tmp_path, "a").metrics()
    with pytest.raises(FileExistsError, match="holds a run"):
        start(tmp_path, "a")


class Stuck(Toy):
    """Leaves its agents without a legal action."""

    def step(self, action: torch.Tensor) -> Any:
        step = super().step(action)
        return step.replace(available=torch.zeros_like(step.available))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../x", "/x", "a\\b", "a\nb", "x" * 201])
def test_names_stay_in_their_folder(name, tmp_path):
    with pytest.raises(ValueError, match="allowed are names of a folder"):
        train(SMALL, "toy:Toy", steps=20, runs=str(tmp_path), name=name)
    assert not list(tmp_path.iterdir())
    check_name("ippo-knn_k=3-seed0.b+c")


def test_default_names_never_collide(tmp_path, monkeypatch):
    class Still:
        @staticmethod
        def now() -> time.struct_time | Any:
            from datetime import datetime

            return datetime(2026, 1, 2, 3, 4, 5)

    monkeypatch.setattr("graphmarl.experiment.run_names.datetime", Still)
    for _ in range(3):
        train(SMALL, "toy:Toy", steps=20, runs=str(tmp_path), progress=False)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert [name.removeprefix("ippo-toy_Toy-none-seed0-20260102-030405") for name in names] == [
        "",
        "-2",
        "-3",
    ]


def test_more_steps_are_remembered_and_fewer_refused(tmp_path):
    run = start(tmp_path, "a", steps=100)
    resume(run, steps=200, progress=False)
    assert run.config()["steps"] == 200
    for steps in (100, 200):
        with pytest.raises(ValueError, match=f"steps is {steps}; .* already, allowed are more"):
            resume(run, steps=steps, progress=False)


@pytest.mark.parametrize(
    "words",
    [["--method", "iql"], ["--env.num_agents", "3"], ["--graph", "knn"], ["--config", "x"], []],
)
def test_resume_refuses_what_it_would_ignore(words, tmp_path, capsys):
    run = "" if not words else str(tmp_path)
    assert main(["train", "--resume", run, *words]) == 2
    said = capsys.readouterr().err
    assert "takes no" in said if words else "--resume is empty" in said


def test_settings_of_the_process_are_as_before(tmp_path):
    before, state = torch.get_num_threads(), torch.random.get_rng_state()
    start(tmp_path, "a", threads=before + 1, steps=20)
    assert torch.get_num_threads() == before
    assert torch.equal(torch.random.get_rng_state(), state)
    with preserved(before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before


@pytest.mark.parametrize("method", ["ippo", "iql", "ndq", "vpp"])
def test_what_is_not_finite_ends_the_run_and_keeps_the_last_checkpoint(method, tmp_path):
    from test_train import small

    chosen, env = small(method, learning_rate=99.0, max_grad_norm=1e30), f"{__name__}:Huge"
    options: Any = {"checkpoint_every": 20, "runs": str(tmp_path), "progress": False}
    with pytest.raises(FloatingPointError, match=r"not finite at .* environment steps: "):
        train(chosen, env, steps=2000, name="a", **options)
    for path in Run(tmp_path / "a").saved():
        weights = load_checkpoint(path)["state_dict"].values()
        assert all(torch.isfinite(each).all() for each in weights if each.is_floating_point())


@pytest.mark.parametrize("on_nan", ["stop", "warn"])
def test_the_message_names_the_parameter_the_step_and_the_checkpoint(on_nan, tmp_path):
    learned = torch.nn.ModuleDict({"layer": torch.nn.Linear(2, 1)})
    learned.metrics = {"td": float("nan"), "q": 1.0}  # type: ignore[assignment]
    with torch.no_grad():
        learned["layer"].weight[0, 1] = float("inf")  # type: ignore[operator]
    check = FiniteCheck(start(tmp_path, "a", steps=20), on_nan)
    words = r"not finite at 7 steps: td is nan, layer.weight is not finite; the last checkpoint is "
    words += r".*step_0+\d+\.ckpt"
    if on_nan == "stop":
        with pytest.raises(FloatingPointError, match=words):
            check.check(learned, "7 steps")
    else:
        with pytest.warns(UserWarning, match=words):
            check.check(learned, "7 steps")
        check.check(learned, "7 steps")  # once


class Huge(Toy):
    """Pays so much that losses overflow."""

    def step(self, action: torch.Tensor) -> Any:
        step = super().step(action)
        return step.replace(reward=step.reward * 1e30)


def test_bit_flips_and_other_runs_are_noticed(tmp_path):
    run = start(tmp_path, "a", steps=20)
    path = run.last()
    whole = path.read_bytes()
    generator = torch.Generator().manual_seed(0)
    for _ in range(40):
        place = int(torch.randint(len(whole), (), generator=generator))
        altered = bytearray(whole)
        altered[place] ^= 1 << int(torch.randint(8, (), generator=generator))
        path.write_bytes(altered)
        with pytest.raises(CheckpointError, match="altered|damaged"):
            load_checkpoint(path)
    path.write_bytes(whole)
    content = load_checkpoint(path)
    assert content["graphmarl"]["format"] == 2 and content["graphmarl"]["method"] == "ippo"
