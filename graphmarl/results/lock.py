"""Lock of a run folder: one process writes it at a time."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout


class LockedError(OSError):
    """A run folder that another process writes."""


class RunLock:
    """Holds a run folder for this process; the system releases it when the process ends.

    Args:
        path: the run folder.

    Raises:
        LockedError: on entry, if another process or thread holds it; the message says who.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._lock = FileLock(self.path / ".lock", timeout=0)
        self._holder = self.path / ".lock_holder"

    def __enter__(self) -> RunLock:
        try:
            self._lock.acquire()
        except Timeout as error:
            holder = self._holder.read_text() if self._holder.exists() else "another process"
            raise LockedError(f"{self.path} is being written by {holder}") from error
        self._holder.write_text(f"process {os.getpid()} on {socket.gethostname()}")
        return self

    def __exit__(self, *error: Any) -> None:
        self._holder.unlink(missing_ok=True)
        self._lock.release()
