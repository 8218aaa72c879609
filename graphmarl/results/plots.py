"""Plots of results: learning curves, final returns and message cuts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes

from graphmarl.results.figures import new_axes, new_figure, save_picture, svg_of
from graphmarl.results.stats import confidence_interval
from graphmarl.results.tables import CellResult

__all__ = [
    "curve_svg",
    "draw_curve",
    "draw_cut_curve",
    "draw_results",
    "save_picture",
    "svg_of",
]

POINTS = 100
STYLES = ("-", "--")


def draw_results(cells: Sequence[CellResult]) -> tuple[Axes, Axes]:
    """Plot learning curves with bands, beside final returns with 95 % intervals.

    Bands are 95 % intervals over seeds of the training return, where all seeds have values; final
    returns are of the evaluations. The names on the right are the legend.

    Args:
        cells: results of the cells; colour and dashes distinguish up to 20.
    """
    figure = new_figure(13, max(4.0, 1.6 + 0.32 * len(cells)))
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    metric = next((cell.metric for cell in cells if cell.returns), "return")
    colours = colormaps["tab10"].colors  # type: ignore[attr-defined]
    for number, cell in enumerate(cells):
        colour = colours[number % len(colours)]
        style = STYLES[number // len(colours) % len(STYLES)]
        _draw_curve(left, cell, colour, style)
        _draw_final(right, cell, number, colour, style)
    left.set_xlabel("environment steps")
    left.set_ylabel(f"{metric.replace('_', ' ')} in training")
    right.set_xlabel(f"final {metric.replace('_', ' ')}, 95 % interval over seeds")
    right.set_yticks(range(len(cells)), [_label(cell) for cell in cells], fontsize=8)
    right.set_ylim(len(cells) - 0.5, -0.5)
    right.grid(axis="x", alpha=0.3)
    right.yaxis.tick_right()
    # Between the frame and each name is the line that it has on the left.
    right.tick_params(axis="y", length=0, pad=36)
    return left, right


def _label(cell: CellResult) -> str:
    return f"{cell.name} ({cell.unfinished} unfinished)" if cell.unfinished else cell.name


def _draw_curve(axes: Axes, cell: CellResult, colour: tuple[float, ...], style: str) -> None:
    """The mean over seeds, and its interval where there are several."""
    tables = [run.metrics() for run in cell.runs if (run.path / "metrics.csv").exists()]
    curves = [curve for curve in (_curve(rows, cell.metric) for rows in tables) if len(curve)]
    if not curves:
        return
    steps = np.linspace(
        max(curve[0, 0] for curve in curves), min(curve[-1, 0] for curve in curves), POINTS
    )
    seeds = np.stack([np.interp(steps, curve[:, 0], curve[:, 1]) for curve in curves])
    axes.plot(steps, seeds.mean(0), style, color=colour, linewidth=1.5)
    if len(seeds) > 1:
        intervals = [confidence_interval(column.tolist()) for column in seeds.T]
        low, high = ([i.mean + side * i.half_width for i in intervals] for side in (-1, 1))
        axes.fill_between(steps, low, high, color=colour, alpha=0.15, linewidth=0)


def _curve(rows: Sequence[dict[str, float]], metric: str) -> np.ndarray:
    """Steps and returns of one run, from the first finished episode on."""
    return np.array([(row["env_steps"], row[metric]) for row in rows if metric in row])


def _draw_final(
    axes: Axes, cell: CellResult, place: int, colour: tuple[float, ...], style: str
) -> None:
    """The mean with its interval, and each seed as a small dot."""
    beside = axes.get_yaxis_transform()
    axes.plot([1.02, 1.08], [place] * 2, style, color=colour, transform=beside, clip_on=False)
    interval = cell.interval
    if interval is None:
        return
    axes.plot(cell.returns, [place] * interval.count, ".", color=colour, alpha=0.4, markersize=5)
    error = interval.half_width if interval.count > 1 else None
    axes.errorbar(interval.mean, place, xerr=error, fmt="o", color=colour, capsize=3, markersize=6)


def draw_curve(
    rows: list[dict[str, float]], axes: Axes | None = None, name: str = "return", label: str = ""
) -> Axes:
    """Plot a metric of a run against environment steps.

    Args:
        rows: rows of a run's metrics.
        axes: axes to draw on; a new figure without it.
        name: the metric.
        label: name of the curve.
    """
    if axes is None:
        axes = new_axes(7, 4)
    kept = [row for row in rows if name in row]
    axes.plot([row["env_steps"] for row in kept], [row[name] for row in kept], label=label or None)
    axes.set_xlabel("environment steps")
    axes.set_ylabel(name)
    return axes


def draw_cut_curve(
    rows: list[dict[str, float]], axes: Axes | None = None, name: str = "return", label: str = ""
) -> Axes:
    """Plot return or another column against the percentage of message bits cut.

    Args:
        rows: of `cut_curve`.
        axes: axes to draw on; a new figure without it.
        name: `return`, with its interval, or another column.
        label: name of the curve.
    """
    if axes is None:
        axes = new_axes(7, 4)
    percent, value = [row["percent"] for row in rows], [row[name] for row in rows]
    spread = [row["half_width"] for row in rows] if name == "return" else None
    axes.errorbar(percent, value, spread, marker="o", capsize=3, label=label or None)
    axes.set_xlabel("bits cut, of 100")
    axes.set_ylabel(name)
    return axes


def curve_svg(rows: list[dict[str, float]], name: str = "return") -> str:
    """A small learning curve as an SVG element, for the representation of a run in notebooks.

    Args:
        rows: rows of a run's metrics.
        name: the metric.
    """
    axes = draw_curve(rows, new_axes(3.2, 1.8), name)
    axes.tick_params(labelsize=7)
    axes.set_xlabel(axes.get_xlabel(), fontsize=8)
    axes.set_ylabel(axes.get_ylabel(), fontsize=8)
    return svg_of(axes)
