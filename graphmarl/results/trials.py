"""Trials of the searches before runs, which `--tune-budget` of the training scripts makes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from graphmarl.results.collect import TRIALS
from graphmarl.results.markdown import markdown
from graphmarl.results.tables import read_rows

COMPLETE = "complete"
SIGNS = {"max": 1, "min": -1}

Trial = dict[str, str]
"""A row of the table."""


def searches(folder: Path) -> dict[tuple[str, str], list[Trial]]:
    """The trials of each search, by task and row.

    Args:
        folder: holds `measured_trials.csv`; without it there are none.
    """
    found: dict[tuple[str, str], list[Trial]] = {}
    for each in read_rows(folder / TRIALS) if (folder / TRIALS).exists() else ():
        found.setdefault((each["task"], each["row"]), []).append(each)
    return found


def ranked(trials: Sequence[Trial]) -> list[Trial]:
    """The complete trials of a search, the best first and the first of equal ones before others.

    Args:
        trials: rows of the table.
    """
    complete = [each for each in trials if each["state"] == COMPLETE]
    return sorted(complete, key=lambda each: -SIGNS[each["mode"]] * float(each["value"]))


def trial_lines(folder: Path) -> list[str]:
    """A table of the searches: number of trials, values and the options of the best one.

    A search of which no trial is complete has no line.

    Args:
        folder: as for `searches`.
    """
    rows = []
    for key, trials in searches(folder).items():
        if not (order := ranked(trials)):
            continue
        values = [f"{float(order[n]['value']):.2f}" for n in (0, len(order) // 2, -1)]
        steps = f"{int(order[0]['env_steps']):,}"
        rows.append([*key, str(len(trials)), steps, *values, rounded(order[0]["options"])])
    head = ["task", "row", "trials", "env steps", "best", "median", "worst", "options of the best"]
    return markdown(head, rows) if rows else []


def rounded(options: str) -> str:
    """Options with three digits of their numbers.

    Args:
        options: `name=value,...`.
    """
    words = []
    for word in options.split(","):
        name, _, value = word.partition("=")
        try:
            words.append(f"{name}={float(value):.3g}")
        except ValueError:
            words.append(word)
    return ", ".join(words)
