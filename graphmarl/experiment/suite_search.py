"""What is searched before the runs of the named settings: by the kind of learner.

Every kind has a learning rate, an option of exploration and one of the number of optimiser steps,
so that the same number of trials covers spaces of the same dimension.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from graphmarl.checks import check_fields
from graphmarl.experiment.config import Named
from graphmarl.experiment.suite_types import TUNED, Benchmark
from graphmarl.experiment.sweep import PARTS, Cell, written
from graphmarl.experiment.tune_cells import Budget, search_cell
from graphmarl.experiment.tuner import FIRST_SEED, Search
from graphmarl.learners import A2C, DDPG, PPO, SAC, Dreamer, Learner, QLearning
from graphmarl.methods import find_method
from graphmarl.ranges import Copies, Device, PositiveInt
from graphmarl.resolver import split_name
from graphmarl.results.cells import TEAM
from graphmarl.results.export import as_csv
from graphmarl.results.run import Run

RANGES = {
    "learning_rate": "1e-4..1e-2:log",
    "model_learning_rate": "1e-4..1e-2:log",
    "entropy_coef": "1e-3..1:log",
    "exploration_fraction": "0.1..0.9",
    "alpha": "0.01..2:log",
    "regulariser": "1e-4..1e-1:log",
    "epochs": "1..10",
    "minibatch_size": "64..1024:log",
    "gradient_steps": "1..8:log",
}
"""Range of each option, the same for every learner that searches it."""
SEARCHED: dict[type[Learner], tuple[str, ...]] = {
    PPO: ("learning_rate", "entropy_coef", "epochs"),
    # Without a clipped ratio a trajectory is used once, in as many steps as it has minibatches.
    A2C: ("learning_rate", "entropy_coef", "minibatch_size"),
    QLearning: ("learning_rate", "exploration_fraction", "gradient_steps"),
    SAC: ("learning_rate", "alpha", "gradient_steps"),
    # The noise of DDPG acts on continuous actions only.
    DDPG: ("learning_rate", "regulariser", "gradient_steps"),
    Dreamer: ("model_learning_rate", "entropy_coef", "epochs"),
}
"""Options that are searched, by the nearest base class of a method."""
FILE = "tune_budget.yaml"
"""The budget of a folder, which all its settings share."""


def learner_ranges(method: type[Learner]) -> tuple[str, ...]:
    """The search space of a method, as `vary` of `tune`.

    Args:
        method: its class.

    Raises:
        ValueError: its learner is of no kind that has a search space.
    """
    for kind in method.__mro__:
        if kind in SEARCHED:
            return tuple(f"method.{name}={RANGES[name]}" for name in SEARCHED[kind])
    known = ", ".join(kind.__name__ for kind in SEARCHED)
    raise ValueError(
        f"{method.__name__} has no search space; those are of {known}: write --tune-vary"
    )


@dataclass(frozen=True)
class SuiteBudget:
    """A search of the same size for every setting of a task.

    Trials are not ended early, so that all have the same steps.

    Args:
        trials: trials of each setting.
        steps: environment steps of each trial.
        episodes: episodes of each evaluation.
        vary: ranges and lists of options, as in `tune`, of which a setting has those that are
            options of it; those of its learner without any.
        device: device of the trials.

    Raises:
        ValueError: a number that is not allowed.
    """

    trials: PositiveInt
    steps: PositiveInt
    episodes: Copies
    vary: Sequence[str] = field(default=())
    device: Device = "cpu"

    def __post_init__(self) -> None:
        check_fields(self)

    def searches(
        self,
        benchmark: Benchmark,
        settings: Mapping[str, Mapping[str, Any]],
        typed: Mapping[str, Sequence[Named | None]],
    ) -> dict[str, Search]:
        """The searches of settings, checked.

        Args:
            benchmark: has the metric, and whether less is better.
            settings: method, environment and graph of each, by name.
            typed: by name the parts of them that were typed, whose options are not searched.

        Raises:
            ValueError: a range that is not allowed, or that is of an option that no setting has; a
                setting that has none of them; an option that is searched and typed.
        """
        cells = [Cell(name, *(values[part] for part in PARTS)) for name, values in settings.items()]
        if self.vary:
            Budget(self.trials, self.vary).check([_with_graph(cell) for cell in cells])
        return {cell.name: self._search(benchmark, cell, typed[cell.name]) for cell in cells}

    def _search(self, benchmark: Benchmark, cell: Cell, typed: Sequence[Named | None]) -> Search:
        """The search of a setting, by the metric that its report compares."""
        vary = self._ranges(cell)
        varied = [text.partition("=")[0] for text in vary]
        for part, text in zip(PARTS, typed, strict=True):
            for option, value in split_name(text, part)[1].items() if text else ():
                if f"{part}.{option}" in varied:
                    raise ValueError(
                        f"{part}.{option} is {value} for {cell.name}, and is searched; "
                        "leave it out, or write --tune-vary with other options"
                    )
        search = Search(
            _without(cell.method, "method", varied),
            _without(cell.env, "env", varied),
            None if cell.graph is None else _without(cell.graph, "graph", varied),
            vary,
            steps=self.steps,
            episodes=self.episodes,
            mode="min" if benchmark.lower_is_better else "max",
            pruner="none",
            device=self.device,
            threads=None,
        )
        team = benchmark.metric is None and TEAM in search.metrics(search.space())
        return replace(search, metric=TEAM if team else benchmark.metric or "return")

    def _ranges(self, cell: Cell) -> tuple[str, ...]:
        """What is searched of a setting."""
        if not self.vary:
            return learner_ranges(find_method(split_name(cell.method, "method")[0]))
        if not (vary := Budget(self.trials, self.vary).of(_with_graph(cell))):
            raise ValueError(
                f"{cell.name} has none of the options of {', '.join(self.vary)}; "
                "allowed are settings that have one"
            )
        return vary

    def keep(self, folder: Path, seeds: Sequence[int]) -> None:
        """Write the budget into the folder of a task, or compare it with what is there.

        Args:
            folder: the folder.
            seeds: seeds of the runs.

        Raises:
            ValueError: settings of the folder had another budget, or a run has the seed of the
                trials.
        """
        if FIRST_SEED in seeds:
            raise ValueError(f"seeds have {FIRST_SEED}, that of the trials; allowed are others")
        ranges = [f"method.{name}={words}" for name, words in RANGES.items()]
        wanted = {"trials": self.trials, "steps": self.steps, "episodes": self.episodes}
        wanted |= {"vary": list(self.vary) or ranges}
        path = folder / FILE
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            Run(folder).write(FILE, yaml.safe_dump(wanted, sort_keys=False))
        found = yaml.safe_load(path.read_text())
        for name, value in wanted.items():
            if found.get(name) != value:
                raise ValueError(
                    f"settings of {folder} were tuned with {name} {found.get(name)}, not {value}; "
                    "choose other --runs"
                )

    def best(self, name: str, search: Search, folder: Path) -> Cell:
        """The setting with its best options, after the trials that are not made yet.

        The trials are in `tune-NAME`, and the best one is a row of `tuned.csv`.

        Args:
            name: name of the setting.
            search: its search.
            folder: the folder of the task.

        Returns:
            the setting, whose runs are called `NAME-tuned`.

        Raises:
            RuntimeError: no trial is complete.
        """
        cell, row = search_cell(name + TUNED, search, folder / f"tune-{name}", self.trials)
        path, rows = folder / "tuned.csv", pd.DataFrame([row])
        if path.exists():
            known = pd.read_csv(path)
            others = pd.DataFrame(known[known["cell"] != cell.name])
            rows = pd.concat([others, rows], ignore_index=True)
        Run(folder).write(path.name, as_csv(rows))
        return cell


def _with_graph(cell: Cell) -> Cell:
    """A setting with its graph builder, that of the method where it has none."""
    name, options = split_name(cell.method, "method")
    return replace(cell, graph=cell.graph or find_method(name).graph_for(options))


def _without(named: Named, part: str, varied: Sequence[str]) -> str:
    """A part of a setting without the options that are searched, as one word."""
    name, options = split_name(named, part)
    return written(name, {k: v for k, v in options.items() if f"{part}.{k}" not in varied})
