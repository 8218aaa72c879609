"""Data-parallel training: one run by several processes of this machine.

The environment copies are divided among the processes. Each has a replay and random numbers of its
own; gradients are averaged before every step of an optimiser. Process 0 is the one that calls
`train`; it starts the others, which read the configuration from their standard input.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import torch
import yaml
from lightning.pytorch.strategies import DDPStrategy

from graphmarl.experiment.interrupts import InterruptedTrainingError, child_environment
from graphmarl.functional.ranks import joined
from graphmarl.results.run import Run

GRACE_SECONDS = 20.0
"""Seconds that a process has to end by itself after process 0 has ended."""
READY = "ready"
"""Line that a process prints when it can join."""


class AveragedGradients(DDPStrategy):
    """Lightning's strategy of several processes, whose learners average gradients themselves.

    A training step has many updates with an optimiser step each, so that the module is not wrapped:
    `Learner.optimise` averages what an optimiser uses.
    """

    def configure_ddp(self) -> None:
        """Leave the module as it is."""


@contextmanager
def processes(run: Run, config: Mapping[str, Any]) -> Iterator[None]:
    """Start the other processes of a run and join them; nothing for one device.

    Args:
        run: the run folder, which holds what the others print.
        config: the configuration.

    Raises:
        RuntimeError: another process has failed; names the file that says why.
    """
    count = config["devices"]
    if count == 1:
        yield
        return
    port = _free_port()
    others = [_start(run, config, number, port) for number in range(1, count)]
    try:
        for number, process in enumerate(others, 1):
            if READY not in _line(process):
                raise RuntimeError(_reason(run, number))
        with _as_rank(0, count, port, config["threads"]):
            yield
        for number, process in enumerate(others, 1):
            if process.wait(GRACE_SECONDS):
                raise RuntimeError(_reason(run, number))
    finally:
        _end(others)


def _reason(run: Run, number: int) -> str:
    return f"process {number} of {run.path} has failed; see {_output(run, number)}"


def _output(run: Run, number: int) -> str:
    return str(run.path / f"process_{number}.txt")


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _start(run: Run, config: Mapping[str, Any], number: int, port: int) -> subprocess.Popen[bytes]:
    """Another process, with the import path of this one."""
    command = [sys.executable, "-m", __name__, str(run.path), str(number), str(port)]
    with open(_output(run, number), "ab") as errors:
        process = subprocess.Popen(
            command,
            env=child_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
        )
    assert process.stdin is not None, "a pipe"
    with suppress(BrokenPipeError), process.stdin:
        process.stdin.write(yaml.safe_dump(dict(config)).encode())
    return process


def _line(process: subprocess.Popen[bytes]) -> str:
    assert process.stdout is not None, "a pipe"
    return process.stdout.readline().decode()


def _end(others: list[subprocess.Popen[bytes]]) -> None:
    """Wait for processes, and kill those that do not end."""
    deadline = time.monotonic() + GRACE_SECONDS
    for process in others:
        with suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, deadline - time.monotonic()))
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


@contextmanager
def _as_rank(number: int, count: int, port: int, threads: int | None) -> Iterator[None]:
    """Be one process of several for `graphmarl.functional.ranks` and for Lightning."""
    # Lightning starts no processes itself where it finds the number of this one.
    names = {"LOCAL_RANK": str(number), "NODE_RANK": "0", "MASTER_PORT": str(port)}
    before = {name: os.environ.get(name) for name in names}
    os.environ |= names
    if threads is None:
        torch.set_num_threads(max(1, torch.get_num_threads() // count))
    try:
        with joined(number, count, port):
            yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value


def main() -> None:
    """Train as another process than the first."""
    path, number, port = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    config = yaml.safe_load(sys.stdin)
    # Here, so that it is imported while the other processes start as well.
    from graphmarl.experiment.train import train_as_rank

    print(READY, flush=True)
    threads, count = config["threads"], config["devices"]
    with suppress(InterruptedTrainingError), _as_rank(number, count, port, threads):
        train_as_rank(Run(path, trust=True), config)


if __name__ == "__main__":
    main()
