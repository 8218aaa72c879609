"""Presets: the named settings of the suite, for `train`, `ablate` and the command line."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import pandas as pd

from graphmarl.experiment.config import Named
from graphmarl.experiment.suite_types import Benchmark
from graphmarl.methods import find_method
from graphmarl.resolver import split_name

DEFAULTS: dict[str, Any] = {"method": "nvif_ppo", "env": "gather", "graph": None, "steps": 80_000}
"""What `train` takes where it is given neither a value nor a preset."""
NEAR = 3
"""Names that a message offers in place of an unknown one."""


class Preset(NamedTuple):
    """A setting of the suite.

    Args:
        name: `TASK/ROW`.
        method: the method with its options.
        env: the environment with its options.
        graph: the graph builder; the method's own without it.
        steps: environment steps.
    """

    name: str
    method: str
    env: str
    graph: str | None
    steps: int

    def shown_graph(self) -> str:
        """The graph builder, that of the method where the preset has none."""
        name, options = split_name(self.method, "method")
        return self.graph or find_method(name).graph_for(options)


def benchmarks() -> dict[str, Benchmark]:
    """The benchmarks of all families, by task."""
    from graphmarl.experiment.suite import SUITE  # here, as it imports the environments it names

    return {name: each for family in SUITE.values() for name, each in family.benchmarks.items()}


def find_task(task: str) -> Benchmark:
    """The benchmark of a task.

    Args:
        task: its name.

    Raises:
        ValueError: there is none; names the nearest.
    """
    known = benchmarks()
    if task not in known:
        near = _near(task, known)
        raise ValueError(f"no preset is called {task!r}{near}; `graphmarl presets` lists all")
    return known[task]


def find_preset(name: str, method: str | None = None) -> Preset:
    """The preset `TASK/ROW`, where the row may also be a method.

    Args:
        name: `TASK/ROW`, or `TASK` if the method is named or there is one row only.
        method: name of a method, or of a row, of the task.

    Raises:
        ValueError: there is none, or there are several; names what there is.
    """
    task, _, row = name.partition("/")
    found = find_task(task)
    if not row and method is None and len(found.settings) > 1:
        text = f"preset {task} has several settings; write {task}/NAME, or name a method"
        raise ValueError(f"{text}: {', '.join(found.settings)}")
    row = _row_of(task, found, row or method or next(iter(found.settings)))
    preset = _preset(task, found, row)
    of = split_name(preset.method, "method")[0]
    if "/" in name and method is not None and method not in (of, row):
        raise ValueError(
            f"preset {name} is of the method {of}, not {method}; "
            f"`--preset {task} --method {method}` is the setting of {method}"
        )
    return preset


def _row_of(task: str, found: Benchmark, wanted: str) -> str:
    """The row of a name, or that of a method."""
    rows = found.settings
    if wanted in rows:
        return wanted
    if wanted in found.preferred:
        return found.preferred[wanted]
    same = [name for name in rows if split_name(rows[name].method, "method")[0] == wanted]
    if len(same) == 1:
        return same[0]
    if same:
        text = f"preset {task} has several settings of {wanted}; name one of"
        raise ValueError(f"{text} {', '.join(f'{task}/{each}' for each in same)}")
    methods = {split_name(setting.method, "method")[0]: None for setting in rows.values()}
    near = _near(wanted, {**rows, **methods})
    raise ValueError(f"preset {task} has no setting of {wanted!r}{near}; it has {', '.join(rows)}")


def _near(name: str, known: Iterable[str]) -> str:
    """The nearest names, as a part of a message."""
    names = list(known)
    close = [each for each in names if name and name in each.split("-")]
    close = (close + difflib.get_close_matches(name, names, NEAR))[:NEAR]
    offered = " or ".join(dict.fromkeys(close))
    return f"; did you mean {offered}?" if close else ""


def _preset(task: str, found: Benchmark, row: str) -> Preset:
    setting = found.settings[row]
    env = found.env.format(reward=setting.reward)
    return Preset(f"{task}/{row}", setting.method, env, setting.graph, found.steps)


def with_preset(
    preset: str | None,
    method: Named | None = None,
    env: Named | None = None,
    graph: Named | None = None,
    steps: int | None = None,
) -> dict[str, Any]:
    """Method, environment, graph and steps of a preset, changed by what is given beside it.

    Options of the same method, environment or graph replace those of the preset, which keeps the
    others; another graph replaces its graph.

    Args:
        preset: as in `find_preset`; without it there are the defaults of `train`.
        method: the method, which may choose the row of the preset.
        env: the environment.
        graph: the graph builder.
        steps: environment steps.

    Raises:
        ValueError: there is no such preset, or it is of another method or environment.
    """
    given: dict[str, Any] = {"method": method, "env": env, "graph": graph, "steps": steps}
    if preset is None:
        chosen = {name: value for name, value in given.items() if value is not None}
        return DEFAULTS | chosen
    name, options = split_name(method, "method") if method is not None else (None, {})
    found = find_preset(preset, name)
    values: dict[str, Any] = {"method": _joined(found.method, options, "method")}
    values["env"] = _changed(found, "env", found.env, env)
    values["graph"] = found.graph
    if graph is not None:
        same = found.graph is not None and _name(found.graph) == _name(graph)
        values["graph"] = _changed(found, "graph", found.graph, graph) if same else graph
    return values | {"steps": found.steps if steps is None else steps}


def preset_steps(preset: str | None) -> int:
    """Environment steps of a preset, or the default of `train` without one.

    Args:
        preset: a task, or `TASK/ROW`.

    Raises:
        ValueError: there is no such task.
    """
    return int(DEFAULTS["steps"]) if preset is None else find_task(preset.split("/")[0]).steps


def _name(part: Named) -> str:
    return split_name(part, "name")[0]


def _joined(part: Named, options: Mapping[str, Any], what: str) -> dict[str, Any]:
    name, known = split_name(part, what)
    return {"name": name, **known, **options}


def _changed(preset: Preset, what: str, own: Any, given: Named | None) -> Named:
    """A part of a preset with the options that are given."""
    if given is None:
        return own
    if _name(own) != _name(given):
        raise ValueError(
            f"preset {preset.name} is of the environment {_name(own)}, not {_name(given)}"
        )
    return _joined(own, split_name(given, what)[1], what)


def preset_table(task: str | None = None) -> pd.DataFrame:
    """All tasks with their rows, or the presets of one task.

    Args:
        task: name of a task, for the columns of `Preset`; None lists the tasks, in columns
            `task`, `env`, `steps` and `settings`.

    Raises:
        ValueError: there is no such task.
    """
    known = benchmarks()
    if task is None:
        rows = [
            {"task": name, "env": each.env.split(":")[0], "steps": each.steps}
            | {"settings": ", ".join(each.settings)}
            for name, each in known.items()
        ]
        return pd.DataFrame(rows)
    found = [each._replace(graph=each.shown_graph()) for each in _of_task(task)]
    return pd.DataFrame(found, columns=pd.Index(Preset._fields))


def _of_task(task: str) -> Iterator[Preset]:
    found = find_task(task)
    for row in found.settings:
        yield _preset(task, found, row)
