"""Figures of recorded steps: agents at their positions, and arrows between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import index
from typing import Any, SupportsIndex

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from graphmarl.checks import checked
from graphmarl.ranges import FiniteFloat, Inches, NonNegativeInt, PositiveInt, UnitInterval
from graphmarl.results.figures import figure_of, grid_of, new_axes, new_figure
from graphmarl.step import Scene
from graphmarl.visualization.arrows import draw_arrows
from graphmarl.visualization.captions import draw_caption, draw_figure_caption, sentences
from graphmarl.visualization.graphs import draw_legend
from graphmarl.visualization.markers import bare, draw_agents, draw_scene, marker_size
from graphmarl.visualization.recorded_steps import Picture, recording
from graphmarl.visualization.scales import FONT_SIZE, Scale, draw_colour_bar, scale_of

Limits = tuple[FiniteFloat, FiniteFloat]
PLAIN = "#5b6470"
UNWRITTEN = "numbers of agents are not shown"
# Inches that a colour bar takes.
BAR = 0.75
# Inches of a line of text.
LINE = 0.125


@checked
def draw_step(
    agents: pd.DataFrame,
    edges: pd.DataFrame,
    time: SupportsIndex,
    episode: SupportsIndex = 0,
    column: str | None = "attention",
    layer: str | None = None,
    round: NonNegativeInt | None = None,
    scene: Scene | None = None,
    axes: Axes | None = None,
    limits: Limits | None = None,
    threshold: UnitInterval = 0.05,
    most: PositiveInt = 300,
    ids: bool | None = None,
    kinds: Sequence[str] = (),
    width: Inches = 3.4,
) -> Axes:
    """Draw one step: live agents at their positions, and arrows from senders to receivers.

    Width and colour of an arrow are a column of the edges, on a scale of its own; a caption counts
    what is left out. Without positions, agents have the layout of `positions`.

    Args:
        agents: one row for each agent and step, as `Inspection.agents` gives.
        edges: one row for each edge, layer, round and step, as `Inspection.edges` gives.
        time: time of the step.
        episode: number of the episode.
        column: values of the edges; None draws edges alone.
        layer: name of the layer; the last that has the column without it.
        round: number of the round; the last that has the column without it.
        scene: map and objects to draw as well.
        axes: axes to draw on; a figure of its own without it.
        limits: values at both ends of the scale, instead of the smallest and largest drawn.
        threshold: edges below this share of the largest value are left out.
        most: at most so many edges are drawn, the largest ones.
        ids: write the numbers of agents; None writes them where there is room.
        kinds: names of the kinds of agents, for the legend.
        width: of the figure, in inches.

    Raises:
        ValueError: a column, layer, episode or time is not in the tables.
    """
    record = recording(agents, edges, episode, column, (layer, round), threshold, most)
    picture, own = record.picture(time), axes is None
    corners = record.corners([] if scene is None else [scene])
    high = _height(width - (BAR if column else 0.1), corners)
    if axes is None:
        axes = new_axes(width, high + 0.9)
    values = picture.edges.values
    scale = None if values is None else scale_of(values, limits)
    written = _draw(axes, picture, scene, scale, corners, ids, kinds)
    if scale is not None and column is not None:
        draw_colour_bar(axes, scale, column.replace("_", " "), values)
    unwritten = "" if written else UNWRITTEN
    text = sentences(record.arrow, str(record.edges), picture.left_out, unwritten)
    draw_caption(axes, text, 0.95 * width if own else None)
    if own:
        lines = axes.get_xlabel().count("\n") + 1
        figure_of(axes).set_figheight(high + 0.3 + LINE * lines + _legend(axes))
    return axes


@checked
def draw_steps(
    agents: pd.DataFrame,
    edges: pd.DataFrame,
    times: Sequence[Any],
    episode: SupportsIndex = 0,
    column: str | None = "attention",
    layer: str | None = None,
    round: NonNegativeInt | None = None,
    scenes: Mapping[int, Scene] | None = None,
    limits: Limits | None = None,
    threshold: UnitInterval = 0.05,
    most: PositiveInt = 300,
    ids: bool | None = None,
    kinds: Sequence[str] = (),
    columns: PositiveInt = 4,
    width: Inches = 7.0,
) -> Figure:
    """Draw several steps side by side, with one colour scale.

    Args:
        agents: one row for each agent and step, as `Inspection.agents` gives.
        edges: one row for each edge, layer, round and step, as `Inspection.edges` gives.
        times: times of the steps.
        episode: number of the episode.
        column: values of the edges; None draws edges alone.
        layer: name of the layer; the last that has the column without it.
        round: number of the round; the last that has the column without it.
        scenes: map and objects by time, to draw as well.
        limits: values at both ends of the scale, instead of the smallest and largest drawn.
        threshold: edges below this share of the largest value of their step are left out.
        most: at most so many edges of a step are drawn, the largest ones.
        ids: write the numbers of agents; None writes them where there is room.
        kinds: names of the kinds of agents, for the legend.
        columns: steps in one row.
        width: of the figure, in inches.

    Raises:
        ValueError: there are no times, or a column, layer, episode or time is not in the tables.
    """
    if not len(times):
        raise ValueError("times is empty; it must name at least one step")
    record = recording(agents, edges, episode, column, (layer, round), threshold, most)
    pictures = [record.picture(time) for time in times]
    maps = [(scenes or {}).get(index(time)) for time in times]
    corners = record.corners([scene for scene in maps if scene is not None])
    across = min(columns, len(times))
    down = -(-len(times) // across)
    high = down * _height((width - (BAR if column else 0.1)) / across - 0.08, corners)
    figure = new_figure(width, high + 0.3 * down + 0.7)
    panels = grid_of(figure, down, across)
    shown = [each.edges.values for each in pictures if each.edges.values is not None]
    scale = scale_of(np.concatenate(shown), limits) if shown else None
    each = zip(panels, pictures, maps, strict=False)
    written = all([_draw(*one, scale, corners, ids, kinds) for one in each])
    if scale is not None and column is not None:
        draw_colour_bar(panels, scale, column.replace("_", " "), np.concatenate(shown))
    text = sentences(record.arrow, str(record.edges), "" if written else UNWRITTEN)
    _finish(figure, panels, len(times), text, high, down)
    return figure


def _finish(
    figure: Figure, panels: Sequence[Axes], used: int, text: str, high: float, down: int
) -> None:
    """Caption and legend of several steps, and a height of the figure in which they fit."""
    for axes in panels[used:]:
        axes.set_axis_off()
    draw_figure_caption(figure, text)
    lines = max(axes.get_xlabel().count("\n") + bool(axes.get_xlabel()) for axes in panels)
    extra = down * (0.3 + LINE * lines) + LINE * 2.5 + _legend(panels[0], above=True)
    figure.set_figheight(high + extra)


def _height(width: float, corners: tuple[NDArray[Any], NDArray[Any]]) -> float:
    """Height of a map in inches, for its width."""
    across, up = corners[1] - corners[0]
    return float(np.clip(width * up / across, 0.25 * width, 1.4 * width))


def _draw(
    axes: Axes,
    picture: Picture,
    scene: Scene | None,
    scale: Scale | None,
    corners: tuple[NDArray[Any], NDArray[Any]],
    ids: bool | None,
    kinds: Sequence[str],
) -> bool:
    """Draw one step, with what is left out below; returns whether numbers of agents are written."""
    agents, edges = picture.agents, picture.edges
    size, written = marker_size(axes, len(picture.place), ids)
    kind = agents["kind"].to_numpy(int)
    names = tuple(kinds) or _names(int(kind.max(initial=0)) + 1)
    if scene is not None:
        draw_scene(axes, scene, 0.5 * size)
    numbers = agents["agent"].tolist() if written else None
    draw_agents(axes, agents[["x", "y"]].to_numpy(float), kind, names, size, numbers)
    values = PLAIN if edges.values is None else edges.values
    thin = min(1.0, 0.3 + 4 * len(agents) / (len(agents) + len(edges.ends) + 1e-9))
    draw_arrows(axes, picture.place, edges.ends, values, scale, size**0.5 / 2, thin)
    bare(axes)
    axes.set_title(f"step {picture.time}", fontsize=FONT_SIZE + 1)
    draw_caption(axes, picture.left_out)
    axes.set_xlim(corners[0][0], corners[1][0])
    axes.set_ylim(corners[0][1], corners[1][1])
    return written


def _legend(axes: Axes, above: bool = False) -> float:
    """The legend of a figure if there is more than one thing; returns its height in inches."""
    if len(axes.get_legend_handles_labels()[1]) < 2:
        return 0.0
    legend = draw_legend(figure_of(axes), fontsize=FONT_SIZE, above=above)
    return 0.1 + LINE * 1.4 * -(-len(legend.get_texts()) // legend._ncols)  # type: ignore[attr-defined]


def _names(count: int) -> tuple[str, ...]:
    return ("agents",) if count == 1 else tuple(f"agents of kind {i}" for i in range(count))
