"""Animations of recorded episodes, with agent graph and attention."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from jaxtyping import Float
from matplotlib.animation import FuncAnimation, PillowWriter
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor
from torch_geometric.data import Data

from graphmarl.checks import checked
from graphmarl.ranges import PositiveFloat, Range
from graphmarl.step import Scene
from graphmarl.visualization.graphs import draw_graph, draw_legend
from graphmarl.visualization.scales import scale_of


@dataclass(frozen=True)
class Frame:
    """One step of an episode, as it is drawn.

    Args:
        graph: the agents with their edges.
        scene: map and objects; None if the environment has none.
        attention: attention weight of each edge, mean over heads; None for a network without
            attention.
    """

    graph: Data
    scene: Scene | None
    attention: Float[Tensor, " edge"] | None


def draw_frame(
    frame: Frame,
    axes: Axes | None = None,
    size: float = 60.0,
    limits: tuple[float, float] | None = None,
    ids: bool = False,
    bar: bool = True,
) -> Axes:
    """Draw one frame; width and colour of an arrow are the attention of its receiver.

    Args:
        frame: of `record_episode`.
        axes: axes to draw on; a new figure without it.
        size: area of an agent, in square points.
        limits: values at both ends of the scale; the smallest and largest attention without it.
        ids: write the numbers of the agents.
        bar: add the colour bar of the attention.
    """
    options: dict[str, Any] = {"size": size, "limits": limits, "ids": ids, "bar": bar}
    axes = draw_graph(frame.graph, frame.scene, axes, weight=frame.attention, **options)
    if frame.scene is not None:
        axes.set_title(f"step {frame.scene.time}", fontsize=9)
    return axes


@checked
def save_animation(
    frames: Sequence[Frame],
    path: str | Path,
    per_second: Annotated[int, Range(low=1, high=50)] = 5,
    size: PositiveFloat = 60.0,
    ids: bool = False,
) -> None:
    """Write an animation as a GIF, with one colour scale for all frames.

    Args:
        frames: of `record_episode`.
        path: the file.
        per_second: frames per second.
        size: area of an agent, in square points.
        ids: write the numbers of the agents.

    Raises:
        ValueError: there are no frames.
    """
    if not frames:
        raise ValueError("frames is empty; there is nothing to animate")
    figure = Figure(figsize=(6, 6.4), layout="constrained")
    axes = figure.subplots()
    limits = limits_of(frames)
    draw_frame(frames[0], axes, size, limits, ids)
    draw_legend(figure)

    def draw(number: int) -> list[Axes]:
        axes.clear()
        return [draw_frame(frames[number], axes, size, limits, ids)]

    film = FuncAnimation(figure, draw, frames=len(frames))
    film.save(path, PillowWriter(fps=per_second), dpi=80)


def limits_of(frames: Sequence[Frame]) -> tuple[float, float] | None:
    """Smallest and largest attention of all frames; None without attention.

    Args:
        frames: of `record_episode`.
    """
    found = [frame.attention.numpy() for frame in frames if frame.attention is not None]
    if not sum(map(len, found)):
        return None
    scale = scale_of(np.concatenate(found))
    return scale.low, scale.high
