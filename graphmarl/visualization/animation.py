"""Watch what was learned: the world, who hears whom and how much they attend, step by step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jaxtyping import Float
from matplotlib.animation import FuncAnimation, PillowWriter
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor
from torch_geometric.data import Data

from graphmarl.step import Scene
from graphmarl.visualization.graphs import draw_graph, draw_legend


@dataclass(frozen=True)
class Frame:
    """One step of an episode, as it is drawn.

    Args:
        graph: the agents with the edges that they used.
        scene: what else there is; None if the environment says nothing of it.
        attention: how much the receiver of each edge attends to its sender, mean over heads; None
            for a network without attention.
    """

    graph: Data
    scene: Scene | None
    attention: Float[Tensor, " edge"] | None


def draw_frame(frame: Frame, axes: Axes | None = None, size: float = 60.0) -> Axes:
    """Draw one step; the edges of a network with attention are the darker the more it attends.

    Args:
        frame: of `watch`.
        axes: where to draw; a new figure without it.
        size: area of an agent, in square points.
    """
    axes = draw_graph(frame.graph, frame.scene, axes, size=size, weight=frame.attention)
    if frame.scene is not None:
        axes.set_title(f"step {frame.scene.time}", fontsize=9)
    return axes


def save_animation(
    frames: Sequence[Frame], path: str | Path, per_second: int = 5, size: float = 60.0
) -> None:
    """Write an animation as a GIF.

    Args:
        frames: of `watch`.
        path: the file.
        per_second: frames in a second.
        size: area of an agent, in square points.

    Raises:
        ValueError: there are no frames.
    """
    if not frames:
        raise ValueError("frames is empty; there is nothing to show")
    figure = Figure(figsize=(6, 6.4), layout="constrained")
    axes = figure.subplots()
    draw_frame(frames[0], axes, size)
    draw_legend(figure)

    def draw(number: int) -> list[Axes]:
        axes.clear()
        return [draw_frame(frames[number], axes, size)]

    film = FuncAnimation(figure, draw, frames=len(frames))
    film.save(path, PillowWriter(fps=per_second), dpi=80)
