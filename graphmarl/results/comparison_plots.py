"""Plots of compared algorithms: curves with bands, intervals, profiles and improvements."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import fill
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from graphmarl.results.comparison import Comparison
from graphmarl.results.figures import figure_of, grid_of, new_axes, new_figure
from graphmarl.results.stats import curve_estimates, estimates, improvement, over_seeds, profiles

# The palette of Okabe and Ito without its yellow, which is hard to see on white. Colours and
# dashes have periods of 7 and 4, so that 28 algorithms differ, and neighbours do in grey.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#56B4E9", "#E69F00")
STYLES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
WIDTH = 4.8
"""Width of a figure on a page, in inches."""
HEIGHT = 3.3
"""Its height without names."""
LABEL = 30
"""Characters of a line of a name."""


def style_of(number: int) -> dict[str, Any]:
    """Colour and dashes of an algorithm.

    Args:
        number: its place among the algorithms.
    """
    return {"color": COLOURS[number % len(COLOURS)], "linestyle": STYLES[number % len(STYLES)]}


def draw_band(
    axes: Axes, steps: np.ndarray, scores: np.ndarray, number: int, label: str | None = None
) -> None:
    """A curve of the interquartile mean over runs, with a band where there are several.

    Args:
        axes: axes to draw on.
        steps: environment steps.
        scores: a score for each run, environment and step.
        number: place of the algorithm, for its style.
        label: its name in the legend.
    """
    style = style_of(number)
    middle, low, high = curve_estimates(scores)
    marker = MARKERS[number % len(MARKERS)] if len(steps) == 1 else None
    axes.plot(steps, middle, linewidth=1.6, label=label, marker=marker, **style)
    if len(scores) > 1 and len(steps) == 1:
        axes.plot(np.repeat(steps, 2), [low[0], high[0]], color=style["color"], linewidth=1.6)
    elif len(scores) > 1:
        axes.fill_between(steps, low, high, color=style["color"], alpha=0.15, linewidth=0)


def draw_curves(found: Comparison, environment: str, axes: Axes | None = None) -> Axes:
    """Learning curves: interquartile means over seeds with bootstrap 95 % bands.

    Args:
        found: the comparison.
        environment: name of the environment.
        axes: axes to draw on; a new figure without it.
    """
    own = axes is None
    axes = new_axes(WIDTH, HEIGHT) if axes is None else axes
    for number, name in enumerate(found.algorithms):
        for cell, curve in found.curves:
            if (cell.algorithm, cell.environment) == (name, environment) and curve:
                draw_band(axes, curve.steps, curve.values[:, None], number, name)
    axes.set_xlabel("environment steps")
    axes.set_ylabel(f"{found.metric(environment).replace('_', ' ')} in {found.source}, IQM")
    axes.grid(alpha=0.3)
    return _finish(axes) if own else axes


def draw_joint_curves(found: Comparison) -> Axes | None:
    """Sample efficiency: the normalised score over all environments against environment steps.

    Args:
        found: the comparison.

    Returns:
        None if the curves have no steps in common.
    """
    steps, scores = found.joint_curves()
    if not scores:
        return None
    axes = new_axes(WIDTH, HEIGHT)
    for number, name in enumerate(found.algorithms):
        if name in scores:
            draw_band(axes, steps, scores[name], number, name)
    axes.set_xlabel("environment steps")
    axes.set_ylabel("normalised score, IQM")
    return _finish(axes)


def draw_profiles(found: Comparison) -> Axes:
    """Performance profiles: the share of runs above each score.

    Args:
        found: the comparison.
    """
    every = np.concatenate([each.ravel() for each in found.scores.values()])
    margin = 0.05 * (np.ptp(every) or 1.0)
    table = profiles(found.scores, np.linspace(every.min() - margin, every.max() + margin, 101))
    axes = new_axes(WIDTH, HEIGHT)
    for name, part in table.groupby("algorithm", sort=False):
        style = style_of(found.algorithms.index(str(name)))
        tau = part["tau"].to_numpy(float)
        # Shares jump at the scores of the runs.
        axes.step(tau, part["share"], where="post", linewidth=1.6, label=str(name), **style)
        low, high = (part[end].to_numpy(float) for end in ("low", "high"))
        axes.fill_between(
            tau, low, high, step="post", color=style["color"], alpha=0.15, linewidth=0
        )
    axes.set_xlabel(_score(found))
    axes.set_ylabel("share of runs above it")
    axes.set_ylim(-0.02, 1.02)
    return _finish(axes)


def draw_improvement(found: Comparison) -> Axes:
    """Probability that the best algorithm is better than each other, with 95 % intervals.

    Args:
        found: the comparison, of at least two algorithms.
    """
    assert found.best is not None, "something was evaluated"
    table = improvement(found.scores, found.best).set_index("than")
    axes = new_axes(WIDTH, 1.3 + 0.35 * len(table))
    axes.axvline(0.5, color="#777777", linewidth=1, linestyle=":")
    for place, (name, row) in enumerate(table.iterrows()):
        number = found.algorithms.index(str(name))
        draw_interval(axes, place, number, *row[["probability", "low", "high"]])
    _rows(axes, [str(name) for name in table.index])
    axes.set_xlim(-0.03, 1.03)
    axes.set_xlabel("probability of improvement")
    return axes


def draw_aggregates(found: Comparison) -> Axes:
    """Interquartile mean of each algorithm over all environments, with its 95 % interval.

    Args:
        found: the comparison.
    """
    table = estimates(found.scores)
    axes = new_axes(WIDTH, 1.3 + 0.35 * len(table))
    for place, (name, row) in enumerate(table.iterrows()):
        number = found.algorithms.index(str(name))
        draw_interval(axes, place, number, *row[["iqm", "iqm_low", "iqm_high"]])
    _rows(axes, [str(name) for name in table.index])
    axes.set_xlabel(f"{_score(found)}, IQM")
    return axes


def draw_finals(found: Comparison, environment: str, axes: Axes | None = None) -> Axes:
    """Final results: each seed as a dot, and the interquartile mean with its 95 % interval.

    Args:
        found: the comparison.
        environment: name of the environment.
        axes: axes to draw on; a new figure without it.
    """
    cells = found.of(environment)
    axes = new_axes(WIDTH, 1.3 + 0.35 * len(cells)) if axes is None else axes
    for place, cell in enumerate(cells):
        if not cell.returns:
            continue
        number = found.algorithms.index(cell.algorithm)
        colour = style_of(number)["color"]
        axes.plot(cell.returns, [place] * len(cell.returns), ".", color=colour, alpha=0.45)
        row = over_seeds(tuple(cell.returns))
        draw_interval(axes, place, number, row["iqm"], row["iqm_low"], row["iqm_high"])
    labels = [
        f"{c.algorithm} ({c.unfinished} unfinished)" if c.unfinished else c.algorithm for c in cells
    ]
    _rows(axes, labels)
    axes.set_xlabel(f"final {found.metric(environment).replace('_', ' ')}, IQM")
    return axes


def draw_interval(
    axes: Axes, place: int, number: int, value: float, low: float, high: float
) -> None:
    """A number with its interval, if it has one.

    Args:
        axes: axes to draw on.
        place: height at which it is drawn.
        number: place of the algorithm, for its style.
        value: the number.
        low: lower end; NaN for one seed.
        high: upper end.
    """
    colour, marker = style_of(number)["color"], MARKERS[number % len(MARKERS)]
    axes.plot([low, high], [place] * 2, "-", color=colour, linewidth=1.6)
    axes.plot(value, place, marker, color=colour, markersize=6)


def draw_results(found: Comparison) -> Figure:
    """For each environment the learning curves, beside the final results.

    Args:
        found: the comparison.
    """
    environments = found.environments
    most = max(len(found.of(each)) for each in environments)
    height = max(4.0, 1.6 + 0.32 * most) * len(environments)
    figure = new_figure(13, height)
    rows = grid_of(figure, len(environments), 2)
    for row, environment in enumerate(environments):
        left, right = rows[2 * row], rows[2 * row + 1]
        draw_curves(found, environment, left)
        draw_finals(found, environment, right)
        if len(environments) > 1:
            left.set_title(environment, fontsize=10)
    add_legend(rows[::2], height)
    return figure


def _rows(axes: Axes, labels: Sequence[str]) -> None:
    """Names at the places of rows, the first on top."""
    axes.set_yticks(range(len(labels)), [fill(each, LABEL) for each in labels], fontsize=9)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.grid(axis="x", alpha=0.3)


def _score(found: Comparison) -> str:
    if found.normalised:
        return "normalised score"
    return f"{'minus ' if found.lower_is_better else ''}{found.metric().replace('_', ' ')}"


def _finish(axes: Axes) -> Axes:
    """A grid, and names under the axes, in a figure that is as high as they need."""
    axes.grid(alpha=0.3)
    add_legend([axes], HEIGHT)
    return axes


def add_legend(several: Sequence[Axes], height: float) -> None:
    """The names of all curves under the figure, which is made higher by them.

    Args:
        several: axes of one figure.
        height: height of the figure without names, in inches.
    """
    found = [axes.get_legend_handles_labels() for axes in several]
    handles = {
        name: line for lines, names in found for line, name in zip(lines, names, strict=True)
    }
    figure, width = figure_of(several[0]), max(map(len, handles), default=0)
    if not handles:
        return
    names = [fill(name, 2 * LABEL) for name in handles]
    columns = max(1, int(figure.get_figwidth() / (0.5 + 0.075 * min(width, 2 * LABEL))))
    lines = -(-len(names) // columns) * max(name.count("\n") + 1 for name in names)
    figure.set_figheight(height + 0.17 * lines)
    figure.legend(
        handles.values(),
        names,
        loc="outside lower center",
        ncols=columns,
        fontsize=9,
        frameon=False,
    )
