"""Watch what was learned: the world, who hears whom and how much they attend, step by step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from matplotlib.animation import FuncAnimation, PillowWriter
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor
from torch_geometric.data import Data

from graphmarl.evaluate import playing
from graphmarl.inspection import draw_graph, draw_legend, one_graph
from graphmarl.nn import Output
from graphmarl.plan import Named
from graphmarl.run import Run
from graphmarl.step import Scene


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


@torch.inference_mode()
def watch(
    run: str | Path | Run,
    steps: int | None = None,
    seed: int = 1_000_000,
    graph: Named | None = None,
    greedy: bool = True,
    env: dict[str, Any] | None = None,
) -> list[Frame]:
    """Play one episode with what a run has learned.

    Args:
        run: the run folder.
        steps: stop after so many, or at the end of the episode.
        seed: seed of the episode and of what is random in acting.
        graph: who hears whom; the run's own without it.
        greedy: take the best action; otherwise act as in training.
        env: options of the environment to change.

    Raises:
        ValueError: the agents have no positions, so that there is nothing to see.
    """
    frames: list[Frame] = []
    used: list[tuple[Data, Output]] = []

    def notice(_: object, given: tuple[Any, ...], gave: tuple[Any, ...]) -> None:
        used[:] = [(given[0], gave[0])]

    with playing(run, 1, graph, greedy, env=env) as stage:
        if not stage.env.spec.has_position:
            raise ValueError("the agents of this environment have no positions; nothing to draw")
        stage.network.register_forward_hook(notice)
        for _ in stage.walk(seed, steps):
            seen, output = used[0]
            attention = None if output.attention is None else output.attention.mean(1)
            try:
                scene = stage.env.scene(0)
            except NotImplementedError:
                scene = None
            frames.append(Frame(one_graph(seen, 0, stage.env.spec.num_agents), scene, attention))
    return frames


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


def save_film(
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
