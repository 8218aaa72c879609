"""Grids of runs: all combinations of methods, graphs and varied options."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import torch

from graphmarl.experiment.config import Config, Named
from graphmarl.experiment.presets import with_preset
from graphmarl.methods import find_method
from graphmarl.resolver import joined, split_name
from graphmarl.results.transfer import typed_word

PARTS = ("method", "env", "graph")
READABLE = 40
"""Longest method or graph with its options that is part of a name."""
LONGEST = 120
"""Longest name of a cell; file names end at 255 characters."""


@dataclass(frozen=True)
class Cell:
    """One combination; its runs differ in the seed only.

    Args:
        name: name of its run folders, which are called `name-seedN`.
        method: the method.
        env: the environment.
        graph: the graph builder; None for the method's own.
    """

    name: str
    method: Named
    env: Named
    graph: Named | None

    def config(self, steps: int = 1, seed: int = 0) -> Config:
        """The configuration of a run of this cell.

        Args:
            steps: environment steps.
            seed: its seed.
        """
        chosen = {part: getattr(self, part) for part in PARTS}
        return Config({**chosen, "steps": steps, "seed": seed})

    def check(self) -> None:
        """Build environment, graph builder and learner once.

        Raises:
            ValueError: a name, option or value that is not allowed; the message names what is.
        """
        config = self.config()
        with torch.random.fork_rng(devices=[]), closing(config.environment()) as environment:
            config.learner(environment.spec)


def grid(
    methods: Sequence[str],
    env: str | None,
    graphs: Sequence[str] = (),
    vary: Sequence[str] = (),
    preset: str | None = None,
) -> list[Cell]:
    """Every method on every graph under every combination of the varied options.

    A cell is called by its method, its graph and what is varied, so that it has the same name in a
    larger grid: `dgn-knn_k=3-method.layers=1`. Options that are too long for a name are left out;
    equal names get a hash.

    Args:
        methods: names, with options as in `dgn:layers=1`; of a preset, rows or methods.
        env: the environment, with options; that of the preset without it.
        graphs: graphs, with options; those of the preset or of each method without any.
        vary: `part.option=value,value` for an option of a `method`, `env` or `graph`.
        preset: task of the suite whose settings the methods have.

    Raises:
        ValueError: a name, option or value that is not allowed, or a cell that comes twice.
    """
    axes = varied(vary)
    cells = []
    for label, chosen in product(methods, graphs or [None]):
        if preset is None and env is None:
            raise ValueError("an ablation needs an environment, or a preset that has one")
        values = with_preset(preset, label, env, chosen)
        method, place, graph = (values[part] for part in PARTS)
        name, options = split_name(method, "method")
        choices = [dict(zip(axes, values, strict=True)) for values in product(*axes.values())]
        for choice in choices:
            given = options | {k[7:]: v for k, v in choice.items() if k.startswith("method.")}
            own = find_method(name).graph_for(given) if graph is None else graph
            texts = (label, env, chosen or own)
            cells.append(combined((method, place, own), texts, choice))
    met: dict[str, Cell] = {}
    for cell in cells:
        # Values are compared, not texts: `no` and `false` are one.
        config = repr(cell.config().config)
        if config in met:
            parts = ", ".join(str(getattr(cell, part)) for part in PARTS)
            raise ValueError(f"the combination {parts} comes twice")
        met[config] = cell
    same = Counter(cell.name for cell in cells)
    cells = [_with_hash(c) if same[c.name] > 1 or len(c.name) > LONGEST else c for c in cells]
    for cell in cells:
        cell.check()
    return cells


def varied(vary: Sequence[str]) -> dict[str, list[Any]]:
    """The values of each varied option, by `part.option`.

    Raises:
        ValueError: not of the form `part.option=value,value`, or an option that comes twice.
    """
    axes: dict[str, list[Any]] = {}
    for text in vary:
        key, _, values = text.partition("=")
        part, _, option = key.partition(".")
        if part not in PARTS or not option or not all(values.split(",")):
            raise ValueError(
                f"cannot vary {text!r}; write part.option=value,value "
                f"where part is {', '.join(PARTS[:-1])} or {PARTS[-1]}"
            )
        if key in axes:
            raise ValueError(f"{key} is varied twice")
        axes[key] = [
            split_name(f"{part}:{option}={value}", part)[1][option] for value in values.split(",")
        ]
    return axes


def combined(
    named: Sequence[Named], typed: Sequence[str | None], choice: Mapping[str, Any]
) -> Cell:
    """One combination, with the varied options written into the names of its parts.

    What is varied may be an option of a preset, but not one that was typed.

    Args:
        named: method, environment and graph, with all options.
        typed: the same as they were typed; None for a part that was not.
        choice: values of further options, by `part.option`.

    Raises:
        ValueError: an option that comes twice.
    """
    texts = {}
    for part, full, text in zip(PARTS, named, typed, strict=True):
        name, options = split_name(full, part)
        extra = {k.split(".", 1)[1]: v for k, v in choice.items() if k.startswith(f"{part}.")}
        joined({} if text is None else split_name(text, part)[1], extra)
        texts[part] = written(name, options | extra)
    labels = [str(text) for text in (typed[0], typed[2])]
    parts = [text if len(text) <= READABLE else text.split(":")[0] for text in labels]
    words = [*parts, *(f"{key}={typed_word(value)}" for key, value in choice.items())]
    return Cell("-".join(re.sub(r"[^\w.=+-]", "_", word) for word in words), **texts)


def _with_hash(cell: Cell) -> Cell:
    """The cell under a unique name that is not too long."""
    text = repr((cell.method, cell.env, cell.graph))
    digest = hashlib.sha1(text.encode()).hexdigest()[:8]
    return replace(cell, name=f"{cell.name[:LONGEST]}-{digest}")


def written(name: str, options: Mapping[str, Any]) -> str:
    """A name and its options as one word, which `split_name` reads back.

    Raises:
        ValueError: an option that cannot be written so.
    """
    words = {key: typed_word(value) for key, value in options.items()}
    text = ",".join(f"{key}={word}" for key, word in words.items())
    text = f"{name}:{text}" if text else name
    with suppress(ValueError):
        if split_name(text, name) == (name, words):
            return text
    raise ValueError(f"the options of {name!r} cannot be written as one word: {options}")
