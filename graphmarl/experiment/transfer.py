"""Transfer: trained runs in other environments and on other graphs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import torch

from graphmarl.experiment.config import Config, on_device
from graphmarl.experiment.evaluate import evaluate
from graphmarl.experiment.evaluation import Evaluation
from graphmarl.experiment.grid_runs import GridRun
from graphmarl.experiment.policies import make_cut
from graphmarl.experiment.sweep import Cell
from graphmarl.methods import find_method
from graphmarl.ranges import Device
from graphmarl.results.checkpoints import CheckpointError
from graphmarl.results.run import Run
from graphmarl.results.tables import read_rows
from graphmarl.results.transfer import FILE, KEYS, typed_word
from graphmarl.step import Spec
from graphmarl.texts import Text, from_text

NO_OTHER_NUMBER = "takes no other number of agents"


@dataclass(frozen=True)
class Transfer:
    """One thing that is different from training.

    Args:
        changed: the option of the environment, several with commas between, `graph` or `cut`.
        value: its value, as it was typed.
        env: options of the environment to change.
        graph: another graph builder; that of the run without it.
        cut: which bits of the messages are not sent; all are without it.
    """

    changed: str
    value: str
    env: Mapping[str, Any]
    graph: str | None = None
    cut: str | None = None


def transfers(
    env: Sequence[str] = (), graph: Sequence[str] = (), cut: Sequence[str] = ()
) -> list[Transfer]:
    """Everything that runs are evaluated at after training.

    Args:
        env: `option=value,value` of the environment, each value by itself, or a mapping of several
            options, as in `{map: random, size: 48}`.
        graph: graph builders, with options.
        cut: message cuts, as in `rank=80`.

    Raises:
        ValueError: not of this form, or something that comes twice.
    """
    found = []
    for word in env:
        if word.lstrip().startswith("{"):
            options = from_text(Text(word), dict[str, Any])
            if not isinstance(options, dict) or not options:
                raise ValueError(
                    f"evaluate_env is {word!r}; write {{option: value, option: value}}"
                )
            values = ",".join(typed_word(each) for each in options.values())
            found.append(Transfer(",".join(map(str, options)), values, options))
            continue
        option, _, values = word.partition("=")
        if not option or not all(values.split(",")):
            raise ValueError(f"evaluate_env is {word!r}; write option=value,value")
        found += [Transfer(option, each, {option: Text(each)}) for each in values.split(",")]
    found += [Transfer("graph", each, {}, each) for each in graph]
    for each in cut:
        make_cut(each)
        found.append(Transfer("cut", each, {}, cut=each))
    for each in found:
        if found.count(each) > 1:
            raise ValueError(f"{each.changed} {each.value} is evaluated twice")
    return found


def named_transfer(text: str) -> Transfer:
    """A change as claims name it: `map,size=random,48`, or `graph=none`.

    Args:
        text: options of the environment and their values, with commas between, or a graph builder.

    Raises:
        ValueError: not of this form.
    """
    changed, _, value = text.partition("=")
    if changed == "graph" and value:
        return Transfer(changed, value, {}, value)
    names, values = changed.split(","), value.split(",")
    if len(names) != len(values) or not all([*names, *values]):
        raise ValueError(f"change is {text!r}; write option,option=value,value or graph=BUILDER")
    env = {name: Text(each) for name, each in zip(names, values, strict=True)}
    return Transfer(changed, value, env)


def check_transfers(cells: Sequence[Cell], changes: Sequence[Transfer]) -> None:
    """Build each environment and graph once, before anything is trained.

    Args:
        cells: what is trained.
        changes: what it is evaluated at.

    Raises:
        ValueError: an option or value that is not allowed; the message names what is.
    """
    seen: set[str] = set()
    for cell in cells:
        for change in changes:
            config = _changed(cell.config().config, change)
            key = repr((config.env, config.env_options, change))
            if key not in seen:
                seen.add(key)
                _spec(config, change)


def _changed(config: Mapping[str, Any], change: Transfer) -> Config:
    return Config(config if change.graph is None else {**config, "graph": change.graph})


def _spec(config: Config, change: Transfer | None = None) -> Spec:
    """Shapes of the environment, with what is different."""
    options = {**(change.env if change else {}), "num_envs": 1}
    with torch.random.fork_rng(devices=[]), closing(config.environment(**options)) as environment:
        return environment.spec


def transfer_grid(
    runs: Sequence[GridRun],
    changes: Sequence[Transfer],
    report: Callable[[str], Any] = print,
) -> None:
    """Evaluate the finished runs of a grid at everything that is different from training.

    Args:
        runs: the runs.
        changes: what they are evaluated at.
        report: called with a line for each run that was evaluated.
    """
    for run in runs:
        if run.finished and changes:
            settings = run.settings
            made = Run(run.path, trust=True)
            if count := save_transfer(made, changes, settings.episodes, settings.device):
                report(f"{run.path.name}: evaluated at {count} of {len(changes)} other settings")


def save_transfer(
    run: Run, changes: Sequence[Transfer], episodes: int = 32, device: Device = "cpu"
) -> int:
    """Evaluate a run greedily at everything that is different; writes `transfer.csv`.

    Rows that are there are kept, if the run has not been trained further since and they have as
    many episodes. What a run cannot be evaluated at has a note in place of numbers.

    Args:
        run: the run.
        changes: what it is evaluated at.
        episodes: number of episodes of each evaluation.
        device: device of network and environment.

    Returns:
        the number of evaluations that were new.
    """
    path = run.path / FILE
    steps = str(int(run.metrics()[-1]["env_steps"]))
    same = {"env_steps": steps, "episodes": str(episodes)}
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for row in read_rows(path) if path.exists() else []:
        if all(row[name] == value for name, value in same.items()):
            rows[row["changed"], row["value"]] = {k: v for k, v in row.items() if v}
    new = [change for change in changes if (change.changed, change.value) not in rows]
    for change in new:
        row = {"changed": change.changed, "value": change.value} | same
        rows[change.changed, change.value] = row | _measured(run, change, episodes, device)
        columns = dict.fromkeys([*KEYS, *(name for each in rows.values() for name in each)])
        columns = [name for name in columns if name != "note"] + ["note"]
        lines = [{name: each.get(name, "") for name in columns} for each in rows.values()]
        run.write_rows(FILE, lines)
    return len(new)


def _measured(run: Run, change: Transfer, episodes: int, device: str) -> dict[str, str]:
    """Columns of one evaluation, or a note on why there is none."""
    before = on_device(run.config(), device)
    config = _changed(before, change)
    trained, other = _spec(Config(before)), _spec(config, change)
    resized = trained.num_agents != other.num_agents
    method = find_method(config.method)
    if resized and getattr(method, "any_number", True) is False:
        return {"note": NO_OTHER_NUMBER}
    if change.cut is not None and not getattr(method, "sends_messages", True):
        return {"note": "sends no messages"}
    other_env = dict(change.env)
    try:
        found = evaluate(run, episodes, change.graph, env=other_env, cut=change.cut, device=device)
    except CheckpointError as error:
        return {"note": _reason(trained, other, error)}
    reads = getattr(method, "sends_messages", True)
    return _columns(found) | ({} if change.graph is None or reads else {"note": "reads no edges"})


def _reason(trained: Spec, other: Spec, error: CheckpointError) -> str:
    """Why the weights do not fit."""
    for name, title in (("obs_shape", "observations"), ("num_actions", "actions")):
        before, after = getattr(trained, name), getattr(other, name)
        if before != after:
            return f"{title} of {after}, trained with {before}"
    if trained.num_agents != other.num_agents:
        return NO_OTHER_NUMBER
    return str(error).rpartition(": ")[2]


def _columns(found: Evaluation) -> dict[str, str]:
    row = {"distinct": str(found.distinct)}
    for name, each in found.metrics().items():
        half = "half_width" if name == "return" else f"{name}.half_width"
        row |= {name: f"{each.mean:.6g}", half: f"{each.half_width:.6g}"}
    return row | {name: f"{found.mean_sent(name):.6g}" for name in found.sent}
