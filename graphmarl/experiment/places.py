"""Where the runs of an ablation or a search are made: here, on a Ray cluster, or on SLURM."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graphmarl.checks import check_fields
from graphmarl.experiment.launcher import Engine, Job, run_jobs
from graphmarl.experiment.ray_tasks import RayTasks
from graphmarl.experiment.slurm_jobs import SlurmJobs
from graphmarl.ranges import NonNegativeInt, PositiveInt
from graphmarl.texts import Text, from_text, shown


@dataclass(frozen=True)
class Place:
    """Where jobs run, with the resources of each.

    Args:
        on: `local` for processes of this machine, `ray` or `ray:ADDRESS`, or `slurm`.
        cpus: cores of each job, on Ray and SLURM; one without it.
        gpus: GPUs of each job, on Ray and SLURM; none without it.
        slurm: options of sbatch as submitit names them, as in `partition=gpu` and `time=60`.

    Raises:
        ValueError: no such place, or an option that it does not have.
    """

    on: str = "local"
    cpus: PositiveInt | None = None
    gpus: NonNegativeInt | None = None
    slurm: Sequence[str] = ()

    def __post_init__(self) -> None:
        check_fields(self)
        if self.on not in ("local", "ray", "slurm") and not self.on.startswith("ray:"):
            raise ValueError(f"on is {shown(self.on)}; allowed are local, ray, ray:ADDRESS, slurm")
        for name in ("cpus", "gpus"):
            if self.local and getattr(self, name) is not None:
                raise ValueError(f"{name} is an option of ray and slurm; on is local")
        if self.slurm and self.on != "slurm":
            raise ValueError(f"slurm is {shown(list(self.slurm))}; it needs on=slurm")
        self.options()

    @property
    def local(self) -> bool:
        """Whether jobs run on this machine, in processes or in this one."""
        return self.on == "local"

    def options(self) -> dict[str, Any]:
        """The options of sbatch.

        Raises:
            ValueError: not of the form `name=value`.
        """
        found = {}
        for text in self.slurm:
            name, equals, value = text.partition("=")
            if not equals or not name:
                raise ValueError(f"slurm is {shown(text)}; write name=value, as in partition=gpu")
            found[name.replace("-", "_")] = from_text(Text(value), int | str)
        return found

    def words(self) -> list[str]:
        """The options of the command line that stand for it."""
        words = ["--on", self.on]
        for name in ("cpus", "gpus"):
            value = getattr(self, name)
            words += [] if value is None else [f"--{name}", str(value)]
        return [*words, "--slurm", *self.slurm] if self.slurm else words

    def run(
        self,
        jobs: Sequence[Job],
        at_once: int,
        folder: Path,
        threads: int = 1,
        report: Callable[[str], Any] = print,
    ) -> list[Job]:
        """Run jobs, as `run_jobs` does.

        Args:
            jobs: the jobs.
            at_once: jobs at a time; 0 for as many as there are places.
            folder: of the jobs, for what an engine writes.
            threads: threads of each process.
            report: called with a line when a job starts, finishes or fails.

        Returns:
            the jobs that failed.

        Raises:
            ImportError: the package of the engine is not installed; names the extra.
        """
        if not jobs:
            return []
        at_once = at_once or len(jobs)
        return run_jobs(jobs, at_once, threads, report, self._engine(folder, threads, at_once))

    def _engine(self, folder: Path, threads: int, at_once: int) -> Engine | None:
        cpus, gpus = self.cpus or 1, self.gpus or 0
        if self.on == "slurm":
            folder = (folder / "slurm").resolve()
            return SlurmJobs(folder, threads, cpus, gpus, at_once, self.options())
        if self.on.startswith("ray"):
            return RayTasks(self.on.partition(":")[2] or None, threads, cpus, gpus)
        return None
