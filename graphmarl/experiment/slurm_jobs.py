"""Jobs on SLURM through submitit: an array, queued again after a preemption or a timeout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from graphmarl.experiment.launcher import Job
from graphmarl.experiment.remote_task import RemoteTask

TIMEOUTS = 1_000
"""Times that a job may reach its time limit; it goes on from its checkpoint."""
LOCAL_MINUTES = 7 * 24 * 60
"""Time limit of submitit's processes on this machine, where nobody waits for a place."""
SHARED = ("timeout_min", "mem_gb", "name", "cluster")
"""Options of submitit that are not those of SLURM."""


class SlurmJobs:
    """Jobs as an array of SLURM; the nodes share the folders of this machine.

    Args:
        folder: holds what submitit writes.
        threads: threads of each process.
        cpus: cores of each job.
        gpus: GPUs of each job.
        at_once: number of jobs at a time.
        options: options of sbatch as submitit names them, such as `partition` and `time` (minutes);
            `cluster` is `slurm`, or `local` for submitit's processes on this machine.

    Raises:
        ImportError: submitit is not installed; names the extra.
        ValueError: an option that submitit does not know.
        RuntimeError: this machine has no SLURM.
    """

    def __init__(
        self,
        folder: Path,
        threads: int = 1,
        cpus: int = 1,
        gpus: int = 0,
        at_once: int = 1,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        try:
            import submitit
        except ImportError as error:
            text = "on=slurm needs submitit; install it by `pip install 'graphmarl[slurm]'`"
            raise ImportError(text) from error
        self.threads, options = threads, dict(options or {})
        cluster = options.pop("cluster", "slurm")
        limits: dict[str, Any] = {
            f"{each}_max_num_timeout": TIMEOUTS for each in ("slurm", "local")
        }
        self.executor = submitit.AutoExecutor(folder, cluster=cluster, **limits)
        named = {k if k in SHARED else f"slurm_{k}": v for k, v in options.items()}
        given: dict[str, Any] = {"name": "graphmarl", "slurm_array_parallelism": at_once} | named
        if cluster == "local":
            given.setdefault("timeout_min", LOCAL_MINUTES)
        try:
            self.executor.update_parameters(cpus_per_task=cpus, gpus_per_node=gpus, **given)
        except (AssertionError, NameError, TypeError, ValueError) as error:
            raise ValueError(f"slurm options: {' '.join(str(error).split())}") from error

    def start(self, jobs: Sequence[Job]) -> list[Any]:
        """Submit jobs, several as one array."""
        tasks = [RemoteTask(job, self.threads) for job in jobs]
        with self.executor.batch():
            handles = [self.executor.submit(task) for task in tasks]
        return handles

    def ended(self, job: Job, handle: Any) -> str | None:
        """How a job has failed; empty if it has finished, None while it runs."""
        from submitit.core.utils import UncompletedJobError

        if not handle.done():
            return None
        try:
            return handle.result()
        except UncompletedJobError as error:
            lines = str(error).strip().splitlines()
            return f"{lines[-1] if lines else type(error).__name__}, see {handle.paths.stderr}"

    def stop(self, handles: Sequence[Any]) -> None:
        """End jobs, which save a checkpoint."""
        for handle in handles:
            handle.cancel()
