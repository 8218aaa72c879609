"""Figures of statistics of the agent graph over time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, ScalarFormatter
from numpy.typing import NDArray

from graphmarl.checks import checked
from graphmarl.ranges import Inches
from graphmarl.results.figures import grid_of, new_axes, new_figure
from graphmarl.results.stats import confidence_interval
from graphmarl.visualization.captions import draw_figure_caption, sentences
from graphmarl.visualization.layout import check_table
from graphmarl.visualization.scales import FONT_SIZE

NAMES = {
    "agents": "live agents",
    "edges": "edges",
    "degree": "in-degree (edges per agent)",
    "reciprocity": "reciprocity (share of edges)",
    "components": "components",
    "messages": "messages per step",
    "bits": "bits per step",
    "entropy": "entropy of attention (nat)",
    "range": "information range (agents)",
    "turnover": "turnover (share of edges)",
    "reward": "reward of the team",
}
GRAPH = ("degree", "reciprocity", "components", "entropy", "range", "turnover")
COLOUR = "#0072b2"
PANEL = 2.3
"""Inches of one panel, at least."""


@checked
def draw_statistics(
    steps: pd.DataFrame, columns: Sequence[str] | None = None, width: Inches = 7.0
) -> Figure:
    """Draw statistics of the graph over the steps of an episode, the mean over episodes.

    Several episodes have a band, the 95 % interval of the mean over the episodes that still run.
    Columns without numbers are left out, and named below.

    Args:
        steps: one row for each episode and step, as `Inspection.steps` gives.
        columns: the columns; without them degree, reciprocity, components, entropy, range and
            turnover.
        width: of the figure, in inches.

    Raises:
        ValueError: a column is missing, or none has numbers.
    """
    check_table(steps, "steps", ("episode", "time", *(columns or ())))
    wanted = GRAPH if columns is None else tuple(columns)
    there = [name for name in wanted if name in steps and steps[name].notna().to_numpy().any()]
    if not there:
        raise ValueError(f"columns are {', '.join(wanted) or 'empty'}; none has numbers")
    across = min(len(there), max(1, round(width / PANEL)))
    down = -(-len(there) // across)
    figure = new_figure(width, 1.45 * down + 0.45)
    panels = grid_of(figure, down, across, sharex=True)
    drawn = [(name, _draw(axes, steps, name)) for name, axes in zip(there, panels, strict=False)]
    cut = [name for name, outside in drawn if outside]
    for number, axes in enumerate(panels):
        if number >= len(there):
            axes.set_axis_off()
        elif number + across >= len(there):
            axes.set_xlabel("step", fontsize=FONT_SIZE)
            axes.tick_params(labelbottom=True)
    missing = [name for name in wanted if name not in there]
    text = [_episodes(steps)]
    text.append(f"the band leaves the axes in {', '.join(cut)}" if cut else "")
    text.append(f"without numbers: {', '.join(missing)}" if missing else "")
    draw_figure_caption(figure, sentences(*text))
    return figure


def _draw(axes: Axes, steps: pd.DataFrame, name: str) -> bool:
    """Draw one statistic; returns whether a part of its band is outside the axes."""
    times, mean, half, low, high = _summary(steps, name)
    several = np.isfinite(half)
    axes.plot(times, mean, color=COLOUR, linewidth=1.2, marker="o" * (len(times) == 1))
    bottom, top = mean - half, mean + half
    band = {"color": COLOUR, "alpha": 0.2, "linewidth": 0}
    axes.fill_between(times, bottom, top, where=several.tolist(), **band)
    # The interval of two or three episodes can be many times as wide as all that was measured.
    margin = 0.15 * (high.max() - low.min()) or 0.05 * abs(high.max()) or 0.05
    axes.set_ylim(low.min() - margin, high.max() + margin)
    axes.set_title(NAMES.get(name, name.replace("_", " ")), fontsize=FONT_SIZE, loc="left")
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.yaxis.set_major_formatter(ScalarFormatter(useOffset=False))
    axes.tick_params(labelsize=FONT_SIZE, width=0.5, length=2)
    axes.spines[:].set_linewidth(0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25, linewidth=0.5)
    inside = axes.get_ylim()
    return bool(((bottom < inside[0]) | (top > inside[1]))[several].any())


def _summary(steps: pd.DataFrame, name: str) -> list[NDArray[np.float64]]:
    """Times, and at each the mean, the half-width of its interval, the minimum and maximum."""
    rows = []
    numbers = steps[["time", name]].dropna()
    for time, values in numbers.groupby("time")[name]:
        found = [float(value) for value in values]
        interval = confidence_interval(found)
        rows.append((time, interval.mean, interval.half_width, min(found), max(found)))
    return list(np.array(rows, dtype=float).T)


def _episodes(steps: pd.DataFrame) -> str:
    """Over how many episodes a mean is taken."""
    lengths = [int(count) for count in steps.groupby("episode").size()]
    if len(lengths) == 1:
        return "one episode"
    text = f"mean over {len(lengths)} episodes with its 95 % interval"
    if min(lengths) < max(lengths):
        text += f"; they have {min(lengths)} to {max(lengths)} steps, and each ends with its last"
    return text


@checked
def draw_deletion(curve: pd.DataFrame, axes: Axes | None = None, width: Inches = 3.4) -> Axes:
    """Draw the return of a policy against the share of edges that is removed.

    Args:
        curve: table with `by`, `share`, `return` and `half_width`, as `deletion_curve` gives.
        axes: axes to draw on; a figure of its own without it.
        width: of the figure, in inches.

    Raises:
        ValueError: a column is missing.
    """
    check_table(curve, "curve", ("by", "share", "return", "half_width"))
    if axes is None:
        axes = new_axes(width, 0.8 * width)
    styles = zip(("#0072b2", "#d55e00", "#4d4d4d"), "os^", ("-", "--", ":"), strict=True)
    for (name, part), (colour, marker, line) in zip(
        curve.groupby("by", sort=False), styles, strict=False
    ):
        spread = part["half_width"].to_numpy(float)
        options: dict[str, Any] = {"color": colour, "marker": marker, "linestyle": line}
        options |= {"markersize": 3.5, "linewidth": 1.1, "capsize": 2, "label": str(name)}
        share = 100 * part["share"].to_numpy(float)
        axes.errorbar(share, part["return"].to_numpy(float), spread, **options)
    axes.set_xlabel("edges removed in each step, in %", fontsize=FONT_SIZE)
    axes.set_ylabel("return, 95 % interval over episodes", fontsize=FONT_SIZE)
    axes.tick_params(labelsize=FONT_SIZE, width=0.5, length=2)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25, linewidth=0.5)
    axes.legend(title="removed by", fontsize=FONT_SIZE, title_fontsize=FONT_SIZE, frameon=False)
    return axes
