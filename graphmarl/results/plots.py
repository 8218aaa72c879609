"""The picture of an ablation: learning curves beside final returns."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from graphmarl.results.stats import confidence_interval
from graphmarl.results.tables import CellResult

POINTS = 100
STYLES = ("-", "--")


def draw_results(cells: Sequence[CellResult]) -> tuple[Axes, Axes]:
    """Curves with bands on the left, final returns with 95 % intervals on the right.

    A band is the 95 % interval over seeds where all of them have played, from the returns of
    training; final returns are of the evaluations. The names on the right are the legend.

    Args:
        cells: up to 16 can be told apart, by colour and dashes.
    """
    figure = Figure(figsize=(13, max(4.0, 1.6 + 0.32 * len(cells))), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    measure = next((cell.measure for cell in cells if cell.returns), "return")
    colours = colormaps["tab10"].colors  # type: ignore[attr-defined]
    for number, cell in enumerate(cells):
        colour = colours[number % len(colours)]
        style = STYLES[number // len(colours) % len(STYLES)]
        _draw_curve(left, cell, colour, style)
        _draw_final(right, cell, number, colour, style)
    left.set_xlabel("environment steps")
    left.set_ylabel(f"{measure.replace('_', ' ')} in training")
    right.set_xlabel(f"final {measure.replace('_', ' ')}, 95 % interval over seeds")
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
    curves = [curve for curve in (_curve(rows, cell.measure) for rows in tables) if len(curve)]
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


def _curve(rows: Sequence[dict[str, float]], measure: str) -> np.ndarray:
    """Steps and returns of one run, from when the first episode has ended."""
    return np.array([(row["env_steps"], row[measure]) for row in rows if measure in row])


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


def save_picture(axes: Axes, path: str | Path, dpi: int = 150) -> None:
    """Write the figure that the axes belong to.

    Args:
        axes: any axes of the figure.
        path: the file; its ending says the format.
        dpi: pixels per inch.
    """
    figure = axes.get_figure(root=True)
    assert figure is not None, "axes belong to a figure"
    figure.savefig(path, dpi=dpi)


def draw_curve(
    rows: list[dict[str, float]], axes: Axes | None = None, name: str = "return", label: str = ""
) -> Axes:
    """Draw a metric of a run against environment steps.

    Args:
        rows: lines of a run's metrics.
        axes: where to draw; a new figure without it.
        name: which metric.
        label: name of the curve.
    """
    if axes is None:
        axes = Figure(figsize=(7, 4), layout="constrained").subplots()
    kept = [row for row in rows if name in row]
    axes.plot([row["env_steps"] for row in kept], [row[name] for row in kept], label=label or None)
    axes.set_xlabel("environment steps")
    axes.set_ylabel(name)
    return axes


def draw_cut_curve(
    rows: list[dict[str, float]], axes: Axes | None = None, name: str = "return", label: str = ""
) -> Axes:
    """Draw what agents reach against the share of their messages' bits that is cut.

    Args:
        rows: of `cut_curve`.
        axes: where to draw; a new figure without it.
        name: `return`, with its interval, or another column.
        label: name of the curve.
    """
    if axes is None:
        axes = Figure(figsize=(7, 4), layout="constrained").subplots()
    percent, value = [row["percent"] for row in rows], [row[name] for row in rows]
    spread = [row["half_width"] for row in rows] if name == "return" else None
    axes.errorbar(percent, value, spread, marker="o", capsize=3, label=label or None)
    axes.set_xlabel("bits cut, of 100")
    axes.set_ylabel(name)
    return axes
