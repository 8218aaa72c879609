"""Recording of an episode of a trained policy, for animations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch_geometric.data import Data

from graphmarl.experiment.config import Named
from graphmarl.experiment.policies import load_policy
from graphmarl.nn import Output
from graphmarl.results.run import Run
from graphmarl.visualization.animation import Frame
from graphmarl.visualization.graphs import one_graph


@torch.inference_mode()
def record_episode(
    run: str | Path | Run,
    steps: int | None = None,
    seed: int = 1_000_000,
    graph: Named | None = None,
    greedy: bool = True,
    env: dict[str, Any] | None = None,
) -> list[Frame]:
    """Play one episode with the last checkpoint of a run; returns one frame for each step.

    Args:
        run: the run folder.
        steps: stop after so many steps, or at the end of the episode.
        seed: seed of the episode and of sampling.
        graph: another graph builder than that of the run.
        greedy: take the most likely or most valuable action; otherwise act as in training.
        env: options of the environment to change.

    Raises:
        ValueError: the agents have no positions, so that there is nothing to draw.
    """
    frames: list[Frame] = []
    last: list[tuple[Data, Output]] = []

    def keep(_: object, inputs: tuple[Any, ...], outputs: tuple[Any, ...]) -> None:
        last[:] = [(inputs[0], outputs[0])]

    with load_policy(run, 1, graph, greedy, env=env) as loaded:
        if not loaded.env.spec.has_position:
            raise ValueError("the agents of this environment have no positions; nothing to draw")
        loaded.network.register_forward_hook(keep)
        for _ in loaded.episodes(seed, steps):
            agents, output = last[0]
            attention = None if output.attention is None else output.attention.mean(1)
            try:
                scene = loaded.env.scene(0)
            except NotImplementedError:
                scene = None
            count = loaded.env.spec.num_agents
            frames.append(Frame(one_graph(agents, 0, count), scene, attention))
    return frames
