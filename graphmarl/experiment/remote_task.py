"""A job on another machine that shares the folders of this one."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import suppress
from typing import Any

import psutil

from graphmarl.experiment.interrupts import child_environment
from graphmarl.experiment.launcher import GRACE_SECONDS, Job, failure
from graphmarl.results.lock import STALE_SECONDS, claimed

UNHEARD = 'trap "" USR1 USR2; exec "$@"'
"""Shell that starts a command which ignores the signals by which SLURM asks for a checkpoint; the
process that started it is asked, and ends it by SIGTERM."""


class RemoteTask:
    """Runs a job as a process, to its end; it is sent to where the job runs.

    A task that is made again after its machine was lost continues the run from its checkpoint: the
    command is formed when the task starts, once the process before holds the run no longer.

    Args:
        job: the job.
        threads: threads of the process.
    """

    def __init__(self, job: Job, threads: int) -> None:
        self.job, self.threads = job, threads
        self.folder, self.path = os.getcwd(), [path or "." for path in sys.path]
        self.process: int | None = None

    def __call__(self) -> str:
        """Run the job; returns how it has failed, or nothing."""
        os.chdir(self.folder)
        deadline = time.monotonic() + 2 * STALE_SECONDS
        while claimed(self.job.log.parent) and time.monotonic() < deadline:
            time.sleep(0.5)
        self.job.log.parent.mkdir(parents=True, exist_ok=True)
        with open(self.job.log, "ab") as log:
            process = subprocess.Popen(
                ["sh", "-c", UNHEARD, "sh", *self.job.command],
                env=child_environment(self.threads, self.path),
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.process = process.pid
        try:
            while process.poll() is None:
                time.sleep(0.1)
        except BaseException:
            self.end()
            raise
        return failure(process.returncode, self.job) if process.returncode else ""

    def end(self) -> None:
        """End the process, which saves a checkpoint; kill one that does not end."""
        number, self.process = self.process, None
        if number is None:
            return
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(number)
            process.terminate()
            deadline = time.monotonic() + GRACE_SECONDS
            while process.status() != psutil.STATUS_ZOMBIE and time.monotonic() < deadline:
                time.sleep(0.05)
            process.kill()

    def checkpoint(self) -> Any:
        """Called by submitit before SLURM ends the task: what is to be queued again."""
        from submitit.helpers import DelayedSubmission

        self.end()
        return DelayedSubmission(self)
