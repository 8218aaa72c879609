"""Agents, with their numbers, and the map and objects of an environment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb, to_rgba_array
from numpy.typing import NDArray

from graphmarl.results.figures import figure_of
from graphmarl.step import Scene
from graphmarl.visualization.scales import FONT_SIZE

# Colours that are told apart with any colour vision; of lengths without a common divisor, so that
# thirty kinds differ in colour or shape.
AGENT_COLOURS = ("#0072b2", "#d55e00", "#9c5a8c", "#555555", "#3d8fbf")
AGENT_SHAPES = ("o", "^", "D", "v", "P", "X")
THING_COLOURS = ("#4f9d2f", "#c98a00", "#8c564b", "#7f7f7f")
LINE_COLOURS, LINE_STYLES = colormaps["YlOrRd"], ("-", "--", ":", "-.")
PALE = 0.78


def draw_agents(
    axes: Axes,
    place: NDArray[Any],
    kind: NDArray[Any],
    kinds: Sequence[str],
    size: float,
    ids: Sequence[int] | None = None,
) -> None:
    """Draw agents, one colour and one shape for each kind; kinds without a name share the last.

    Args:
        axes: axes to draw on.
        place: coordinates, one row for each agent.
        kind: number of the kind of each agent.
        kinds: names of the kinds, for the legend.
        size: area of an agent, in square points.
        ids: numbers of the agents, written inside them; None without.
    """
    known = np.minimum(kind, len(kinds) - 1)
    for number, name in enumerate(kinds):
        colour = AGENT_COLOURS[number % len(AGENT_COLOURS)]
        faded = tuple(PALE + (1 - PALE) * part for part in to_rgb(colour))
        style: dict[str, Any] = {"c": colour, "edgecolors": "white", "linewidths": 0.5}
        if ids is not None:
            style = {"c": [faded], "edgecolors": colour, "linewidths": 0.9}
        style["marker"] = AGENT_SHAPES[number % len(AGENT_SHAPES)]
        mine = place[known == number]
        axes.scatter(mine[:, 0], mine[:, 1], s=size, label=name, zorder=3, **style)
    if ids is not None:
        for (x, y), name in zip(place.tolist(), ids, strict=True):
            style = {"ha": "center", "va": "center_baseline", "fontsize": FONT_SIZE, "zorder": 5}
            axes.text(x, y, str(name), clip_on=True, **style)


def draw_scene(axes: Axes, scene: Scene, size: float) -> None:
    """Draw objects as squares with opacity by weight, and lines from yellow to red by weight.

    Args:
        axes: axes to draw on.
        scene: map and objects.
        size: area of an object, in square points.
    """
    for number, (name, (ends, weight)) in enumerate(scene.lines.items()):
        colour = LINE_COLOURS(0.1 + 0.8 * weight.clamp(0, 1).numpy())
        style: dict[str, Any] = {"linestyles": LINE_STYLES[number % len(LINE_STYLES)]}
        style |= {"linewidths": 2.5, "zorder": 1}
        axes.add_collection(LineCollection(list(ends.numpy()), colors=colour, **style))
        axes.plot([], [], style["linestyles"], color=LINE_COLOURS(0.8), linewidth=2.5, label=name)
    for number, (name, (place, weight)) in enumerate(scene.points.items()):
        colour = THING_COLOURS[number % len(THING_COLOURS)]
        # An object of little weight stays visible.
        opacity = 0.15 + 0.75 * weight.clamp(0, 1).numpy()
        style = {"marker": "s", "s": size, "linewidths": 0}
        faded = to_rgba_array([colour] * len(place), opacity)
        axes.scatter(place[:, 0].numpy(), place[:, 1].numpy(), c=faded, zorder=1, **style)
        axes.scatter([], [], c=colour, alpha=0.9, label=name, **style)
    axes.set_xlim(scene.low[0], scene.high[0])
    axes.set_ylim(scene.low[1], scene.high[1])


def marker_size(axes: Axes, agents: int, ids: bool | None) -> tuple[float, bool]:
    """Area of an agent in square points, and whether there is room for the numbers of agents.

    Args:
        axes: axes to draw on.
        agents: number of agents, and so the digits of their numbers.
        ids: write the numbers; None writes them if the agents cover less than a fifth of the axes.
    """
    figure, box = figure_of(axes), axes.get_position()
    room = figure.get_figwidth() * box.width * figure.get_figheight() * box.height * 72**2
    written = 4.0 + 0.62 * FONT_SIZE * max(len(str(agents - 1)), 1)
    if ids or (ids is None and agents * written**2 < 0.2 * room):
        return written**2, True
    return float(np.clip(0.3 * (room / max(agents, 1)) ** 0.5, 1.8, 6.0)) ** 2, False


def bare(axes: Axes) -> None:
    """Axes of a map: equal scales, no ticks and a faint frame.

    Args:
        axes: the axes.
    """
    axes.set_aspect("equal")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_color("0.8")


def widen(axes: Axes, place: NDArray[Any], margin: float = 0.04) -> None:
    """Widen the limits of some axes so that no agent is outside.

    Args:
        axes: the axes.
        place: coordinates, one row for each agent.
        margin: room around agents that were outside, as a share of the axes.
    """
    if not len(place):
        return
    for limits, change, values in (
        (axes.get_xlim(), axes.set_xlim, place[:, 0]),
        (axes.get_ylim(), axes.set_ylim, place[:, 1]),
    ):
        (low, high), room = limits, margin * (limits[1] - limits[0])
        low = low if values.min() >= low else float(values.min()) - room
        change(low, high if values.max() <= high else float(values.max()) + room)
