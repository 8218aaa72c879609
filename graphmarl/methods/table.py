"""The table of methods: what each one supports and needs."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from graphmarl.resolver import Declaration, Registry

if TYPE_CHECKING:
    from graphmarl.learners import Learner

COLUMNS = {
    "discrete": "discrete",
    "continuous": "continuous",
    "needs_state": "needs state",
    "recurrent": "recurrent",
    "sends_messages": "messages",
    "pictures": "pictures",
    "any_number": "any number of agents",
    "needs_position": "needs positions",
}
"""Class attributes of `Method` and their titles in the table of methods."""


def method_table(methods: Mapping[str, type[Learner]]) -> list[dict[str, str]]:
    """One row for each method: name, what it supports and needs, and its summary.

    Args:
        methods: classes by name; those of a `Registry` are not imported.
    """
    rows = []
    for name in methods:
        entry = methods.declared(name) if isinstance(methods, Registry) else methods[name]
        row = {"method": name}
        for attribute, title in COLUMNS.items():
            value = _value(entry, attribute)
            row[title] = "yes" if value is True else value or ""
        rows.append(row | {"summary": _summary(entry)})
    return rows


def _value(entry: type[Learner] | Declaration, attribute: str) -> Any:
    if isinstance(entry, Declaration):
        return entry.get(attribute, "")
    return getattr(entry, attribute, "")


def _summary(entry: type[Learner] | Declaration) -> str:
    if isinstance(entry, Declaration):
        return entry.summary
    return (inspect.getdoc(entry) or "").splitlines()[0]
