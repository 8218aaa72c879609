"""Tables of a recording, packed for the interactive graph."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.colors import to_hex
from numpy.typing import NDArray

from graphmarl.step import Scene
from graphmarl.visualization.markers import THING_COLOURS

BINS = 8
"""Number of widths and colours of the arrows."""
EXACT, FINE = 4_000_000, 6_000_000
"""Bytes of the columns of a table up to which they are kept as numbers of 32 and of 16 bits."""
NUMBERS = re.compile(r"(message|latent)_\d+")
WORDS = {
    "attention": "attention of the receiver to the sender",
    "gate": "gate of the message (1: open, 0: shut)",
    "norm": "norm of the message from sender to receiver",
    "bits": "bits of the message from sender to receiver",
    "importance": "importance of the edge (change of the output when this edge alone is removed)",
}
PLACE, EDGE = ["episode", "time"], ["layer", "round", "sender", "receiver"]


def words_of(column: str, heads: bool = False) -> str:
    """What a column of the edges is, in words that name the direction.

    Args:
        column: its name.
        heads: whether there are several heads of attention.
    """
    name, _, number = column.rpartition("_")
    if name == "attention" and number.isdigit():
        return f"{WORDS['attention']}, head {number}"
    if name == "message" and number.isdigit():
        return f"number {number} of the message from sender to receiver"
    if column == "attention" and heads:
        return f"{WORDS['attention']}, mean over heads"
    return WORDS.get(column, column)


def encoded(values: Any, kind: str) -> dict[str, Any]:
    """An array as text.

    Args:
        values: numbers.
        kind: NumPy's name of the type: `f4`, `i4`, `u2` or `u1`.
    """
    data = np.ascontiguousarray(values, dtype=f"<{kind}")
    return {"type": kind, "data": b64encode(data.tobytes()).decode("ascii")}


def packed(values: NDArray[Any], bits: int) -> dict[str, Any]:
    """A column as text: whole numbers from 0 to 254 as bytes, others as numbers of so many bits.

    Missing numbers are NaN in 32 bits, and the largest code otherwise. Codes of 16 and 8 bits are
    the multiples of 1/65534 and 1/254 of the range of the column.

    Args:
        values: the column.
        bits: 32, 16 or 8.
    """
    there = np.isfinite(values)
    found = values[there]
    if not len(found):
        return encoded(np.full(len(values), 255), "u1") | {"low": 0.0, "unit": 1.0}
    low, high = float(found.min()), float(found.max())
    if low >= 0 and high <= 254 and np.array_equal(found, np.round(found)):
        return encoded(np.where(there, values, 255), "u1") | {"low": 0.0, "unit": 1.0}
    if bits == 32:
        return encoded(np.where(there, values, np.nan), "f4")
    most = 2**bits - 1
    unit = (high - low) / (most - 1) or 1.0
    codes = np.full(len(values), most)
    codes[there] = np.round((found - low) / unit)
    return encoded(codes, f"u{bits // 8}") | {"low": low, "unit": unit}


def live(agents: pd.DataFrame) -> pd.DataFrame:
    """The rows of live agents.

    Args:
        agents: the table of agents, with or without `alive`.
    """
    there = agents["alive"].astype(bool) if "alive" in agents else slice(None)
    return pd.DataFrame(agents.loc[there])


def numbers_of(column: Any) -> NDArray[Any] | None:
    """A column as numbers; None if it holds something else.

    Args:
        column: the column.
    """
    try:
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError):
        return None


def _moments(table: pd.DataFrame, moments: pd.MultiIndex) -> NDArray[Any]:
    """The number of the step of each row; -1 for steps that are not there."""
    return moments.get_indexer(pd.MultiIndex.from_arrays([table["episode"], table["time"]]))


def pack(
    agents: pd.DataFrame,
    edges: pd.DataFrame,
    scenes: Mapping[int, Scene],
    placed: bool,
    numbers: bool,
) -> dict[str, Any]:
    """What the page reads, with the columns as text.

    Args:
        agents: the table of agents, with `x` and `y`.
        edges: the table of edges.
        scenes: map and objects of episode 0 by time.
        placed: whether `x` and `y` are positions, and not only a circle.
        numbers: also the columns with the numbers of messages and latent states.

    Raises:
        ValueError: an edge belongs to a step that the table of agents does not have.
    """
    moments = pd.DataFrame(agents[PLACE]).drop_duplicates().sort_values(by=PLACE)
    whole, notes = pd.MultiIndex.from_frame(moments), []
    for table, what in ((agents, "agents"), (edges, "edges")):
        left = [name for name in table if NUMBERS.fullmatch(name)]
        if left and not numbers:
            notes.append(f"Left out of the {what}: {_range(left)}; numbers=True adds them.")
    if not placed:
        notes.append("Agents have no positions: they are drawn on a circle, by their numbers.")
    if scenes and any(moments["episode"] != 0):
        notes.append("Map and objects were recorded for episode 0 only.")
    return {
        "episodes": [
            {"episode": int(number), "times": part["time"].tolist(), "first": int(first)}
            for first, (number, part) in _episodes(moments)
        ],
        "agents": _pack_agents(agents, whole, numbers, notes),
        "edges": _pack_edges(edges, whole, numbers, notes),
        "scenes": pack_scenes(scenes if (moments["episode"] == 0).any() else {}),
        "notes": notes,
        "colours": {
            # The lightest colours of both maps cannot be seen on white.
            "edges": [to_hex(colormaps["viridis_r"](x)) for x in np.linspace(0.12, 1, BINS)],
            "agents": [to_hex(colormaps["Oranges"](x)) for x in np.linspace(0.1, 0.95, BINS)],
            "things": list(THING_COLOURS),
        },
    }


def _range(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} to {names[-1]} ({len(names)} columns)"


def _episodes(moments: pd.DataFrame) -> list[tuple[int, tuple[Any, pd.DataFrame]]]:
    parts = list(moments.groupby("episode", sort=True))
    first = np.cumsum([0, *(len(part) for _, part in parts)])
    return list(zip(first[:-1].tolist(), parts, strict=True))


def _kept(
    table: pd.DataFrame, known: list[str], numbers: bool, what: str, notes: list[str]
) -> dict[str, NDArray[Any]]:
    """Numeric columns; others are written into the notes."""
    names = [str(name) for name in table if name not in known]
    names = [name for name in names if numbers or not NUMBERS.fullmatch(name)]
    columns = {name: numbers_of(table[name]) for name in names}
    found = {name: values for name, values in columns.items() if values is not None}
    if other := [name for name in names if name not in found]:
        notes.append(f"Left out of the {what}, since they are no numbers: {', '.join(other)}.")
    return found


def _bits(columns: dict[str, NDArray[Any]], what: str, notes: list[str]) -> int:
    """Bits of the numbers of columns; that there are less than 32 is written into the notes."""
    size = sum(map(len, columns.values()))
    bits = 32 if 4 * size <= EXACT else 16 if 2 * size <= FINE else 8
    if bits < 32:
        share = f"1/{2**bits - 2}"
        notes.append(f"Numbers of {what} are rounded to {share} of the range of their column.")
    return bits


def _pack_agents(
    agents: pd.DataFrame, moments: pd.MultiIndex, numbers: bool, notes: list[str]
) -> dict[str, Any]:
    """Live agents, ordered by step; `starts` are the first rows of the steps."""
    there = live(agents)
    moment = _moments(there, moments)
    order = np.lexsort((there["agent"].to_numpy(), moment))
    there, moment = pd.DataFrame(there.iloc[order]), moment[order]
    columns = _kept(there, [*PLACE, "agent", "alive", "x", "y"], numbers, "agents", notes)
    scales = {name: _scale(values) for name, values in columns.items()}
    bits = _bits(columns, "agents", notes)
    return {
        "count": int(agents["agent"].max()) + 1,
        "starts": encoded(np.searchsorted(moment, np.arange(len(moments) + 1)), "i4"),
        "number": encoded(there["agent"], "i4"),
        "x": encoded(there["x"], "f4"),
        "y": encoded(there["y"], "f4"),
        "columns": {name: packed(each, bits) for name, each in columns.items()},
        "scales": {name: scale for name, scale in scales.items() if scale},
    }


def _pack_edges(
    edges: pd.DataFrame, moments: pd.MultiIndex, numbers: bool, notes: list[str]
) -> dict[str, Any]:
    """Edges ordered by layer and round, then by step; `starts` are the first rows of each."""
    moment = _moments(edges, moments)
    if (moment < 0).any():
        number, time = edges[PLACE].iloc[int(np.argmin(moment))]
        raise ValueError(f"edges has episode {number}, time {time}, which agents does not have")
    channels = [tuple(each) for each in edges[EDGE[:2]].drop_duplicates().to_numpy(dtype=object)]
    owner = edges.groupby(EDGE[:2], sort=False).ngroup().to_numpy()
    key = owner * len(moments) + moment
    order = np.argsort(key, kind="stable")
    ordered, key, owner = pd.DataFrame(edges.iloc[order]), key[order], owner[order]
    columns = _kept(ordered, [*PLACE, *EDGE], numbers, "edges", notes)
    bits = _bits(columns, "edges", notes)
    heads = "attention_0" in columns
    return {
        "channels": [
            _channel(each, {name: x[owner == number] for name, x in columns.items()})
            for number, each in enumerate(channels)
        ],
        "starts": encoded(np.searchsorted(key, np.arange(len(channels) * len(moments) + 1)), "i4"),
        "sender": encoded(ordered["sender"], "u2"),
        "receiver": encoded(ordered["receiver"], "u2"),
        "columns": {name: packed(each, bits) for name, each in columns.items()},
        "words": {name: words_of(name, heads) for name in columns},
    }


def _channel(name: tuple[Any, Any], columns: dict[str, NDArray[Any]]) -> dict[str, Any]:
    """One layer and round: its label, and the scale of each column that has numbers in it."""
    layer, number = str(name[0]), int(name[1])
    scales = {column: _scale(values) for column, values in columns.items()}
    return {
        "label": f"{layer}, round {number}" if layer else "agent graph",
        "layer": layer,
        "rows": len(next(iter(columns.values()), ())),
        "scales": {column: scale for column, scale in scales.items() if scale},
    }


def _scale(values: NDArray[Any]) -> dict[str, Any] | None:
    """Bounds of the bins, of equal width and of equal counts; None without numbers."""
    found = values[np.isfinite(values)]
    if not len(found):
        return None
    distinct = np.unique(found)
    few = distinct.tolist() if len(distinct) <= BINS else []
    return {
        "equal": np.linspace(found.min(), found.max(), BINS + 1).tolist(),
        "counts": np.quantile(found, np.linspace(0, 1, BINS + 1)).tolist(),
        "values": few if all(value == round(value) for value in few) else [],
    }


def pack_scenes(scenes: Mapping[int, Scene]) -> dict[str, Any]:
    """Map and objects; what does not change from step to step is written once.

    Args:
        scenes: map and objects by time.
    """
    pool: dict[str, int] = {}

    def kept(values: Any) -> int:
        text = encoded(values.detach().cpu().numpy(), "f4")["data"]
        return pool.setdefault(text, len(pool))

    times = {
        int(time): {
            "limits": [float(each) for each in (*scene.low, *scene.high)],
            "points": [
                [name, kept(xy), kept(weight)] for name, (xy, weight) in scene.points.items()
            ],
            "lines": [[name, kept(xy), kept(weight)] for name, (xy, weight) in scene.lines.items()],
        }
        for time, scene in scenes.items()
    }
    return {"times": times, "pool": [{"type": "f4", "data": text} for text in pool]}
