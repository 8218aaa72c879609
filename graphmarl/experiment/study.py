"""The trials of a search: Optuna's study in a file of the folder, shared by processes."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from lightning.pytorch import Callback, LightningModule, Trainer

from graphmarl.experiment.config import Mode
from graphmarl.experiment.search_space import SearchSpace
from graphmarl.results.lock import LockedError, RunLock, claimed
from graphmarl.results.run import Run
from graphmarl.texts import Text

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.pruners import BasePruner
    from optuna.trial import FrozenTrial

Pruner = Literal["median", "hyperband", "none"]
"""Which trials are ended early: those under the median of the others, Hyperband's, or none."""
REPORTS = 20
"""Times at which the training return of a trial is compared with that of the others."""
WAIT_SECONDS = 0.05


def optuna_package() -> Any:
    """The package, which says warnings and errors only.

    Raises:
        ImportError: it is not installed; names the extra.
    """
    try:
        import optuna
    except ImportError as error:
        raise ImportError("tune needs optuna; install it by `pip install 'graphmarl[tune]'`") from (
            error
        )
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


@dataclass
class Taken:
    """A trial that this process works on.

    Args:
        trial: Optuna's trial.
        name: its name, with which the names of its run folders begin.
        choice: the values of its options.
        lock: the claim of the trial.
    """

    trial: Trial
    name: str
    choice: dict[str, Any]
    lock: RunLock


