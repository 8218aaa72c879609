"""Names and folders of new runs."""

from __future__ import annotations

import re
from datetime import datetime
from itertools import count
from pathlib import Path

from graphmarl.experiment.config import Config
from graphmarl.results.run import Run
from graphmarl.texts import shown


def check_name(name: str) -> None:
    """Refuse a name of a run that is no plain name of a folder.

    Args:
        name: the name.

    Raises:
        ValueError: says what came and what is allowed.
    """
    plain = name.isprintable() and Path(name).name == name and name not in ("", ".", "..")
    if not plain or "\\" in name or len(name.encode()) > 200:
        raise ValueError(f"name is {shown(name)}; allowed are names of a folder, up to 200 bytes")


def new_run(runs: Path, name: str | None, config: Config) -> Run:
    """The folder of a new run; one that is named by the time gets a number if it is taken.

    Args:
        runs: folder of the run folders.
        name: name of the folder; None makes one of method, environment, graph, seed and time.
        config: the configuration.

    Raises:
        FileExistsError: a run of that name exists and has a checkpoint.
    """
    if name is not None:
        return Run.create(runs / name, config.config)
    parts = "-".join((config.method, config.env, config.graph))
    base = re.sub(r"[^\w.=+-]", "_", parts)[:120]
    base = f"{base}-seed{config.seed}-{datetime.now():%Y%m%d-%H%M%S}"
    for number in count(1):
        path = runs / (base if number == 1 else f"{base}-{number}")
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            continue
        return Run.create(path, config.config)
    raise AssertionError("there are more numbers")
