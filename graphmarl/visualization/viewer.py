"""The interactive graph of a recording: one page that works without a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd

from graphmarl.checks import check_choice, checked
from graphmarl.ranges import NonNegativeInt, Range
from graphmarl.step import Scene
from graphmarl.visualization.html import as_json, document, viewer_scripts
from graphmarl.visualization.viewer_data import live, pack

Arrows = Annotated[int, Range(low=1, high=100_000)]
"""Number of arrows in a picture."""
Height = Annotated[int, Range(low=200, high=5_000)]
"""Height of a picture, in pixels."""
MOST_AGENTS = 65_535


@dataclass(frozen=True, repr=False)
class Viewer:
    """An interactive graph: agents, edges and what was sent, for each step.

    A notebook shows it as the value of a cell.

    Args:
        title: heading of the page.
        data: the packed tables.
        height: height in a notebook, in pixels.
    """

    title: str
    data: Mapping[str, Any]
    height: int = 1000

    def __repr__(self) -> str:
        """What it shows, in one line."""
        steps = [len(each["times"]) for each in self.data["episodes"]]
        return f"Viewer of {self.title}: {len(steps)} episodes, {sum(steps)} steps"

    @property
    def html(self) -> str:
        """The page."""
        heading = f"<h1>{escape(self.title)}</h1>" if self.title else ""
        return document(self.title, f"<main>{heading}{self.fragment()}</main>", viewer_scripts())

    def fragment(self) -> str:
        """The part of a page that `viewer_scripts` turns into the graph."""
        return (
            '<div class="viewer"><noscript>This graph needs JavaScript.</noscript>'
            f'<script type="application/json">{as_json(self.data)}</script></div>'
        )

    def save(self, path: str | Path) -> Path:
        """Write the page.

        Args:
            path: the file.

        Returns:
            the file.
        """
        path = Path(path)
        path.write_text(self.html, encoding="utf-8")
        return path

    def _repr_html_(self) -> str:
        frame = f'width="100%" height="{self.height}" style="border:0"'
        return f'<iframe srcdoc="{escape(self.html)}" {frame}></iframe>'


@checked
def viewer(
    agents: pd.DataFrame,
    edges: pd.DataFrame,
    scenes: Mapping[int, Scene] | None = None,
    title: str = "",
    positions: pd.DataFrame | None = None,
    episode: NonNegativeInt | None = None,
    numbers: bool = False,
    arrows: Arrows = 5_000,
    height: Height = 1000,
) -> Viewer:
    """An interactive graph of recorded episodes.

    Args:
        agents: table with `episode`, `time`, `agent`, and any of `alive`, `x`, `y` and columns of
            numbers.
        edges: table with `episode`, `time`, `layer`, `round`, `sender`, `receiver` and any columns
            of numbers.
        scenes: map and objects of episode 0 by time.
        title: heading of the page.
        positions: table with `time`, `agent`, `x`, `y`, and `episode` if they differ between
            episodes; without it and without `x` and `y`, agents are on a circle.
        episode: only this episode.
        numbers: also the numbers of messages and latent states (`message_0`, `latent_0`).
        arrows: most edges drawn in one step, those with the largest numbers first.
        height: height in a notebook, in pixels.

    Raises:
        ValueError: a table lacks a column or rows.
    """
    _check_columns("agents", agents, ("episode", "time", "agent"))
    _check_columns("edges", edges, ("episode", "time", "layer", "round", "sender", "receiver"))
    if not len(agents):
        raise ValueError("agents has no rows; there is nothing to draw")
    if agents["agent"].max() > MOST_AGENTS:
        raise ValueError(f"agent is {agents['agent'].max()}; allowed are 0 to {MOST_AGENTS}")
    if episode is not None:
        check_choice("episode", episode, [int(each) for each in agents["episode"].unique()])
        agents = pd.DataFrame(agents[agents["episode"] == episode])
        edges = pd.DataFrame(edges[edges["episode"] == episode])
    placed = positions is not None or {"x", "y"} <= set(agents)
    data = pack(_placed(agents, positions), edges, scenes or {}, placed, numbers)
    return Viewer(title, data | {"arrows": arrows}, height)


def viewer_html(
    agents: pd.DataFrame,
    edges: pd.DataFrame,
    scenes: Mapping[int, Scene],
    title: str,
    **options: Any,
) -> str:
    """The page of an interactive graph.

    Args:
        agents: table of agents.
        edges: table of edges.
        scenes: map and objects of episode 0 by time.
        title: heading of the page.
        options: of `viewer`.
    """
    return viewer(agents, edges, scenes, title, **options).html


def _check_columns(name: str, table: Any, columns: Sequence[str]) -> None:
    if not isinstance(table, pd.DataFrame):
        raise ValueError(f"{name} is {type(table).__name__}; it must be a pandas.DataFrame")
    if missing := [column for column in columns if column not in table]:
        raise ValueError(f"{name} lacks {', '.join(missing)}; it has {', '.join(map(str, table))}")


def _placed(agents: pd.DataFrame, positions: pd.DataFrame | None) -> pd.DataFrame:
    """Agents with `x` and `y`: given ones, those of the environment, or places on a circle."""
    if positions is not None:
        _check_columns("positions", positions, ("time", "agent", "x", "y"))
        keys = [key for key in ("episode", "time", "agent") if key in positions]
        agents = agents.drop(columns=["x", "y"], errors="ignore")
        agents = agents.merge(positions[[*keys, "x", "y"]], "left", on=keys, validate="m:1")
    elif not {"x", "y"} <= set(agents):
        count = int(agents["agent"].max()) + 1
        # The first agent is at the top, and numbers rise clockwise.
        angle = 2 * np.pi * agents["agent"] / count
        return agents.assign(x=np.sin(angle), y=np.cos(angle))
    there = live(agents)
    lost = ~np.isfinite(np.asarray(there[["x", "y"]], dtype=float)).all(axis=1)
    if lost.any():
        row = there.iloc[int(np.argmax(lost))]
        raise ValueError(
            f"agent {row['agent']} has no position at time {row['time']} of episode "
            f"{row['episode']}; x and y of live agents must be finite"
        )
    return agents
