"""Commands in processes of their own, a few at a time."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, Protocol, runtime_checkable

from graphmarl.experiment.interrupts import SIGNALS, Terminated, child_environment, handled

GRACE_SECONDS = 20.0
"""Seconds between the signals that terminate and kill a process."""


@dataclass(frozen=True)
class Job:
    """One command of `graphmarl`.

    Args:
        name: name in messages.
        words: the command and its options, or what tells them when the job starts.
        log: file to which its output is appended.
    """

    name: str
    words: Sequence[str] | Callable[[], Sequence[str]]
    log: Path

    @property
    def command(self) -> list[str]:
        """The command of this machine's Python."""
        words = self.words() if callable(self.words) else self.words
        return [sys.executable, "-m", "graphmarl", *words]


@runtime_checkable
class Engine(Protocol):
    """Where jobs run."""

    def start(self, jobs: Sequence[Job]) -> list[Any]:
        """Start jobs; returns a handle of each."""
        ...

    def ended(self, job: Job, handle: Any) -> str | None:
        """How a job has failed; empty if it has finished, None while it runs."""
        ...

    def stop(self, handles: Sequence[Any]) -> None:
        """End jobs, which save a checkpoint."""
        ...


class Processes:
    """Jobs as processes of this machine.

    Args:
        threads: threads of each process.
    """

    def __init__(self, threads: int = 1) -> None:
        self.threads = threads

    def start(self, jobs: Sequence[Job]) -> list[subprocess.Popen[bytes]]:
        """Start a process for each job."""
        return [_start(job, self.threads) for job in jobs]

    def ended(self, job: Job, handle: subprocess.Popen[bytes]) -> str | None:
        """How a process has failed; empty if it has finished, None while it runs."""
        if handle.poll() is None:
            return None
        return failure(handle.returncode, job) if handle.returncode else ""

    def stop(self, handles: Sequence[subprocess.Popen[bytes]]) -> None:
        """Terminate processes, and kill those that do not end."""
        _stop(handles)


def run_jobs(
    jobs: Sequence[Job],
    at_once: int,
    threads: int = 1,
    report: Callable[[str], Any] = print,
    engine: Engine | None = None,
) -> list[Job]:
    """Run all jobs; one that fails does not stop the others.

    Ctrl-C ends the running jobs, which save a checkpoint, then raises KeyboardInterrupt; SIGTERM
    and SIGHUP raise `Terminated`. Jobs also end if this process is killed. For the main thread
    only, which alone receives signals.

    Args:
        jobs: the jobs, in order.
        at_once: number of jobs at a time.
        threads: threads of each process.
        report: called with a line when a job starts, finishes or fails.
        engine: where they run; processes of this machine without it.

    Returns:
        the jobs that failed.
    """
    engine = Processes(threads) if engine is None else engine
    waiting, failed = list(jobs), []
    running: list[tuple[Job, Any]] = []
    before = handled(SIGNALS[1:])
    for number in before:
        signal.signal(number, _terminate)
    try:
        while waiting or running:
            batch, waiting = split(waiting, at_once - len(running))
            if batch:
                running += zip(batch, engine.start(batch), strict=True)
            for job in batch:
                report(f"{job.name}: started")
            time.sleep(0.05)
            for job, handle in list(running):
                reason = engine.ended(job, handle)
                if reason is None:
                    continue
                running.remove((job, handle))
                failed += [job] if reason else []
                how = f"failed ({reason})" if reason else "finished"
                report(f"{job.name}: {how}, {len(waiting) + len(running)} to go")
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        engine.stop([handle for _, handle in running])
    return failed


def split(jobs: Sequence[Job], count: int) -> tuple[list[Job], list[Job]]:
    """The first jobs and the others.

    Args:
        jobs: the jobs.
        count: number of the first.
    """
    return list(jobs[:count]), list(jobs[count:])


def _terminate(number: int, frame: object) -> NoReturn:
    """Stop the jobs as well as this process."""
    raise Terminated(f"ended by {signal.Signals(number).name}; the runs are saved", number)


def _start(job: Job, threads: int) -> subprocess.Popen[bytes]:
    """A process with the import path of this one."""
    job.log.parent.mkdir(parents=True, exist_ok=True)
    with open(job.log, "ab") as log:
        # A terminal's signals reach this process alone, which passes on one of them.
        return subprocess.Popen(
            job.command,
            env=child_environment(threads),
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def failure(code: int, job: Job) -> str:
    """How a process has failed, and where its output is.

    Args:
        code: its status, or minus the signal that ended it.
        job: its job.
    """
    lines = job.log.read_text(errors="replace").strip().splitlines()
    ended = f"signal {-code}" if code < 0 else f"status {code}"
    return f"{ended}, {lines[-1]}" if lines and code > 0 else f"{ended}, see {job.log}"


def _stop(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """Terminate processes, and kill those that do not end."""
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + GRACE_SECONDS
    while any(process.poll() is None for process in processes) and time.monotonic() < deadline:
        time.sleep(0.05)
    for process in processes:
        process.kill()
        process.wait()
