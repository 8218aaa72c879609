"""Pictures of recorded episodes, as methods of an inspection."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from graphmarl.experiment.inspection.agreement import KEYS
from graphmarl.experiment.inspection.recorded import Tables
from graphmarl.results.figures import svg_of
from graphmarl.step import Scene
from graphmarl.visualization.agent_figures import draw_step, draw_steps
from graphmarl.visualization.heat_maps import draw_difference, draw_heat_map
from graphmarl.visualization.layout import positions
from graphmarl.visualization.statistics_figures import draw_statistics
from graphmarl.visualization.viewer import Viewer, viewer

LARGE = 2_000_000
"""Edges of all steps times agents, above which an interactive graph is drawn without importance
unless it is asked for."""


@dataclass(frozen=True, repr=False)
class Pictures(Tables):
    """Recorded episodes that are drawn."""

    @abstractmethod
    def importance(self) -> pd.DataFrame:
        """Importance of each edge in each step."""

    def edges(self, messages: bool = False, importance: bool = False) -> pd.DataFrame:
        """One row for each edge, layer, round and step; see `Tables.edges`.

        Args:
            messages: also the numbers of the messages, as `message_0` and so on.
            importance: also `importance` and `action_changed`, of all layers and rounds together.
        """
        table = super().edges(messages)
        return table.merge(self.importance(), "left", KEYS) if importance else table

    @property
    def scenes(self) -> dict[int, Scene]:
        """Map and objects of the first episode, by time."""
        found = [(int(each.step.time[0]), each) for each in self.recorded if each.running[0]]
        return {time: each.scene for time, each in found if each.scene is not None}

    @property
    def column(self) -> str | None:
        """What edges are drawn with by default: `attention`, `norm` of messages, or nothing."""
        has = self.contents
        return "attention" if has["attention"] else "norm" if has["messages"] else None

    def _edges_with(self, column: str | None) -> pd.DataFrame:
        """The table of edges with a column, which is computed if it is the importance."""
        counted = column in ("importance", "action_changed")
        return self.edges(str(column).startswith("message_"), importance=counted)

    def draw(
        self, step: int | Sequence[int] = 0, column: str | None = "", **options: Any
    ) -> Axes | Figure:
        """Draw one step, or several side by side, with matplotlib.

        Args:
            step: time of the step, or times.
            column: values of the edges, such as `attention`, `attention_1`, `norm` or `importance`;
                None draws edges alone; by default `attention`, or `norm` without it.
            options: of `draw_step` or `draw_steps`, such as `episode`, `layer` and `width`.

        Raises:
            ValueError: a column, layer, episode or step that was not recorded.
        """
        column = self.column if column == "" else column
        tables, other = (self.agents(), self._edges_with(column)), bool(options.get("episode"))
        if isinstance(step, Sequence):
            shown: dict[str, Any] = {} if other else {"scenes": self.scenes}
            return draw_steps(*tables, step, column=column, **(shown | options))
        shown = {} if other else {"scene": self.scenes.get(step)}
        return draw_step(*tables, step, column=column, **(shown | options))

    def heat_map(self, column: str | None = None, **options: Any) -> Axes:
        """Draw the mean of a column for each pair of sender and receiver.

        Args:
            column: values of the edges; by default `attention`, or `norm` without it.
            options: of `draw_heat_map`, such as `layer` and `width`.

        Raises:
            ValueError: there is no such column or layer.
        """
        column = column or self.column or "importance"
        size: dict[str, Any] = {"num_agents": self.spec.num_agents}
        return draw_heat_map(self._edges_with(column), column, **(size | options))

    def statistics(self, columns: Sequence[str] | None = None, **options: Any) -> Figure:
        """Draw statistics of the graph over time.

        Args:
            columns: columns of `steps`; by default degree, reciprocity, components, entropy of
                attention, information range and turnover of edges.
            options: of `draw_statistics`.

        Raises:
            ValueError: there is no such column.
        """
        return draw_statistics(self.steps(), columns, **options)

    def difference(
        self, other: Pictures, column: str | None = None, names: tuple[str, str] = ("", "")
    ) -> Figure:
        """Draw the means of two recordings for each pair of agents, and their difference.

        Args:
            other: the second recording; `replay` gives one of the same states.
            column: values of the edges; by default `attention`, or `norm` without it.
            names: names of the two; by default their titles.

        Raises:
            ValueError: the recordings are not of the same states, or lack the column.
        """
        if not self.same_states(other):
            raise ValueError(
                "the recordings are of different states; make the second one by `replay`"
            )
        column = column or self.column or "importance"
        titles = names if any(names) else (self.title, other.title)
        tables = self._edges_with(column), other._edges_with(column)
        return draw_difference(*tables, titles, column, self.spec.num_agents)

    def same_states(self, other: Tables) -> bool:
        """Whether two recordings are of the same observations.

        Args:
            other: the other recording.
        """
        pairs = zip(self.recorded, other.recorded, strict=False)
        return len(self.recorded) == len(other.recorded) and all(
            one.step.obs.shape == two.step.obs.shape and bool((one.step.obs == two.step.obs).all())
            for one, two in pairs
        )

    def view(
        self, importance: bool | None = None, episode: int | None = None, **options: Any
    ) -> Viewer:
        """An interactive graph with a slider over the steps, which a notebook shows.

        Args:
            importance: also the importance of edges; by default unless there are very many.
            episode: only this episode.
            options: of `viewer`, such as `numbers` (those of messages) and `height`.

        Raises:
            ImportError: plotly is not installed.
            ValueError: there is no such episode.
        """
        count = sum(each.edge_index.shape[1] for each in self.recorded) * self.spec.num_agents
        wanted = count <= LARGE if importance is None else importance
        numbers = bool(options.get("numbers", False))
        edges = self.edges(messages=numbers, importance=wanted)
        agents = self.agents()
        place = None if "x" in agents else self._layout(agents, edges)
        shown: dict[str, Any] = {"title": self.title, "positions": place, "episode": episode}
        return viewer(agents, edges, self.scenes, **(shown | options))

    def _layout(self, agents: pd.DataFrame, edges: pd.DataFrame) -> pd.DataFrame:
        """Positions of agents without any, the same in all episodes: those of all edges."""
        together = edges.assign(episode=0)
        first = pd.DataFrame(agents[agents["episode"] == 0])
        fixed = positions(first, together).drop_duplicates("agent")
        times = np.unique(agents["time"])
        return fixed.drop(columns="time").merge(pd.DataFrame({"time": times}), how="cross")

    def _repr_html_(self) -> str:
        """What was recorded, and a picture of the first step with the most edges."""
        counts = [
            int(each.edge_index.shape[1]) if each.running[0] else -1 for each in self.recorded
        ]
        picture = self.draw(int(np.argmax(counts)))
        return f"<p>{escape(repr(self))}</p>{svg_of(picture)}"
