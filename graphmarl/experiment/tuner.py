"""The trials of a search of options: trained, evaluated and recorded in a folder."""

from __future__ import annotations

import math
import shlex
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from graphmarl.checks import check_choice, check_fields
from graphmarl.experiment.config import SIGNS, Mode
from graphmarl.experiment.evaluate import evaluate
from graphmarl.experiment.grid_runs import GridRun, Settings
from graphmarl.experiment.repeat import train_words
from graphmarl.experiment.search_space import SearchSpace, search_space
from graphmarl.experiment.study import Pruner, Reports, Taken, Trials, lock_left
from graphmarl.experiment.sweep import Cell
from graphmarl.ranges import Copies, Device, NonNegativeInt, PositiveInt, Seed, Threads
from graphmarl.results.export import as_csv
from graphmarl.results.run import Run, config_text

FIRST_SEED = 1_000
"""Seed of the first run of each trial, so that a comparison with seeds from 0 has other runs."""
EPISODES_SEED = 3_000_000
"""Seed of the episodes by which trials are compared, which are not those of `evaluate`."""


@dataclass(frozen=True)
class Search:
    """What a search is; trials, hours and processes may be others when it is continued.

    Args:
        method: the method, with options.
        env: the environment, with options.
        graph: the graph builder, with options; None for the method's own.
        vary: what is searched, as in `tune`.
        seeds: runs of each trial.
        steps: environment steps of each run.
        episodes: number of episodes of each evaluation.
        metric: `return`, `length` or a metric of the environment.
        mode: whether a larger or a smaller value of it is better.
        pruner: which trials are ended early.
        seed: seed of the values that are tried.
        checkpoint_every: environment steps between checkpoints.
        evaluate_every: environment steps between evaluations during training; 0 for none.
        device: device of networks, replay and environments.
        threads: threads of PyTorch in each process.
    """

    method: str
    env: str
    graph: str | None
    vary: tuple[str, ...]
    seeds: PositiveInt = 1
    steps: PositiveInt = 80_000
    episodes: Copies = 32
    metric: str = "return"
    mode: Mode = "max"
    pruner: Pruner = "median"
    seed: Seed = 0
    checkpoint_every: PositiveInt = 5_000
    evaluate_every: NonNegativeInt = 0
    device: Device = "cpu"
    threads: Threads | None = 1

    def __post_init__(self) -> None:
        check_fields(self)

    def space(self) -> SearchSpace:
        """The search space, checked.

        Raises:
            ValueError: a name, range or value that is not allowed.
        """
        return search_space(self.method, self.env, self.graph, self.vary)

    def settings(self) -> Settings:
        """Settings of the runs."""
        return Settings(
            self.steps,
            self.episodes,
            self.checkpoint_every,
            self.device,
            self.threads,
            self.evaluate_every,
            self.metric,
            self.mode,
        )

    def metrics(self, space: SearchSpace) -> list[str]:
        """The metrics of an episode that the environment has.

        Args:
            space: the search space.
        """
        first = {key: axis.examples()[0] for key, axis in space.axes.items()}
        environment = space.cell("trial", first).config().environment(num_envs=1)
        try:
            info = environment.reset(0).info
        finally:
            environment.close()
        own = [name for name, value in info.items() if value.ndim == 1]
        return ["return", "length", *own]

    def check_metric(self, space: SearchSpace) -> None:
        """Refuse a metric that the environment does not have.

        Args:
            space: the search space.

        Raises:
            ValueError: names the metrics there are.
        """
        check_choice("metric", self.metric, self.metrics(space))

    def keep(self, folder: Path, space: SearchSpace) -> None:
        """Write it into its folder, or compare it with what is there.

        Args:
            folder: the folder of the search.
            space: its search space.

        Raises:
            ValueError: the environment has no such metric, or the folder is of another search.
        """
        self.check_metric(space)
        text = yaml.safe_dump(asdict(self) | {"vary": list(self.vary)}, sort_keys=False)
        path = folder / "tune.yaml"
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            Run(folder).write(path.name, text)
        found, wanted = yaml.safe_load(path.read_text()), yaml.safe_load(text)
        for name in wanted:
            if found.get(name) != wanted[name]:
                raise ValueError(
                    f"{folder} was made with {name} {found.get(name)}, not {wanted[name]}; "
                    "choose another name"
                )


