"""Steps of a recorded episode, ready to be drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import index
from typing import SupportsIndex

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from graphmarl.step import Scene
from graphmarl.visualization.edge_rows import Layer, Shown, layer_of, shown_edges
from graphmarl.visualization.layout import positions, rows_of, subset
from graphmarl.visualization.scales import long_name

MARGIN = 0.06


@dataclass(frozen=True)
class Picture:
    """One step, ready to be drawn.

    Args:
        time: its time.
        agents: rows of the live agents, with `x` and `y`.
        edges: the edges that are shown.
        dead: number of dead agents.
        nowhere: number of live agents without a position.
    """

    time: int
    agents: pd.DataFrame
    edges: Shown
    dead: int
    nowhere: int

    @property
    def place(self) -> NDArray[np.float64]:
        """Coordinates by the number of the agent, NaN for those that are not drawn."""
        return places(self.agents)

    @property
    def left_out(self) -> str:
        """What the picture leaves out, in words."""
        edges, parts = self.edges, []
        if edges.notes:
            parts.append(f"of {edges.total:,} edges are not shown: {', '.join(edges.notes)}")
        if self.nowhere:
            parts.append(f"{self.nowhere:,} live agents without a position are not drawn")
        if self.dead:
            parts.append(f"{self.dead:,} dead agents are not drawn")
        return "; ".join(parts)


def places(agents: pd.DataFrame) -> NDArray[np.float64]:
    """Coordinates by the number of the agent, NaN for numbers that are not in the table.

    Args:
        agents: rows with `agent`, `x` and `y`.
    """
    number = agents["agent"].to_numpy(int)
    place = np.full((int(number.max(initial=-1)) + 1, 2), np.nan)
    place[number] = agents[["x", "y"]].to_numpy(float)
    return place


@dataclass(frozen=True)
class Recording:
    """One episode of the tables, of which steps are drawn.

    Args:
        agents: rows of the episode, with `x` and `y`.
        edges: layer and rows of the episode.
        column: values of the edges.
        threshold: edges below this share of the largest value of a step are left out.
        most: at most so many edges of a step are shown.
    """

    agents: pd.DataFrame
    edges: Layer
    column: str | None
    threshold: float
    most: int

    def picture(self, time: SupportsIndex) -> Picture:
        """The step at some time.

        Args:
            time: the time.

        Raises:
            ValueError: it was not recorded.
        """
        now = subset(self.agents, self.agents["time"] == index(time))
        if now.empty:
            low, high = self.agents["time"].min(), self.agents["time"].max()
            raise ValueError(f"time is {index(time)}; recorded are {low} to {high}")
        alive = subset(now, now["alive"].to_numpy(bool))
        drawn = subset(alive, np.isfinite(alive[["x", "y"]].to_numpy(float)).all(axis=1))
        rows = subset(self.edges.rows, self.edges.rows["time"] == index(time))
        shown = shown_edges(rows, self.column, places(drawn), self.threshold, self.most)
        return Picture(index(time), drawn, shown, len(now) - len(alive), len(alive) - len(drawn))

    def corners(self, maps: Sequence[Scene]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lower left and upper right corner of all steps, and of maps.

        Args:
            maps: maps that are drawn.
        """
        place = self.agents[["x", "y"]].to_numpy(float)
        place = place[np.isfinite(place).all(1)]
        low, high = (place.min(0), place.max(0)) if len(place) else (np.zeros(2), np.ones(2))
        margin = MARGIN * max(float((high - low).max()), 1e-9)
        edges = [(np.array(each.low), np.array(each.high)) for each in maps]
        # Agents that have left the map are drawn as well.
        outside = any((low < edge[0]).any() or (high > edge[1]).any() for edge in edges)
        if outside or not edges:
            edges.append((low - margin, high + margin))
        low, high = np.min([each[0] for each in edges], 0), np.max([each[1] for each in edges], 0)
        # Agents in one line still have a picture of some height.
        missing = np.maximum(0.25 * float((high - low).max()) - (high - low), 0) / 2
        return low - missing, high + missing

    @property
    def arrow(self) -> str:
        """What the arrows show."""
        text = "arrows point from sender to receiver"
        if self.column is not None:
            text += f"; width and colour: {long_name(self.column)}"
        return text


def recording(
    agents: pd.DataFrame,
    edges: pd.DataFrame,
    episode: SupportsIndex,
    column: str | None,
    layer: tuple[str | None, int | None],
    threshold: float,
    most: int,
) -> Recording:
    """The rows of one episode and layer, with positions of the agents.

    Args:
        agents: one row for each agent and step.
        edges: one row for each edge, layer, round and step.
        episode: number of the episode.
        column: values of the edges.
        layer: name of the layer and number of the round; None for the last ones.
        threshold: edges below this share of the largest value of a step are left out.
        most: at most so many edges of a step are shown.

    Raises:
        ValueError: a column or the episode is missing.
    """
    rows = rows_of(agents, "agents", ("time", "agent", "kind", "alive"), episode)
    found = layer_of(edges, column, *layer)
    own = subset(found.rows, found.rows["episode"] == index(episode))
    place = positions(agents, edges, episode)
    rows = rows.assign(x=place["x"].to_numpy(), y=place["y"].to_numpy())
    return Recording(
        rows, Layer(own, found.name, found.round, found.count), column, threshold, most
    )
