"""Heat maps of receivers by senders, and differences of two recordings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from graphmarl.checks import checked
from graphmarl.ranges import Agents, FiniteFloat, Inches, NonNegativeInt
from graphmarl.results.figures import figure_of, grid_of, new_axes, new_figure
from graphmarl.visualization.captions import draw_caption, draw_figure_caption, sentences
from graphmarl.visualization.edge_rows import Layer, layer_of
from graphmarl.visualization.scales import FONT_SIZE, Scale, draw_colour_bar, long_name, scale_of

Matrix = NDArray[np.float64]
EMPTY = "hatched: no edge"


def mean_matrix(
    edges: pd.DataFrame,
    column: str = "attention",
    num_agents: int | None = None,
    layer: str | None = None,
    round: int | None = None,
) -> Matrix:
    """Mean of a column over steps and episodes, receivers as rows and senders as columns.

    The mean is over the steps in which the edge exists; it is NaN where it never does.

    Args:
        edges: one row for each edge, layer, round and step, as `Inspection.edges` gives.
        column: the column.
        num_agents: slots for agents; one more than the largest number in the table without it.
        layer: name of the layer; the last that has the column without it.
        round: number of the round; the last that has the column without it.

    Raises:
        ValueError: a column, layer or round is not in the table, or there are more agents.
    """
    return _means(layer_of(edges, column, layer, round), column, num_agents)


def _means(found: Layer, column: str, num_agents: int | None) -> Matrix:
    largest = _largest(found.rows)
    count = largest + 1 if num_agents is None else num_agents
    if largest >= count:
        raise ValueError(f"num_agents is {count}; the table has an agent {largest}")
    value = found.rows[column].to_numpy(float)
    there = np.isfinite(value)
    ends = found.rows[["receiver", "sender"]].to_numpy(int)[there]
    total, number = np.zeros((count, count)), np.zeros((count, count))
    np.add.at(total, (ends[:, 0], ends[:, 1]), value[there])
    np.add.at(number, (ends[:, 0], ends[:, 1]), 1)
    return np.divide(total, number, out=np.full_like(total, np.nan), where=number > 0)


def _largest(edges: pd.DataFrame) -> int:
    return int(edges[["receiver", "sender"]].to_numpy(int).max(initial=0))


@checked
def draw_heat_map(
    edges: pd.DataFrame,
    column: str = "attention",
    num_agents: Agents | None = None,
    layer: str | None = None,
    round: NonNegativeInt | None = None,
    axes: Axes | None = None,
    limits: tuple[FiniteFloat, FiniteFloat] | None = None,
    signed: bool = False,
    width: Inches = 3.4,
) -> Axes:
    """Draw the mean of a column for each pair of agents, receivers as rows and senders as columns.

    Args:
        edges: one row for each edge, layer, round and step, as `Inspection.edges` gives.
        column: the column.
        num_agents: slots for agents; one more than the largest number in the table without it.
        layer: name of the layer; the last that has the column without it.
        round: number of the round; the last that has the column without it.
        axes: axes to draw on; a figure of its own without it.
        limits: values at both ends of the scale, instead of the smallest and largest mean.
        signed: use colours that diverge from zero, on a scale that is symmetric about it.
        width: of the figure, in inches.

    Raises:
        ValueError: a column, layer or round is not in the table, or there are more agents.
    """
    found = layer_of(edges, column, layer, round)
    means, own = _means(found, column, num_agents), axes is None
    scale = scale_of(means, limits)
    if signed:
        most = max(abs(scale.low), abs(scale.high))
        scale = Scale(-most, most, True)
    if axes is None:
        axes = new_axes(width, width - 0.15)
    _draw_matrix(axes, means, scale)
    draw_colour_bar(axes, scale, column.replace("_", " "), means)
    text = sentences(_what(found, column), _pairs(means), EMPTY)
    if own:
        draw_figure_caption(figure_of(axes), text)
    else:
        draw_caption(axes, text, first="sender")
    return axes


def _what(found: Layer, column: str) -> str:
    """What a heat map shows, over which steps."""
    steps = len(found.rows[["episode", "time"]].drop_duplicates())
    text = f"{long_name(column)}, mean over those of {steps:,} steps in which the edge exists"
    return f"{text}; {found}" if str(found) else text


def _pairs(means: Matrix) -> str:
    count, all_pairs = int(np.isfinite(means).sum()), len(means) * (len(means) - 1)
    return f"{count:,} of {all_pairs:,} ordered pairs of agents have an edge"


def _draw_matrix(axes: Axes, means: Matrix, scale: Scale) -> None:
    """Draw a matrix over a hatched ground, which shows where there is nothing."""
    size = len(means)
    style: dict[str, Any] = {"facecolor": "white", "edgecolor": "0.78", "linewidth": 0}
    ground = Rectangle((-0.5, -0.5), size, size, hatch="//////", zorder=0, **style)
    axes.add_patch(ground)
    norm = Normalize(scale.low, scale.high)
    axes.imshow(means, cmap=scale.colours, norm=norm, interpolation="nearest", zorder=1)
    axes.set_xlim(-0.5, size - 0.5)
    axes.set_ylim(size - 0.5, -0.5)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(8, integer=True, min_n_ticks=1))
    axes.tick_params(labelsize=FONT_SIZE, width=0.5, length=2)
    axes.spines[:].set_linewidth(0.5)
    axes.set_ylabel("receiver", fontsize=FONT_SIZE)
    axes.set_xlabel("sender", fontsize=FONT_SIZE)


@checked
def draw_difference(
    first: pd.DataFrame,
    second: pd.DataFrame,
    names: tuple[str, str] = ("first", "second"),
    column: str = "attention",
    num_agents: Agents | None = None,
    layer: str | None = None,
    round: NonNegativeInt | None = None,
    width: Inches = 7.0,
) -> Figure:
    """Draw the means of two recordings as heat maps, and the second less the first.

    Edges that only one of the two has are marked in the difference.

    Args:
        first: edges of the first recording.
        second: edges of the second recording.
        names: names of the two.
        column: the column.
        num_agents: slots for agents; one more than the largest number in the tables without it.
        layer: name of the layer; the last of each that has the column without it.
        round: number of the round; the last of each that has the column without it.
        width: of the figure, in inches.

    Raises:
        ValueError: a column, layer or round is not in a table, or there are more agents.
    """
    found = [layer_of(each, column, layer, round) for each in (first, second)]
    count = num_agents or max(_largest(each.rows) for each in found) + 1
    one, two = (_means(each, column, count) for each in found)
    figure = new_figure(width, (width - 2.4) / 3 + 1.0)
    panels = grid_of(figure, 1, 3)
    scale = scale_of(np.concatenate([one, two]))
    for axes, means, name in zip(panels, (one, two), names, strict=False):
        _draw_matrix(axes, means, scale)
        axes.set_title(name, fontsize=FONT_SIZE + 1)
    draw_colour_bar(panels[1], scale, column.replace("_", " "))
    change = two - one
    most = float(np.nanmax(np.abs(change))) if np.isfinite(change).any() else 0.0
    signed = Scale(-most or -1.0, most or 1.0, True)
    _draw_matrix(panels[2], change, signed)
    panels[2].set_title(f"{names[1]} - {names[0]}", fontsize=FONT_SIZE + 1)
    draw_colour_bar(panels[2], signed, f"difference of {column.replace('_', ' ')}")
    marks = _draw_marks(panels[2], one, two, names)
    texts = [_what(each, column) for each in found]
    if texts[0] != texts[1]:
        texts = [f"{name}: {text}" for name, text in zip(names, texts, strict=True)]
    draw_figure_caption(figure, sentences(*dict.fromkeys(texts), marks, EMPTY))
    return figure


def _draw_marks(axes: Axes, one: Matrix, two: Matrix, names: Sequence[str]) -> str:
    """Mark edges that only one of two has; returns how many, in words."""
    figure, size = figure_of(axes), len(one)
    cell = 72 * figure.get_figwidth() * axes.get_position().width / size
    parts = []
    for mine, other, name, mark in ((one, two, names[0], "o"), (two, one, names[1], "^")):
        where = np.argwhere(np.isfinite(mine) & ~np.isfinite(other))
        area = max(0.5 * cell, 1.2) ** 2
        face = "white" if mark == "o" else "black"
        style: dict[str, Any] = {"c": face, "edgecolors": "black", "linewidths": min(0.6, cell / 8)}
        axes.scatter(where[:, 1], where[:, 0], s=area, marker=mark, zorder=2, **style)
        shape = "circle" if mark == "o" else "triangle"
        parts.append(f"{len(where):,} edges only in {name} ({shape})")
    return ", ".join(parts)
