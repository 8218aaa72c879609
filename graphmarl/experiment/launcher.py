"""Many commands, a few at a time, each in its own process."""

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

PATIENCE = 20.0
"""Seconds that a process has to end by itself when it is asked to."""


@dataclass(frozen=True)
class Job:
    """One command of `graphmarl`.

    Args:
        name: what it is called.
        words: the command and its options.
        log: file that its output is appended to.
    """

    name: str
    words: Sequence[str]
    log: Path


def run_jobs(
    jobs: Sequence[Job], at_once: int, threads: int = 1, tell: Callable[[str], Any] = print
) -> list[Job]:
    """Run all jobs; one that fails does not stop the others.

    Ctrl-C and the signal SIGTERM end what is running, and then raise KeyboardInterrupt. For the
    main thread only, which alone is told of signals.

    Args:
        jobs: what to run, in order.
        at_once: how many processes there are at a time.
        threads: of each process.
        tell: is told what begins, ends and fails.

    Returns:
        the jobs that failed.
    """
    waiting, failed = list(jobs), []
    running: list[tuple[Job, subprocess.Popen[bytes]]] = []
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                job = waiting.pop(0)
                running.append((job, _start(job, threads)))
                tell(f"{job.name}: started")
            time.sleep(0.05)
            for job, process in [each for each in running if each[1].poll() is not None]:
                running.remove((job, process))
                left = len(waiting) + len(running)
                if process.returncode:
                    failed.append(job)
                    tell(f"{job.name}: failed ({_reason(process, job)}), {left} to go")
                else:
                    tell(f"{job.name}: finished, {left} to go")
    finally:
        signal.signal(signal.SIGTERM, before)
        _stop([process for _, process in running])
    return failed


def _interrupt(number: int, frame: object) -> NoReturn:
    """What ends this process must end those that it has started."""
    raise KeyboardInterrupt


def _start(job: Job, threads: int) -> subprocess.Popen[bytes]:
    """A process that imports what this one can import."""
    job.log.parent.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path or "." for path in sys.path)}
    environment["OMP_NUM_THREADS"] = str(threads)
    command = [sys.executable, "-m", "graphmarl.cli", *job.words]
    with open(job.log, "ab") as log:
        return subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)


def _reason(process: subprocess.Popen[bytes], job: Job) -> str:
    """How a process ended, and where to read more."""
    code = process.returncode
    lines = job.log.read_text(errors="replace").strip().splitlines()
    ended = f"signal {-code}" if code < 0 else f"status {code}"
    return f"{ended}, {lines[-1]}" if lines and code > 0 else f"{ended}, see {job.log}"


def _stop(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """Ask processes to end, and end those that do not."""
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + PATIENCE
    while any(process.poll() is None for process in processes) and time.monotonic() < deadline:
        time.sleep(0.05)
    for process in processes:
        process.kill()
        process.wait()
