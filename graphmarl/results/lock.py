"""Claim of a run folder: one process writes it at a time, also where hosts share a file system."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
import uuid
from _thread import interrupt_main
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
from filelock import FileLock, Timeout

BEAT_SECONDS = 10.0
"""Seconds between the signs of life of a claim."""
STALE_SECONDS = 180.0
"""Age of the last sign of life of a process on another host after which it counts as dead."""
DYING_SECONDS = 5.0
"""Seconds that a process of this host may take to end."""


class LockedError(OSError):
    """A run folder that another process writes."""


class RunLock:
    """Holds a run folder for this process.

    The claim is a file that is created exclusively, which is atomic on shared file systems too; it
    names process and host, and its time is renewed. It is taken over at once from a process of this
    host that has ended, and from another host when it was not renewed for three minutes. On one
    host a lock of the system decides as well.

    Args:
        path: the folder.
        name: name of the claim, for several in one folder.

    Raises:
        LockedError: on entry, if another process or thread holds it; the message says who.
    """

    def __init__(self, path: str | Path, name: str = "") -> None:
        self.path = Path(path)
        self.what = self.path / name if name else self.path
        self._lock = FileLock(self.path / f".lock{name and '-'}{name}", timeout=0)
        self._claim = self.path / f".claim{name and '-'}{name}"
        self._mine: dict[str, Any] = {}
        self._ended = threading.Event()

    def __enter__(self) -> RunLock:
        found = read_claim(self._claim)
        # The threads of a process that was killed may hold its files for a moment longer.
        patience = DYING_SECONDS if found is not None and _dead(self._claim, found) else 0.0
        try:
            self._lock.acquire(timeout=patience)
        except Timeout as error:
            raise self._locked(read_claim(self._claim)) from error
        try:
            self._mine = _identity()
            self._take()
        except BaseException:
            self._lock.release()
            raise
        self._ended.clear()
        self._beats = threading.Thread(target=self._beat, name="claim", daemon=True)
        self._beats.start()
        return self

    def __exit__(self, *error: Any) -> None:
        self._ended.set()
        self._beats.join()
        if read_claim(self._claim) == self._mine:
            self._claim.unlink(missing_ok=True)
        self._lock.release()

    def _locked(self, claim: dict[str, Any] | None) -> LockedError:
        holder = f"process {claim['pid']} on {claim['host']}" if claim else "another process"
        return LockedError(f"{self.what} is being written by {holder}")

    def _take(self) -> None:
        """Create the claim, also in the place of that of a dead process."""
        if self._create(self._claim):
            return
        with self._guard():
            if not self._remove_dead(self._claim) or not self._create(self._claim):
                raise self._locked(read_claim(self._claim))

    @contextmanager
    def _guard(self) -> Iterator[None]:
        """Only one process removes a claim of another one at a time."""
        guard = self._claim.with_name(f"{self._claim.name}-replaced")
        if not self._create(guard) and not (self._remove_dead(guard) and self._create(guard)):
            raise self._locked(read_claim(guard))
        try:
            yield
        finally:
            guard.unlink(missing_ok=True)

    def _remove_dead(self, path: Path) -> bool:
        """Remove the claim of a dead process; whether nothing is there any more."""
        found = read_claim(path)
        if not path.exists():
            return True
        if not _dead(path, found):
            return False
        aside = path.with_name(f"{path.name}.{self._mine['token']}")
        try:
            os.rename(path, aside)
        except FileNotFoundError:
            return True
        same = read_claim(aside) == found
        if not same:  # its holder released it, and another process has claimed the folder since
            with suppress(FileExistsError):
                os.link(aside, path)
        aside.unlink()
        return same

    def _create(self, path: Path) -> bool:
        """Write the identity of this process into a new file; whether there was none."""
        try:
            number = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
        except FileExistsError:
            return False
        with open(number, "w") as file:
            file.write(json.dumps(self._mine))
        return True

    def _beat(self) -> None:
        """Renew the time of the claim; end this process's training if it has lost the claim."""
        while not self._ended.wait(BEAT_SECONDS):
            with suppress(OSError):  # a file system that is away for a moment
                found = read_claim(self._claim)
                if found is not None and found != self._mine:
                    # This process was stopped for so long that another one has taken over.
                    interrupt_main(signal.SIGTERM)
                    return
                os.utime(self._claim)


def claimed(path: str | Path, name: str = "") -> bool:
    """Whether a live process holds a folder.

    Args:
        path: the folder.
        name: name of the claim.
    """
    claim = Path(path) / f".claim{name and '-'}{name}"
    return claim.exists() and not _dead(claim, read_claim(claim))


def read_claim(path: Path) -> dict[str, Any] | None:
    """Who holds a claim; None if there is no claim, or if it is being written.

    Args:
        path: the file of the claim.
    """
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and {"host", "pid"} <= found.keys() else None


def _identity() -> dict[str, Any]:
    """This process, as no other one is called, also after a reboot."""
    started = psutil.Process().create_time()
    return _host() | {"pid": os.getpid(), "started": started, "token": uuid.uuid4().hex}


def _host() -> dict[str, str]:
    boot = Path("/proc/sys/kernel/random/boot_id")
    return {"host": socket.gethostname(), "boot": boot.read_text().strip() if boot.exists() else ""}


def _dead(path: Path, claim: dict[str, Any] | None) -> bool:
    """Whether the process that wrote a claim is known to have ended, or gives no sign of life."""
    if claim is not None and claim["host"] == _host()["host"]:
        return claim.get("boot") != _host()["boot"] or not _runs(claim["pid"], claim.get("started"))
    try:
        return _now(path.parent) - path.stat().st_mtime > STALE_SECONDS
    except FileNotFoundError:
        return True


def _runs(pid: int, started: float | None) -> bool:
    """Whether a process of this host runs."""
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        return started is None or abs(process.create_time() - started) < 2
    except psutil.NoSuchProcess:
        return False


def _now(folder: Path) -> float:
    """The time by the clock of a file system, which may not be that of this host."""
    probe = folder / f".clock-{uuid.uuid4().hex}"
    try:
        probe.touch()
        return probe.stat().st_mtime
    except OSError:  # read-only
        return time.time()
    finally:
        probe.unlink(missing_ok=True)
