"""Plots of transfer: a matrix of what was trained against where it was evaluated, and curves."""

from __future__ import annotations

from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from graphmarl.results.comparison_plots import HEIGHT, LABEL, WIDTH, draw_band
from graphmarl.results.figures import figure_of, new_axes
from graphmarl.results.transfer import transfer_matrix, transfer_values

DARK = 0.55
"""Share of the colour scale up to which a text is white."""


def draw_transfer_matrix(found: pd.DataFrame, changed: str, metric: str = "return") -> Axes:
    """Means over seeds as colours and numbers: rows were trained, columns evaluated.

    Args:
        found: of `read_transfer`.
        changed: the option, or `graph`.
        metric: the metric.
    """
    matrix = transfer_matrix(found, changed, metric)
    rows, columns = matrix.shape
    values = matrix.to_numpy(float)
    names = [fill(str(each), LABEL) for each in matrix.index]
    lines = sum(name.count("\n") + 1 for name in names)
    axes = new_axes(max(WIDTH, 4.2 + 0.7 * columns), 1.2 + max(0.4 * rows, 0.2 * lines))
    image = axes.imshow(np.ma.masked_invalid(values), cmap="viridis", aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        known = bool(np.isfinite(value))
        colour = "white" if known and image.norm(value) < DARK else "black"
        text = f"{value:.4g}" if known else "none"
        axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=8)
    axes.set_xticks(range(columns), [str(each) for each in matrix.columns])
    axes.set_yticks(range(rows), names, fontsize=8)
    axes.set_xlabel(f"{changed} in evaluation")
    axes.set_ylabel("trained")
    figure_of(axes).colorbar(image, ax=axes, label=metric.replace("_", " "))
    return axes


def draw_transfer_curve(found: pd.DataFrame, changed: str, metric: str = "return") -> Axes | None:
    """The metric against the value of an option: interquartile means with 95 % bands over seeds.

    Args:
        found: of `read_transfer`.
        changed: the option.
        metric: the metric.

    Returns:
        the axes; None where the values are no numbers, or fewer than two.
    """
    tables = transfer_values(found, changed, metric)
    try:
        numbers = np.array([float(each) for each in map(str, next(iter(tables.values())))])
    except ValueError:
        return None
    if len(numbers) < 2:
        return None
    axes = new_axes(1.5 * WIDTH, HEIGHT)
    for place, (label, table) in enumerate(tables.items()):
        values = table.to_numpy(float)
        there = np.isfinite(values).all(0)
        if there.any():
            name = fill(label, LABEL)
            draw_band(axes, numbers[there], values[:, there][:, None], place, name)
    axes.set_xlabel(f"{changed.replace('_', ' ')} in evaluation")
    axes.set_ylabel(f"{metric.replace('_', ' ')}, IQM")
    axes.grid(alpha=0.3)
    if axes.get_legend_handles_labels()[1]:
        # Beside the axes, where curves of any length leave it room.
        axes.legend(fontsize=7, title="trained", loc="upper left", bbox_to_anchor=(1.01, 1.0))
    return axes
