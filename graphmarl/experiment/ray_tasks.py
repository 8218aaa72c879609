"""Jobs on a Ray cluster: one task a job, which another node takes over if its own is lost."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from typing import Any

from graphmarl.experiment.launcher import Job
from graphmarl.experiment.remote_task import RemoteTask

RETRIES = 10
"""Times that a job is begun again whose worker or node was lost."""


class RayTasks:
    """Jobs as tasks of Ray; the nodes share the folders of this machine.

    Args:
        address: address of the cluster. Without it that of the environment variable `RAY_ADDRESS`,
            or the one that `ray start` has begun on this machine, or a new one of this machine.
        threads: threads of each process.
        cpus: cores of each job.
        gpus: GPUs of each job.

    Raises:
        ImportError: Ray is not installed; names the extra.
        ConnectionError: there is no cluster at the address.
    """

    def __init__(
        self, address: str | None = None, threads: int = 1, cpus: int = 1, gpus: int = 0
    ) -> None:
        # Ray reads it when it is imported; nothing is reported to its makers.
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        try:
            import ray
        except ImportError as error:
            text = "on=ray needs ray; install it by `pip install 'graphmarl[ray]'`"
            raise ImportError(text) from error
        self.ray: Any = ray
        self.threads, self.mine = threads, not ray.is_initialized()
        if self.mine:
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
        self.remote: Any = ray.remote(num_cpus=cpus, num_gpus=gpus, max_retries=RETRIES)(run_task)

    def start(self, jobs: Sequence[Job]) -> list[Any]:
        """Submit a task for each job."""
        return [self.remote.remote(RemoteTask(job, self.threads)) for job in jobs]

    def ended(self, job: Job, handle: Any) -> str | None:
        """How a job has failed; empty if it has finished, None while it runs."""
        if not self.ray.wait([handle], timeout=0)[0]:
            return None
        try:
            return self.ray.get(handle)
        except self.ray.exceptions.RayError as error:
            return " ".join(str(error).split()) or type(error).__name__

    def stop(self, handles: Sequence[Any]) -> None:
        """End jobs, which save a checkpoint, and leave a cluster that was joined or begun here."""
        for handle in handles:
            self.ray.cancel(handle, force=True)
        if self.mine:
            self.ray.shutdown()


def run_task(task: RemoteTask) -> str:
    """What Ray runs.

    Args:
        task: the task.
    """
    return task()
