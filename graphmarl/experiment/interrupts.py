"""Signals that end a run: what was trained is saved first."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Sequence
from types import FrameType
from typing import Any

from graphmarl.envs.worker_signals import SIGNALS

PARENT = "GRAPHMARL_PARENT"
"""Environment variable with the process without which this one ends."""


def child_environment(
    threads: int | None = None, path: Sequence[str] | None = None
) -> dict[str, str]:
    """Environment variables of a process that ends with this one.

    Args:
        threads: its threads; those of this process without it.
        path: its import path; that of this process without it.
    """
    where = [each or "." for each in (sys.path if path is None else path)]
    found = {**os.environ, "PYTHONPATH": os.pathsep.join(where), PARENT: str(os.getpid())}
    return found if threads is None else found | {"OMP_NUM_THREADS": str(threads)}


class Terminated(SystemExit):
    """A run that was ended by SIGTERM or SIGHUP; its exit status is 128 + the signal.

    Args:
        message: what happened and what is kept, in one line.
        number: the signal.
    """

    def __init__(self, message: str, number: int) -> None:
        super().__init__(128 + number)
        self.message, self.status = message, 128 + number

    def __str__(self) -> str:
        return self.message


class InterruptedTrainingError(BaseException):
    """Ends Lightning's loop after a checkpoint was saved; `Interrupts` turns it into its signal.

    No `Exception`, so that code that reports errors, as of a file that is read, lets it pass.
    """


def handled(numbers: Sequence[int]) -> dict[int, Any]:
    """Handlers of signals, without those that are ignored (as under nohup) or not Python's.

    Args:
        numbers: the signals.
    """
    found = {number: signal.getsignal(number) for number in numbers}
    return {number: h for number, h in found.items() if h not in (signal.SIG_IGN, None)}


class Interrupts:
    """Handles SIGINT, SIGTERM and SIGHUP while a run is trained.

    The first signal sets `received`: the trainer saves a checkpoint after the current trajectory
    and raises `InterruptedTrainingError`. A second one ends the run at once, where it is. At the
    end of the block, SIGINT is raised as `KeyboardInterrupt`, the others as `Terminated`, and the
    handlers are those of before. Outside the main thread, which alone receives signals, nothing is
    changed; nor are signals that are ignored when the block begins.

    Attributes:
        received: the signal that arrived; None before.
        saved: whether a checkpoint was saved after it; its environment steps.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self.saved: int | None = None
        self.training = False
        self._before: dict[int, Any] = {}
        self._parent = os.environ.get(PARENT)

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():
            self._before = handled(SIGNALS)
            self.install()
        return self

    def install(self) -> None:
        """Set the handlers; Lightning replaces some when training starts."""
        for number in self._before:
            signal.signal(number, self._handle)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        first, self.received = self.received is None, number
        if not (first and self.training):
            raise InterruptedTrainingError

    def due(self) -> bool:
        """Whether the run has to end; also if the process that started it has ended."""
        if self.received is None and self._parent and str(os.getppid()) != self._parent:
            self.received = int(getattr(signal, "SIGHUP", signal.SIGTERM))
        return self.received is not None

    def __exit__(self, kind: type | None, error: BaseException | None, trace: Any) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if self.received is None or (
            error is not None and not isinstance(error, InterruptedTrainingError)
        ):
            return
        kept = "saved files are complete"
        if self.saved is not None:
            kept = f"a checkpoint was saved at {self.saved:,} environment steps"
        if self.received == signal.SIGINT:
            raise KeyboardInterrupt(f"interrupted; {kept}") from None
        name = signal.Signals(self.received).name
        raise Terminated(f"ended by {name}; {kept}", self.received) from None
