"""Plots of runs: learning curves and message cuts."""

from __future__ import annotations

from matplotlib.axes import Axes

from graphmarl.results.figures import new_axes, save_picture, svg_of

__all__ = ["curve_svg", "draw_curve", "draw_cut_curve", "save_picture", "svg_of"]


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
