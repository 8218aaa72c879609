"""Commands that repeat runs, and the versions that they were made with."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from graphmarl.envs import find_env
from graphmarl.experiment.config import Values
from graphmarl.experiment.grid_runs import Settings
from graphmarl.graphs import find_graph
from graphmarl.methods import find_method
from graphmarl.resolver import options_of
from graphmarl.results.cells import CellResult, seed_of
from graphmarl.results.run import Run
from graphmarl.results.transfer import typed_word

FINDERS = {"method": find_method, "env": find_env, "graph": find_graph}
FOLDER = "again"
"""Folder of the runs that the commands make."""


def train_words(config: Mapping[str, Any]) -> list[str]:
    """The words after `graphmarl` that train a configuration, without its seed and folder.

    Options that have their default are left out.

    Args:
        config: of a run.
    """
    words = ["train"]
    for part, find in FINDERS.items():
        options = dict(config[part])
        name = str(options.pop("name"))
        # Code from outside the library is not imported to learn its defaults.
        known = {} if ":" in name else options_of(find(name))
        words += [f"--{part}", name]
        for option, value in options.items():
            if option not in known or known[option].default != value:
                words += [f"--{part}.{option}", word_of(value)]
    for option, value in config.items():
        default = Values._field_defaults.get(option, ...)
        if option not in (*FINDERS, "seed", "format") and value != default:
            words += [f"--{option}", word_of(value)]
    return words


def word_of(value: Any) -> str:
    """A value as it is typed on the command line.

    Args:
        value: a plain value.
    """
    return json.dumps(value) if isinstance(value, (list, tuple, dict)) else typed_word(value)


def repeating(cells: Sequence[CellResult]) -> list[str]:
    """Lines of a shell that train and evaluate all runs again, in new folders.

    Args:
        cells: the cells.
    """
    folders = {cell.folder: f"{FOLDER}/{cell.folder.resolve().name}" for cell in cells}
    if len(folders) == 1:
        folders = dict.fromkeys(folders, FOLDER)
    lines = []
    for cell in cells:
        commands: dict[str, list[str]] = {}
        for run in cell.runs:
            words = train_words(run.config())
            # Evaluations before 0.3 do not say their number of episodes, which was 32 by default.
            known = [each for each in cell.column("episodes") if each == each]
            words += ["--evaluate", str(int(max(known, default=Settings.episodes)))]
            words += ["--runs", folders[cell.folder]]
            seeds = commands.setdefault(shlex.join(["graphmarl", *words]), [])
            seeds.append(str(seed_of(run.path)))
        for command, seeds in commands.items():
            name = f"{shlex.quote(cell.name)}-seed$seed"
            each = f"{command} --seed $seed --name {name}"
            lines.append(f"for seed in {' '.join(seeds)}; do {each}; done")
    return [*lines, shlex.join(["graphmarl", "report", *dict.fromkeys(folders.values())])]


def versions_table(runs: Sequence[Run]) -> pd.DataFrame:
    """Versions of packages: columns `package`, `version` and the number of `runs` that had it.

    Args:
        runs: the runs.
    """
    rows = []
    for run in runs:
        path = run.path / "versions.yaml"
        if path.exists():
            rows += [(str(k), str(v)) for k, v in yaml.safe_load(path.read_text()).items()]
    found = [(package, version, count) for (package, version), count in Counter(rows).items()]
    return pd.DataFrame(found, columns=pd.Index(["package", "version", "runs"]))


def changed_versions(table: pd.DataFrame) -> pd.DataFrame:
    """The packages of which the runs have different versions.

    Args:
        table: of `versions_table`.
    """
    changed = table["package"].duplicated(keep=False).to_numpy()
    return pd.DataFrame(table.loc[changed].reset_index(drop=True))


def where_is(path: Path) -> str:
    """Name of a folder, for a page that may be read elsewhere.

    Args:
        path: the folder.
    """
    return path.resolve().name
