"""Recording of an episode of a trained policy, for animations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch_geometric.data import Data

from graphmarl.checks import checked
from graphmarl.data import first_episodes
from graphmarl.experiment.config import Named
from graphmarl.experiment.policies import load_policy
from graphmarl.nn import Output
from graphmarl.ranges import PositiveInt, Seed
from graphmarl.results.run import Run
from graphmarl.visualization.animation import Frame
from graphmarl.visualization.graphs import one_graph


@torch.inference_mode()
@checked
def record_episode(
    run: str | Path | Run,
    steps: PositiveInt | None = None,
    seed: Seed = 1_000_000,
    graph: Named | None = None,
    greedy: bool = True,
    env: dict[str, Any] | None = None,
    trust: bool = False,
) -> list[Frame]:
    """Play one episode with the last checkpoint of a run, as one frame for each step.

    Args:
        run: the run folder.
        steps: stop after so many steps, or at the end of the episode.
        seed: seed of the episode and of sampling.
        graph: another graph builder than that of the run.
        greedy: take the most likely or most valuable action; otherwise act as in training.
        env: options of the environment to change.
        trust: import classes and functions from outside the library that the run names.

    Raises:
        ValueError: the agents have no positions, so that there is nothing to draw.
    """
    frames: list[Frame] = []
    with load_policy(run, 1, graph, greedy, env=env, trust=trust) as loaded:
        environment = loaded.env
        if not environment.spec.has_position:
            raise ValueError("the agents of this environment have no positions; nothing to draw")

        def keep(_: object, inputs: tuple[Data, Any], outputs: tuple[Output, Any]) -> None:
            attention = outputs[0].attention
            try:
                scene = environment.scene(0)
            except NotImplementedError:
                scene = None
            agents = one_graph(inputs[0], 0, environment.spec.num_agents)
            frames.append(Frame(agents, scene, None if attention is None else attention.mean(1)))

        # The scene is that of the step in which the network acts.
        loaded.network.register_forward_hook(keep)
        for _ in first_episodes(environment, loaded.policy, seed, steps):
            pass
    return frames