class Trials:
    """Trials of a search; several processes may take and finish them.

    Values are drawn by Optuna's tree-structured Parzen estimator from the seed, the number of the
    trial and the trials before, so that one process draws the same ones after an interruption.

    Args:
        folder: the folder of the search.
        space: the search space.
        mode: whether a larger or a smaller value is better.
        pruner: which trials are ended early.
        seed: seed of the values that are tried.
    """

    def __init__(
        self, folder: Path, space: SearchSpace, mode: Mode, pruner: Pruner, seed: int
    ) -> None:
        self.folder, self.space, self.mode, self.seed = folder, space, mode, seed
        self.optuna = optuna_package()
        self.distributions = {key: axis.distribution() for key, axis in space.axes.items()}
        self.pruner: BasePruner = {
            "median": self.optuna.pruners.MedianPruner(n_warmup_steps=REPORTS // 5),
            "hyperband": self.optuna.pruners.HyperbandPruner(max_resource=REPORTS),
            "none": self.optuna.pruners.NopPruner(),
        }[pruner]

    @contextmanager
    def study(self) -> Iterator[Study]:
        """The study, for this process alone."""
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = RunLock(self.folder, "study")
        while True:
            with suppress(LockedError):
                lock.__enter__()
                break
            time.sleep(WAIT_SECONDS)
        with lock_left(lock):
            self._repair()
            yield self.opened()

    def _repair(self) -> None:
        """Remove a line that was written in part, as when the disk was full."""
        file = self.folder / "study.log"
        lock = self.optuna.storages.journal.JournalFileOpenLock(str(file))
        lock.acquire()
        try:
            text = file.read_bytes() if file.exists() else b""
            if not text.endswith(b"\n") and text:
                os.truncate(file, text.rfind(b"\n") + 1)
        finally:
            lock.release()

    def opened(self) -> Study:
        """The study as the file has it."""
        journal = self.optuna.storages.journal
        file = self.folder / "study.log"
        lock = journal.JournalFileOpenLock(str(file))
        storage = self.optuna.storages.JournalStorage(journal.JournalFileBackend(str(file), lock))
        direction = "maximize" if self.mode == "max" else "minimize"
        return self.optuna.create_study(
            storage=storage,
            study_name=self.folder.name,
            load_if_exists=True,
            direction=direction,
            pruner=self.pruner,
        )

    def take(self, count: int, until: float) -> Taken | None:
        """A trial that a process has left behind, or a new one; None if there are enough.

        Args:
            count: number of trials.
            until: monotonic time after which none begins.
        """
        if time.monotonic() >= until:
            return None
        with self.study() as study:
            known = study.get_trials(deepcopy=False)
            left = [t for t in known if not t.state.is_finished()]
            left = [t for t in left if not claimed(self.folder, trial_name(t.number))]
            number = left[0].number if left else len(known)
            if number >= count:
                return None
            study.sampler = self.optuna.samplers.TPESampler(seed=self.seed + 1_000_003 * number)
            trial = self.optuna.Trial(study, left[0]._trial_id) if left else study.ask()
            # What an interrupted process has drawn already is the same again.
            drawn = {k: _suggest(trial, k, d) for k, d in self.distributions.items()}
            choice = {k: Text(v) if isinstance(v, str) else v for k, v in drawn.items()}
            lock = RunLock(self.folder, trial_name(number)).__enter__()
        return Taken(trial, trial_name(number), choice, lock)

    def finish(self, taken: Taken, state: str, value: float | None = None, why: str = "") -> None:
        """Record how a trial has ended.

        Args:
            taken: the trial.
            state: `complete`, `pruned` or `failed`.
            value: its value, if it is complete.
            why: why it has failed.
        """
        states = self.optuna.trial.TrialState
        known = {"complete": states.COMPLETE, "pruned": states.PRUNED, "failed": states.FAIL}
        with self.study() as study:
            if why:
                taken.trial.set_user_attr("error", why)
            study.tell(taken.trial, value, known[state])

    def choice(self, number: int) -> dict[str, Any]:
        """The values of a trial, by `part.option`.

        Args:
            number: its number.
        """
        return dict(self.opened().get_trials(deepcopy=False)[number].params)

    def table(self, metric: str) -> pd.DataFrame:
        """One row for each trial: its number, state, value, options and error.

        Args:
            metric: name of the value.
        """
        rows = [self._row(each, metric) for each in self.opened().get_trials(deepcopy=False)]
        names = ["trial", "state", metric, *self.space.axes, "error"]
        return pd.DataFrame(rows, columns=pd.Index(names))

    def _row(self, trial: FrozenTrial, metric: str) -> dict[str, Any]:
        states = {"fail": "failed"}
        state = states.get(trial.state.name.lower(), trial.state.name.lower())
        row = {"trial": trial.number, "state": state, "error": trial.user_attrs.get("error", "")}
        # Optuna gives a pruned trial its last report, which is no evaluation.
        value = trial.value if state == "complete" else None
        return row | {metric: np.nan if value is None else value} | trial.params


class Reports(Callback):
    """Reports the training return of a run to Optuna, and ends a run that is pruned.

    Reports are at equal parts of the training, each the mean since the last one.

    Args:
        run: the run folder.
        trial: the trial.
        steps: environment steps of the run.
        sign: -1 where less of another metric is searched, of return more.
    """

    def __init__(self, run: Run, trial: Trial, steps: int, sign: float = 1.0) -> None:
        self.run, self.trial, self.steps, self.sign = run, trial, steps, sign
        self.pruned, self.part = False, 0

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Report if a part of the training is over."""
        collector: Any = trainer.datamodule  # type: ignore[attr-defined]
        part = REPORTS * collector.env_steps // self.steps
        if part in (0, self.part) or part >= REPORTS:
            return
        self.part = part
        known = self.trial.storage.get_trial(self.trial._trial_id).intermediate_values
        if part in known:
            return
        after = max(known, default=0) * self.steps / REPORTS
        rows = [row for row in self.run.metrics() if row["env_steps"] > after]
        returns = [row["return"] for row in rows if "return" in row]
        if not returns:
            return
        self.trial.report(self.sign * sum(returns) / len(returns), part)
        if self.trial.should_prune():
            self.trial.set_user_attr("pruned", True)
            self.pruned = trainer.should_stop = True


@contextmanager
def lock_left(lock: RunLock) -> Iterator[None]:
    """Leave a lock that was entered before, at the end of the block.

    Args:
        lock: the lock.
    """
    try:
        yield
    finally:
        lock.__exit__(None, None, None)


def trial_name(number: int) -> str:
    """Name of a trial, with which the names of its run folders begin.

    Args:
        number: its number.
    """
    return f"trial{number:04d}"


def _suggest(trial: Trial, key: str, distribution: Any) -> Any:
    """The value of an option; the one that it has already, if it has one."""
    if hasattr(distribution, "choices"):
        return trial.suggest_categorical(key, distribution.choices)
    suggest: Mapping[bool, Any] = {True: trial.suggest_int, False: trial.suggest_float}
    whole = isinstance(distribution.low, int)
    return suggest[whole](key, distribution.low, distribution.high, log=distribution.log)
