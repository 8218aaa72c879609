"""Results of runs in other environments and on other graphs than they were trained with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from graphmarl.results.cells import ENV_OPTION, seed_of
from graphmarl.results.run import Run
from graphmarl.results.stats import over_seeds
from graphmarl.results.tables import read_rows, with_intervals

FILE = "transfer.csv"
"""In a run folder: a row for each setting that the run was evaluated at."""
KEYS = ("changed", "value", "env_steps", "episodes")


def read_transfer(folder: str | Path) -> pd.DataFrame:
    """All evaluations of an ablation at other settings than those of training.

    Columns: `cell`, `algorithm` (the cell without options of the environment), `seed`, `changed`
    (the option, `graph` or `cut`), `trained` (its value in training), `value` (that of the
    evaluation), those of `transfer.csv`, such as `return`, and `note`. A run is also there at its
    own setting, from `evaluation.csv` with the greedy policy. Empty where no run was evaluated
    elsewhere.

    Args:
        folder: holds run folders that are called `CELL-seedN`.
    """
    rows: list[dict[str, Any]] = []
    for path in sorted(Path(folder).glob(f"*-seed*/{FILE}")):
        run, cell = Run(path.parent), path.parent.name.rpartition("-seed")[0]
        named = {"cell": cell, "algorithm": ENV_OPTION.sub("", cell), "seed": seed_of(path.parent)}
        config = run.config()
        lines = [_numbers(row) for row in read_rows(path)]
        for changed in dict.fromkeys(str(line["changed"]) for line in lines):
            trained = trained_value(config, changed)
            of = [line for line in lines if line["changed"] == changed]
            own = _own(run) if trained not in {line["value"] for line in of} else {}
            if own:
                of.insert(0, {"changed": changed, "value": trained} | own)
            rows += [named | {"trained": trained} | line for line in of]
    found = pd.DataFrame(rows)
    if rows:
        found["note"] = found["note"].fillna("") if "note" in found else ""
    return found


def _numbers(row: Mapping[str, str]) -> dict[str, Any]:
    """A row whose measured columns are numbers; NaN for empty cells."""
    texts = ("changed", "value", "note")
    return {name: value if name in texts else float(value or "nan") for name, value in row.items()}


def _own(run: Run) -> dict[str, Any]:
    """The evaluation with the greedy policy after training."""
    path = run.path / "evaluation.csv"
    if not path.exists():
        return {}
    row = next((row for row in read_rows(path) if row["policy"] == "greedy"), {})
    left = ("name", "seed", "policy", "hours")
    return _numbers({name: value for name, value in row.items() if name not in left})


def trained_value(config: Mapping[str, Any], changed: str) -> str:
    """The value in training of what was changed afterwards, as it is typed.

    Args:
        config: configuration of the run.
        changed: options of the environment with commas between, `graph` or `cut`.
    """
    if changed == "cut":
        return "none"  # all bits are sent in training
    if changed == "graph":
        options = dict(config["graph"])
        name = str(options.pop("name"))
        text = ",".join(f"{k}={typed_word(v)}" for k, v in options.items() if v is not None)
        return f"{name}:{text}" if text else name
    return ",".join(typed_word(config["env"].get(option)) for option in changed.split(","))


def typed_word(value: Any) -> str:
    """A value as it is typed on the command line.

    Args:
        value: a plain value.
    """
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)


def labelled(found: pd.DataFrame) -> list[str]:
    """A name for each row of one `changed`: algorithm, value in training, or both if both differ.

    Args:
        found: rows of `read_transfer`.
    """
    several = [name for name in ("algorithm", "trained") if found[name].nunique() > 1]
    columns = several or ["trained"]
    parts = [[str(each) for each in found[name].tolist()] for name in columns]
    return [", ".join(each) for each in zip(*parts, strict=True)]


def ordered(values: Sequence[str]) -> list[str]:
    """Different values in the order of their numbers, or as they come.

    Args:
        values: the values.
    """
    different = list(dict.fromkeys(values))
    try:
        return sorted(different, key=float)
    except ValueError:
        return different


def transfer_values(found: pd.DataFrame, changed: str, metric: str) -> dict[str, pd.DataFrame]:
    """The metric of each run, by label: seeds in rows, values of the evaluation in columns.

    What a run cannot be evaluated at is NaN.

    Args:
        found: of `read_transfer`.
        changed: the option, or `graph`.
        metric: such as `return`.

    Raises:
        ValueError: nothing was evaluated at other values of it, or without this metric.
    """
    known = list(dict.fromkeys(found["changed"].tolist())) if len(found) else []
    if changed not in known:
        raise ValueError(f"changed is {changed!r}; evaluated were {', '.join(known) or 'none'}")
    if metric not in found:
        raise ValueError(f"metric is {metric!r}; there are {', '.join(map(str, found))}")
    part = pd.DataFrame(found.loc[found["changed"] == changed])
    columns, labels = ordered(part["value"].tolist()), labelled(part)
    tables = {
        label: pd.DataFrame(columns=pd.Index(columns), dtype=float) for label in ordered(labels)
    }
    cells = zip(labels, part["seed"].tolist(), part["value"].tolist(), strict=True)
    for (label, seed, value), number in zip(cells, part[metric].tolist(), strict=True):
        tables[label].loc[seed, value] = float(number)
    return tables


def transfer_matrix(found: pd.DataFrame, changed: str, metric: str = "return") -> pd.DataFrame:
    """Means over seeds: rows are what was trained, columns what it was evaluated at.

    Args:
        found: of `read_transfer`.
        changed: the option, or `graph`.
        metric: the metric.
    """
    tables = transfer_values(found, changed, metric)
    rows = [[float(table[value].mean()) for value in table] for table in tables.values()]
    names = [str(value) for value in next(iter(tables.values()))]
    return pd.DataFrame(rows, index=pd.Index(list(tables), name="trained"), columns=pd.Index(names))


def transfer_texts(found: pd.DataFrame, changed: str, metric: str = "return") -> pd.DataFrame:
    """The matrix as texts, with bootstrap 95 % intervals over seeds, or the note.

    Args:
        found: of `read_transfer`.
        changed: the option, or `graph`.
        metric: the metric.
    """
    part = pd.DataFrame(found.loc[found["changed"] == changed])
    at = zip(labelled(part), part["value"].tolist(), strict=True)
    notes = dict(zip(at, part["note"].tolist(), strict=True))
    rows = []
    for label, table in transfer_values(found, changed, metric).items():
        row = {"trained": label}
        for value in map(str, table):
            numbers = tuple(float(each) for each in table[value].dropna().tolist())
            note = notes.get((label, value), "")
            if not numbers:
                row[value] = note
                continue
            three = over_seeds(numbers)
            ends = ([three[f"mean{end}"]] for end in ("", "_low", "_high"))
            row[value] = with_intervals(*ends)[0] + (f" ({note})" if note else "")
        rows.append(row)
    return pd.DataFrame(rows).fillna("")
