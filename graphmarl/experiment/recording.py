"""Record an episode of a trained policy, step by step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch_geometric.data import Data

from graphmarl.experiment.config import Named
from graphmarl.experiment.evaluate import playing
from graphmarl.nn import Output
from graphmarl.results.run import Run
from graphmarl.visualization.animation import Frame
from graphmarl.visualization.graphs import one_graph


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
