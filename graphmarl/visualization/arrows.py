"""Arrows of many edges at once, whose sizes are in points of print."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.artist import allow_rasterization
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.lines import Line2D
from matplotlib.transforms import IdentityTransform
from numpy.typing import NDArray

from graphmarl.visualization.scales import Scale

THIN, THICK = 0.5, 2.2
BEND = 0.12
SHORTEST = 5.0
ALONG = np.linspace(0, 1, 9)


class Arrows(PolyCollection):
    """Arrows, each of which is one polygon that is computed when it is drawn.

    They end at the margins of the agents. Edges between agents that touch or overlap are drawn by
    the collection with `touching`, which lies above the agents, and the others below.

    Args:
        start: coordinates of the senders.
        stop: coordinates of the receivers.
        widths: of the shafts, in points.
        colours: of the arrows.
        bends: curvature, as a share of the length; 0 is straight.
        radius: of an agent, in points.
        touching: draw the edges of agents that touch, and otherwise the others.
    """

    def __init__(
        self,
        start: NDArray[Any],
        stop: NDArray[Any],
        widths: NDArray[Any],
        colours: NDArray[Any],
        bends: NDArray[Any],
        radius: float,
        touching: bool = False,
    ) -> None:
        above = 4 if touching else 2
        super().__init__([], transform=IdentityTransform(), linewidths=0, zorder=above)
        self.start, self.stop, self.widths = start, stop, widths
        self.colours, self.bends = colours, bends
        self.radius, self.touching = radius, touching

    @allow_rasterization
    def draw(self, renderer: Any) -> None:
        """Compute the polygons in pixels, and draw them.

        Args:
            renderer: of matplotlib, for points or pixels.
        """
        if self.axes is None or not len(self.start):
            return
        pixels = float(np.asarray(renderer.points_to_pixels(1.0)))
        start, stop = (
            np.asarray(self.axes.transData.transform(x)) for x in (self.start, self.stop)
        )
        length = np.linalg.norm(stop - start, axis=1) / pixels
        own = (length < 2 * self.radius + SHORTEST) == self.touching
        own &= length > 0
        corners = self.polygons(start[own] / pixels, stop[own] / pixels, own) * pixels
        self.set_verts(list(corners))
        self.set_facecolor(list(self.colours[own]))
        super().draw(renderer)

    def polygons(
        self, start: NDArray[Any], stop: NDArray[Any], own: NDArray[Any]
    ) -> NDArray[np.float64]:
        """Corners of some arrows: along the shaft, around the head and back.

        Args:
            start: where the senders are, in points.
            stop: where the receivers are, in points.
            own: mask of these arrows.
        """
        length = np.linalg.norm(stop - start, axis=1)
        width = self.widths[own]
        # Between agents that overlap there is no room: the arrow begins nearer their centres.
        gap = np.minimum(self.radius + 0.5, (length - SHORTEST) / 2)
        room = length - 2 * gap
        head = np.minimum(2.6 + 2.0 * width, 0.6 * room)
        first, neck, tip = gap / length, (length - gap - head) / length, 1 - gap / length
        shaft = first[:, None] + ALONG * (neck - first)[:, None]
        bend = self.bends[own]
        line, normal = curve(start, stop, bend, shaft)
        end, _ = curve(start, stop, bend, tip[:, None])
        half = 0.5 * width[:, None, None] * normal
        wide = np.minimum(0.9 + 1.05 * width, 0.6 * head)[:, None] * normal[:, -1]
        wings = (line[:, -1] + wide)[:, None], (line[:, -1] - wide)[:, None]
        parts = [line + half, wings[0], end, wings[1], (line - half)[:, ::-1]]
        return np.concatenate(parts, axis=1)


def curve(
    start: NDArray[Any], stop: NDArray[Any], bend: NDArray[Any], at: NDArray[Any]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points of quadratic curves, and their unit normals.

    Args:
        start: first ends.
        stop: second ends.
        bend: distance of the control point from the middle, as a share of the length.
        at: where along each curve, from 0 to 1.
    """
    across = (stop - start)[:, ::-1] * (1, -1)
    middle = ((start + stop) / 2 + 2 * bend[:, None] * across)[:, None]
    first, last, at = start[:, None], stop[:, None], at[..., None]
    point = (1 - at) ** 2 * first + 2 * at * (1 - at) * middle + at**2 * last
    tangent = 2 * (1 - at) * (middle - first) + 2 * at * (last - middle)
    normal = tangent[..., ::-1] * (-1, 1)
    return point, normal / np.linalg.norm(normal, axis=-1, keepdims=True)


def draw_arrows(
    axes: Axes,
    place: NDArray[Any],
    edges: NDArray[Any],
    value: NDArray[Any] | str,
    scale: Scale | None = None,
    radius: float = 3.0,
    width: float = 1.0,
) -> tuple[Arrows, Arrows]:
    """Draw arrows from senders to receivers, bent where there is an arrow back.

    Args:
        axes: axes to draw on.
        place: coordinates of the agents, by their number.
        edges: sender and receiver of each edge, one row for each.
        value: value of each edge, shown as width and colour; or one colour for all.
        scale: of the values.
        radius: of an agent, in points.
        width: of the arrows without values, in points.

    Returns:
        the arrows below the agents, and those above.
    """
    order = np.arange(len(edges))
    widths, colours = np.full(len(edges), width), np.array([value] * len(edges))
    if scale is not None and not isinstance(value, str):
        size = scale.size(value)
        # The largest are drawn last, over the others.
        order = np.argsort(size, kind="stable")
        # Small agents stand for a crowd, in which thick arrows would cover each other.
        thick = min(THICK, THIN + 0.6 * radius)
        widths, colours = THIN + (thick - THIN) * size, scale.of(value)
    there = set(map(tuple, edges.tolist()))
    back = np.array([(b, a) in there for a, b in edges.tolist()], dtype=bool)
    start, stop = place[edges[order, 0]], place[edges[order, 1]]
    same = (widths[order], colours[order], BEND * back[order], radius)
    drawn = Arrows(start, stop, *same), Arrows(start, stop, *same, touching=True)
    for each in drawn:
        axes.add_collection(each, autolim=False)
    return drawn


def arrow_entry(colour: Any, label: str) -> Line2D:
    """The entry of a legend for arrows.

    Args:
        colour: colour of the arrow.
        label: its name.
    """
    return Line2D([], [], color=colour, marker=">", markersize=4, markevery=[-1], label=label)
