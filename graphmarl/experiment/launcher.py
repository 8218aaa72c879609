"""Commands in processes of their own, a few at a time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from graphmarl.experiment.interrupts import PARENT, SIGNALS, Terminated, handled

GRACE_SECONDS = 20.0
"""Seconds between the signals that terminate and kill a process."""


@dataclass(frozen=True)
class Job:
    """One command of `graphmarl`.

    Args:
        name: name in messages.
        words: the command and its options.
        log: file to which its output is appended.
    """

    name: str
    words: Sequence[str]
    log: Path


def run_jobs(
    jobs: Sequence[Job], at_once: int, threads: int = 1, report: Callable[[str], Any] = print
) -> list[Job]:
    """Run all jobs; one that fails does not stop the others.

    Ctrl-C ends the running jobs, which save a checkpoint, then raises KeyboardInterrupt; SIGTERM
    and SIGHUP raise `Terminated`. Jobs also end if this process is killed. For the main thread
    only, which alone receives signals.

    Args:
        jobs: the jobs, in order.
        at_once: number of processes at a time.
        threads: threads of each process.
        report: called with a line when a job starts, finishes or fails.

    Returns:
        the jobs that failed.
    """
    waiting, failed = list(jobs), []
    running: list[tuple[Job, subprocess.Popen[bytes]]] = []
    before = handled(SIGNALS[1:])
    for number in before:
        signal.signal(number, _terminate)
    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                job = waiting.pop(0)
                running.append((job, _start(job, threads)))
                report(f"{job.name}: started")
            time.sleep(0.05)
            for job, process in [each for each in running if each[1].poll() is not None]:
                running.remove((job, process))
                left = len(waiting) + len(running)
                if process.returncode:
                    failed.append(job)
                    report(f"{job.name}: failed ({_reason(process, job)}), {left} to go")
                else:
                    report(f"{job.name}: finished, {left} to go")
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _stop([process for _, process in running])
    return failed


def _terminate(number: int, frame: object) -> NoReturn:
    """Stop the jobs as well as this process."""
    raise Terminated(f"ended by {signal.Signals(number).name}; the runs are saved", number)


def _start(job: Job, threads: int) -> subprocess.Popen[bytes]:
    """A process with the import path of this one."""
    job.log.parent.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path or "." for path in sys.path)}
    environment |= {"OMP_NUM_THREADS": str(threads), PARENT: str(os.getpid())}
    command = [sys.executable, "-m", "graphmarl", *job.words]
    with open(job.log, "ab") as log:
        # A terminal's signals reach this process alone, which passes on one of them.
        return subprocess.Popen(
            command,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _reason(process: subprocess.Popen[bytes], job: Job) -> str:
    """How a process ended, and where its output is."""
    code = process.returncode
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