class Tuner:
    """Makes the trials of a search.

    Args:
        search: the search.
        space: its search space.
        folder: its folder.
    """

    def __init__(self, search: Search, space: SearchSpace, folder: Path) -> None:
        self.search, self.space, self.folder = search, space, folder
        self.trials = Trials(folder, space, search.mode, search.pruner, search.seed)

    def work(self, count: int, hours: float | None = None, progress: bool = False) -> None:
        """Take trials and make them until there are enough.

        Args:
            count: number of trials.
            hours: begin none after so many hours.
            progress: show progress bars.
        """
        until = math.inf if hours is None else time.monotonic() + 3600 * hours
        while (taken := self.trials.take(count, until)) is not None:
            with lock_left(taken.lock):
                self._make(taken, progress)
                with self.trials.study():
                    self._write()

    def _make(self, taken: Taken, progress: bool) -> None:
        """Train and evaluate a trial, and record it."""
        try:
            value = self._value(taken, progress)
        except (ArithmeticError, MemoryError, RuntimeError, ValueError) as error:
            # Options that do not go together or diverge are a result of the search.
            why = " ".join(str(error).split()) or type(error).__name__
            self.trials.finish(taken, "failed", why=why)
            print(f"{taken.name}: failed ({why})", flush=True)
            return
        self.trials.finish(taken, "pruned" if value is None else "complete", value)
        text = "pruned" if value is None else f"{self.search.metric} {value:.6g}"
        print(f"{taken.name}: {text}", flush=True)

    def _value(self, taken: Taken, progress: bool) -> float | None:
        """Mean over the seeds; None for a trial that is pruned."""
        cell = self.space.cell(taken.name, taken.choice)
        values = []
        for number in range(self.search.seeds):
            known = taken.trial.user_attrs
            if known.get("pruned"):
                return None
            if f"seed{number}" not in known:
                run = GridRun(cell, FIRST_SEED + number, self.folder, self.search.settings())
                run.check()
                value = self._run(taken, run, number, progress)
                if value is None:
                    return None
                taken.trial.set_user_attr(f"seed{number}", value)
            values.append(taken.trial.user_attrs[f"seed{number}"])
        return sum(values) / len(values)

    def _run(self, taken: Taken, run: GridRun, number: int, progress: bool) -> float | None:
        """Train and evaluate one run; None if it was pruned."""
        search = self.search
        sign = -1.0 if search.mode == "min" and search.metric != "return" else 1.0
        reports = Reports(Run(run.path), taken.trial, search.steps, sign)
        made = run.trained(progress, [reports] if number == 0 else [])
        if reports.pruned:
            made.write("ended.txt", made.ended().replace("stopped by a callback", "pruned") + "\n")
            return None
        found = evaluate(
            made,
            search.episodes,
            seed=EPISODES_SEED,
            checkpoint="best" if search.evaluate_every else None,
            device=search.device,
        )
        return found.means()[search.metric]

    def _write(self) -> pd.DataFrame:
        """Write the table and the best configuration."""
        table, folder = self.trials.table(self.search.metric), Run(self.folder)
        folder.write("trials.csv", as_csv(table))
        if self.best(table) is not None:
            folder.write("best.yaml", config_text(self.best_config(table)))
        return table

    def best(self, table: pd.DataFrame) -> int | None:
        """Number of the best trial, the first of several equal ones; None if none is complete.

        Args:
            table: the trials.
        """
        values = table[self.search.metric].to_numpy(float)
        sign = SIGNS[self.search.mode]
        found = [(sign * v, -n) for v, n in zip(values, table["trial"], strict=True) if v == v]
        return -max(found)[1] if found else None

    def best_cell(self, name: str, table: pd.DataFrame) -> Cell:
        """The combination of the best trial.

        Args:
            name: name of its runs.
            table: the trials.

        Raises:
            RuntimeError: no trial is complete.
        """
        best = self.best(table)
        if best is None:
            raise RuntimeError(f"no trial of {self.folder} is complete; see trials.csv")
        return self.space.cell(name, self.trials.choice(best))

    def best_config(self, table: pd.DataFrame) -> dict[str, Any]:
        """The configuration of the best trial, with the seed 0.

        Args:
            table: the trials.
        """
        name = f"trial{self.best(table):04d}-seed{FIRST_SEED}"
        return Run(self.folder / name).config() | {"seed": 0}

    def result(self) -> pd.DataFrame:
        """The trials; prints the best one and its command.

        Raises:
            RuntimeError: no trial is complete.
        """
        with self.trials.study():
            table = self._write()
        best = self.best(table)
        if best is None:
            raise RuntimeError(f"no trial of {self.folder} is complete; see trials.csv")
        row = table.set_index("trial").loc[best]
        values = ", ".join(f"{key}={row[key]}" for key in self.space.axes)
        print(f"best is trial {best}, {self.search.metric} {row[self.search.metric]:.6g}: {values}")
        print(shlex.join(["graphmarl", *train_words(self.best_config(table))]))
        print(self.folder / "trials.csv", self.folder / "best.yaml")
        return table
