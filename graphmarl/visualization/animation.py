"""Animations of recorded episodes, with agent graph and attention."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

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


def draw_frame(frame: Frame, axes: Axes | None = None, size: float = 60.0) -> Axes:
    """Draw one frame, with attention weights as width and opacity of the edges.

    Args:
        frame: of `record_episode`.
        axes: axes to draw on; a new figure without it.
        size: area of an agent, in square points.
    """
    axes = draw_graph(frame.graph, frame.scene, axes, size=size, weight=frame.attention)
    if frame.scene is not None:
        axes.set_title(f"step {frame.scene.time}", fontsize=9)
    return axes


@checked
def save_animation(
    frames: Sequence[Frame],
    path: str | Path,
    per_second: Annotated[int, Range(low=1, high=50)] = 5,
    size: PositiveFloat = 60.0,
) -> None:
    """Write an animation as a GIF.

    Args:
        frames: of `record_episode`.
        path: the file.
        per_second: frames per second.
        size: area of an agent, in square points.

    Raises:
        ValueError: there are no frames.
    """
    if not frames:
        raise ValueError("frames is empty; there is nothing to animate")
    figure = Figure(figsize=(6, 6.4), layout="constrained")
    axes = figure.subplots()
    draw_frame(frames[0], axes, size)
    draw_legend(figure)

    def draw(number: int) -> list[Axes]:
        axes.clear()
        return [draw_frame(frames[number], axes, size)]

    film = FuncAnimation(figure, draw, frames=len(frames))
    film.save(path, PillowWriter(fps=per_second), dpi=80)
