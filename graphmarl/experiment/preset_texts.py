"""Presets as texts: tables, and the whole command of one."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from graphmarl.experiment.presets import find_preset, preset_table, with_preset
from graphmarl.experiment.repeat import FINDERS, word_of
from graphmarl.resolver import split_name

WIDE = 100
"""Longest line of the list of tasks."""


def preset_text(name: str | None = None) -> str:
    """The tasks that have presets, the presets of a task, or the command of a preset.

    Args:
        name: a task, or `TASK/ROW`; None for all tasks.

    Raises:
        ValueError: there is no such task or preset.
    """
    if name is not None and "/" in name:
        return shlex.join(["graphmarl", *preset_words(name)])
    found = preset_table(name)
    found["steps"] = [f"{steps:,}" for steps in found["steps"].tolist()]
    if name is not None:
        found["method"] = [split_name(each, "method")[0] for each in found["method"].tolist()]
    lines = in_columns([str(each) for each in found], found.astype(str).to_numpy().tolist())
    if name is not None:
        return "\n".join(lines)
    short = [line if len(line) <= WIDE else line[: WIDE - 3] + "..." for line in lines]
    return "\n".join([*short, "`graphmarl presets TASK` lists the settings of a task."])


def in_columns(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table.

    Args:
        head: titles of the columns.
        rows: the cells.
    """
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    return [
        "  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)).rstrip()
        for row in (head, *rows)
    ]


def preset_words(name: str) -> list[str]:
    """The words after `graphmarl` that train a preset, with its options in full.

    Args:
        name: `TASK/ROW`.

    Raises:
        ValueError: there is no such preset.
    """
    words = ["train"]
    preset = find_preset(name)
    values = with_preset(preset.name) | {"graph": preset.shown_graph()}
    for part in FINDERS:
        title, options = split_name(values[part], part)
        words += [f"--{part}", title]
        for option, value in options.items():
            words += [f"--{part}.{option}", word_of(value)]
    return [*words, "--steps", str(values["steps"])]
