"""Evaluations of runs in files, CPU time of training, and the table, for `time_to_result.py`.

Nothing of graphmarl is imported here, as peers run in their own interpreters.
"""

from __future__ import annotations

import contextlib
import csv
import math
import os
import random
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from multiprocessing import active_children
from pathlib import Path
from typing import TextIO

Row = dict[str, str]

COLUMNS = ("side", "task", "seed", "seconds", "wall_seconds", "steps", "return", "greedy_return")
"""Columns of a file of evaluations."""
COLUMNS_OF = {
    "spread-15": "return",
    "vmas-navigation-3": "greedy_return",
    "sensor": "greedy_return",
}
"""Column of the policy that the peer of each task evaluates."""
PEER_OF = {"spread-15": "pic", "vmas-navigation-3": "benchmarl", "sensor": "ndq"}
"""The side of each task that sets the threshold."""
THRESHOLDS = {"sensor": 14.8}
"""Thresholds that do not depend on the peer."""


def cpu_seconds() -> float:
    """CPU time of this process and of its child processes, living and ended."""
    own = os.times()
    total = own.user + own.system + own.children_user + own.children_system
    for child in active_children():
        with contextlib.suppress(FileNotFoundError):
            fields = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()
            total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


class Record:
    """Evaluations of one side, task and seed, and the CPU time of training alone.

    A row is written when it is measured, to a file that gets its name when the run has ended.

    Args:
        folder: folder of the files.
        key: side, task and seed.
        minutes: CPU minutes of training.
        steps: environment steps of training; 0 for as many as there is time for.
        every: CPU seconds of training between evaluations.
        target: return at which training ends, as the mean of three evaluations; None for none.
        column: column of that return.
    """

    file: TextIO

    def __init__(
        self,
        folder: Path,
        key: tuple[str, str, int],
        minutes: float,
        steps: int,
        every: float,
        target: float | None = None,
        column: str = "return",
    ) -> None:
        self.path, self.key = folder / "{}-{}-{}.csv".format(*key), key
        self.minutes, self.limit, self.every, self.target = minutes, steps, every, target
        self.greedy = column == "greedy_return"
        self.returns: list[float] = []
        self.last = self.out = self.wall_out = 0.0

    def begin(self) -> None:
        """Training begins."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.file = self.path.with_suffix(".part").open("w")
        csv.writer(self.file).writerow(COLUMNS)
        self.begun, self.wall_begun = cpu_seconds(), time.perf_counter()

    @property
    def seconds(self) -> float:
        """CPU seconds of training."""
        return cpu_seconds() - self.begun - self.out

    def evaluate(self, steps: int, play: Callable[[], tuple[float, float]]) -> None:
        """Write a row if it is time for it.

        Args:
            steps: environment steps so far.
            play: gives mean returns of episodes, by the policy of training and the greedy one.
        """
        seconds = self.seconds
        if self.returns and seconds - self.last < self.every and not self.ended(steps):
            return
        before, wall_before = cpu_seconds(), time.perf_counter()
        self.last, wall = seconds, wall_before - self.wall_begun - self.wall_out
        sampled, greedy = play()
        numbers = (f"{seconds:.2f}", f"{wall:.2f}", steps, f"{sampled:.4f}", f"{greedy:.4f}")
        csv.writer(self.file).writerow((*self.key, *numbers))
        self.file.flush()
        self.returns.append(greedy if self.greedy else sampled)
        self.out += cpu_seconds() - before
        self.wall_out += time.perf_counter() - wall_before

    def ended(self, steps: int) -> bool:
        """Whether the time or the steps are over, or the target is reached.

        Args:
            steps: environment steps so far.
        """
        reached = self.target is not None and len(self.returns) > 2
        reached = reached and sum(self.returns[-3:]) / 3 >= (self.target or 0.0)
        over = self.limit > 0 and steps >= self.limit
        return reached or over or self.seconds >= 60 * self.minutes

    def close(self) -> None:
        """The run has ended; the file gets its name."""
        self.file.close()
        self.path.with_suffix(".part").rename(self.path)


@contextlib.contextmanager
def episodes_of(seed: int) -> Iterator[None]:
    """Seed the random numbers of Python, NumPy and PyTorch within, and restore them after.

    Args:
        seed: the seed.
    """
    np, torch = import_module("numpy"), import_module("torch")
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    set_seed(seed)
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.set_rng_state(states[2])


def set_seed(seed: int) -> None:
    """Seed the random numbers of Python, NumPy and PyTorch.

    Args:
        seed: the seed.
    """
    random.seed(seed)
    import_module("numpy").random.seed(seed)
    import_module("torch").manual_seed(seed)


def read(folder: Path) -> list[Row]:
    """Rows of all files of evaluations of a folder.

    Args:
        folder: the folder.
    """
    rows: list[Row] = []
    for path in sorted(folder.glob("*.csv")):
        with path.open(newline="") as file:
            rows += csv.DictReader(file)
    return rows


def curves(rows: Sequence[Row], task: str, side: str) -> list[list[tuple[float, float]]]:
    """Seconds and returns of every seed of a side, in order.

    Args:
        rows: evaluations.
        task: the task.
        side: the side.
    """
    chosen = [row for row in rows if row["task"] == task and row["side"] == side]
    column = COLUMNS_OF[task]
    return [
        [(float(r["seconds"]), float(r[column])) for r in chosen if int(r["seed"]) == seed]
        for seed in sorted({int(row["seed"]) for row in chosen})
    ]


def threshold(rows: Sequence[Row], task: str) -> float:
    """Return that all sides of a task shall reach.

    Args:
        rows: evaluations.
        task: the task.

    Raises:
        ValueError: the peer has no evaluations yet.
    """
    if task in THRESHOLDS:
        return THRESHOLDS[task]
    found = curves(rows, task, PEER_OF[task])
    if not found:
        raise ValueError(f"{task} has no evaluations of {PEER_OF[task]}; train it first")
    return statistics.mean(statistics.mean(x for _, x in curve[-3:]) for curve in found)


def reached(curve: Sequence[tuple[float, float]], level: float) -> float | None:
    """Seconds to a return; None if it was not reached.

    Args:
        curve: seconds and returns.
        level: the return.
    """
    for first, second, third in zip(curve, curve[1:], curve[2:], strict=False):
        if (first[1] + second[1] + third[1]) / 3 >= level:
            return first[0]
    return None


def table(rows: Sequence[Row]) -> str:
    """Seconds of every side to the threshold of its task, in Markdown.

    Args:
        rows: evaluations.
    """
    lines = ["| task | side | seconds of each seed | median | peer's median / its median |"]
    lines.append("| --- | --- | --- | --- | --- |")
    for task in sorted({row["task"] for row in rows}):
        level, medians = threshold(rows, task), {}
        sides = sorted(
            {r["side"] for r in rows if r["task"] == task}, key=lambda s: s != PEER_OF[task]
        )
        for side in sides:
            found = curves(rows, task, side)
            times = [reached(curve, level) for curve in found]
            texts = [
                f"{t:.0f}" if t is not None else f"not reached in {curve[-1][0]:.0f} s"
                for t, curve in zip(times, found, strict=True)
            ]
            median = statistics.median(float("inf") if t is None else t for t in times)
            medians[side] = median
            ratio = medians.get(PEER_OF[task], math.inf) / median
            written = f"{ratio:.2f}" if math.isfinite(ratio) else "-"
            middle = f"{median:.0f}" if math.isfinite(median) else "not reached"
            cells = (f"{task}, {level:.2f}", side, ", ".join(texts), middle, written)
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
