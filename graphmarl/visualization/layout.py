"""Positions of agents in pictures: their own, or those of a layout that is fixed over steps."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index
from typing import Any, SupportsIndex

import networkx as nx
import numpy as np
import pandas as pd

DENSE, FLATTEST = 0.5, 0.7


def positions(
    agents: pd.DataFrame, edges: pd.DataFrame, episode: SupportsIndex = 0
) -> pd.DataFrame:
    """Coordinates of each agent in each step of an episode: `time`, `agent`, `x` and `y`.

    They are the columns `x` and `y` of the agents. Without them the agents have a layout that is
    the same in all steps: a spring layout of the union of the edges of the episode; a circle if
    the union has no edges or more than half of all pairs. Dead agents have rows as well.

    Args:
        agents: one row for each agent and step.
        edges: one row for each edge and step.
        episode: number of the episode.

    Raises:
        ValueError: a column is missing, or the episode was not recorded.
    """
    rows = rows_of(agents, "agents", ("time", "agent"), episode)
    place = rows[["time", "agent"]].reset_index(drop=True)
    if {"x", "y"} <= set(rows) and np.isfinite(rows[["x", "y"]].to_numpy(float)).any():
        return place.assign(x=rows["x"].to_numpy(float), y=rows["y"].to_numpy(float))
    check_table(edges, "edges", ("episode", "sender", "receiver"))
    own = subset(edges, edges["episode"] == index(episode))
    fixed = _layout(sorted(set(place["agent"].tolist())), own)
    where = np.array([fixed[agent] for agent in place["agent"].tolist()])
    return place.assign(x=where[:, 0], y=where[:, 1])


def _layout(names: Sequence[int], edges: pd.DataFrame) -> dict[int, np.ndarray]:
    """A place for each agent, by the union of the edges without their directions."""
    union: nx.Graph = nx.Graph()
    union.add_nodes_from(names)
    pairs = edges[["sender", "receiver"]].drop_duplicates().to_numpy().tolist()
    union.add_edges_from((a, b) for a, b in pairs if a != b and a in union and b in union)
    if not union.number_of_edges() or nx.density(union) > DENSE:
        # The first agent is at the top, and the others follow clockwise.
        angle = np.pi / 2 - 2 * np.pi * np.arange(len(names)) / len(names)
        circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        return dict(zip(names, circle, strict=True))
    place = np.array([at for _, at in sorted(nx.spring_layout(union, seed=0).items())])
    # The longest direction is drawn from left to right, in a picture that is not too flat.
    main = np.linalg.svd(place - place.mean(0))[2]
    place = (place - place.mean(0)) @ main.T
    wide, high = np.ptp(place, axis=0)
    place[:, 1] *= max(1.0, FLATTEST * wide / max(high, 1e-9 * wide))
    return dict(zip(names, place, strict=True))


def subset(table: pd.DataFrame, mask: Any) -> pd.DataFrame:
    """The rows of a table where a mask is true.

    Args:
        table: the table.
        mask: one truth value for each row.
    """
    rows: Any = table[mask]
    return rows


def check_table(table: pd.DataFrame, name: str, columns: Sequence[str]) -> None:
    """Refuse a table without some columns.

    Args:
        table: the table.
        name: what it is, for messages.
        columns: what it must have.

    Raises:
        ValueError: says what is missing.
    """
    if not isinstance(table, pd.DataFrame):
        raise ValueError(f"{name} is {type(table).__name__}; it must be a pandas DataFrame")
    missing = [column for column in columns if column not in table]
    if missing:
        has = ", ".join(map(str, table.columns))
        raise ValueError(f"{name} has no column {missing[0]!r}; its columns are {has}")


def rows_of(
    table: pd.DataFrame, name: str, columns: Sequence[str], episode: SupportsIndex
) -> pd.DataFrame:
    """The rows of one episode.

    Args:
        table: the table.
        name: what it is, for messages.
        columns: what it must have, beside the episode.
        episode: number of the episode.

    Raises:
        ValueError: a column is missing, or the episode was not recorded.
    """
    check_table(table, name, ("episode", *columns))
    rows = subset(table, table["episode"] == index(episode))
    if rows.empty:
        known = sorted(set(table["episode"].tolist()))
        allowed = f"{known[0]} to {known[-1]}" if known else "none, the table is empty"
        raise ValueError(f"episode is {index(episode)}; recorded are {allowed}")
    return rows
