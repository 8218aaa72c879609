"""Which rows of a table of edges a picture shows, and what it leaves out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from graphmarl.visualization.layout import check_table, subset

KEYS = ("episode", "time", "layer", "round", "sender", "receiver")


@dataclass(frozen=True)
class Layer:
    """One layer and round of a table of edges.

    Args:
        rows: its rows.
        name: of the layer; empty for a graph without message-passing layers.
        round: number of the round.
        count: number of layers and rounds that have the column.
    """

    rows: pd.DataFrame
    name: str
    round: int
    count: int

    def __str__(self) -> str:
        """Its name for a caption; empty without message-passing layers."""
        if not self.name:
            return ""
        which = f"layer {self.name}, round {self.round}"
        return f"{which}, of {self.count} layers and rounds" if self.count > 1 else which


def layer_of(
    edges: pd.DataFrame, column: str | None, layer: str | None = None, round: int | None = None
) -> Layer:
    """The rows of one layer and round.

    Args:
        edges: one row for each edge, layer, round and step.
        column: a column that the layer must have.
        layer: its name; the last that has the column without it.
        round: number of the round; the last that has the column without it.

    Raises:
        ValueError: there is no such column, layer or round.
    """
    check_table(edges, "edges", KEYS)
    check_column(edges, column)
    with_values = edges if column is None else subset(edges, edges[column].notna())
    # In the order of the table, which is that of the network.
    named = zip(with_values["layer"].tolist(), with_values["round"].tolist(), strict=True)
    pairs = list(dict.fromkeys((str(name), int(number)) for name, number in named))
    kept = [
        each for each in pairs if layer in (None, each[0]) and (round is None or round == each[1])
    ]
    if not kept and (pairs or layer is not None or round is not None):
        known = ", ".join(f"{name!r} round {number}" for name, number in pairs) or "none"
        raise ValueError(f"layer is {layer!r}, round is {round}; those with {column} are {known}")
    name, number = kept[-1] if kept else ("", 0)
    rows = subset(edges, (edges["layer"] == name) & (edges["round"] == number))
    return Layer(rows, name, number, len(pairs))


def check_column(edges: pd.DataFrame, column: str | None) -> None:
    """Refuse a column that edges do not have, or that is not of numbers.

    Args:
        edges: the table.
        column: the column; None stands for edges without values.

    Raises:
        ValueError: says which columns there are.
    """
    numbers = edges.select_dtypes(include=["number", "bool"]).columns
    allowed = [str(each) for each in numbers if each not in KEYS]
    if column is not None and column not in allowed:
        raise ValueError(f"column is {column!r}; allowed are {', '.join([*allowed, 'None'])}")


@dataclass(frozen=True)
class Shown:
    """The edges of a picture.

    Args:
        ends: sender and receiver of each, one row for each.
        values: their values; None without a column.
        total: number of edges before any was left out.
        notes: what was left out, in words.
    """

    ends: NDArray[np.int64]
    values: NDArray[np.float64] | None
    total: int
    notes: Sequence[str]


def shown_edges(
    rows: pd.DataFrame,
    column: str | None,
    place: NDArray[Any],
    threshold: float,
    most: int,
) -> Shown:
    """The edges of one step that a picture shows.

    Args:
        rows: edges of one step and layer.
        column: the values; None without values.
        place: coordinates of the agents by number, NaN for those that are not drawn.
        threshold: edges below this share of the largest value are left out.
        most: at most so many are shown, the largest ones.
    """
    ends = rows[["sender", "receiver"]].to_numpy(int)
    values = np.ones(len(rows)) if column is None else rows[column].to_numpy(float)
    size, kept, notes = np.abs(values), np.ones(len(rows), dtype=bool), []

    def leave_out(mask: NDArray[np.bool_], why: str) -> None:
        count = int((kept & mask).sum())
        if count:
            notes.append(f"{count:,} {why}")
        kept[mask] = False

    inside = ((ends >= 0) & (ends < len(place))).all(1)
    apart = np.full(len(rows), np.nan)
    apart[inside] = np.abs(place[ends[inside, 0]] - place[ends[inside, 1]]).sum(1)
    leave_out(ends[:, 0] == ends[:, 1], "of agents to themselves")
    leave_out(np.isnan(apart), "of agents that are not drawn")
    leave_out(apart == 0, "between agents at the same place")
    leave_out(~np.isfinite(values), f"without a number for {column}")
    if kept.any():
        largest = size[kept].max()
        leave_out(
            size < threshold * largest, f"under {100 * threshold:.3g} % of the largest {column}"
        )
    order = np.flatnonzero(kept)[np.argsort(-size[kept], kind="stable")]
    few = np.ones(len(rows), dtype=bool)
    few[order[:most]] = False
    leave_out(few, f"beyond the {most:,} {'first' if column is None else 'largest'}")
    return Shown(ends[kept], None if column is None else values[kept], len(rows), notes)
