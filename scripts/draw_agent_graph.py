"""Draw the figure of the README: one state of Gather with three graph builders.

Examples:
  python scripts/draw_agent_graph.py
"""

import argparse
from contextlib import closing
from pathlib import Path

import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from graphmarl.agent_graph import agent_graph
from graphmarl.envs import Gather
from graphmarl.experiment.policies import random_policy
from graphmarl.graphs import KNN, Complete, Directional
from graphmarl.visualization.graphs import describe, draw_graph, draw_legend, one_graph

PICTURE = Path(__file__).parent.parent / "notebooks" / "agent_graph.png"
BUILDERS = {"Directional()": Directional(), "KNN(k=3)": KNN(3), "Complete()": Complete()}


def draw(steps: int, seed: int) -> Figure:
    """Draw one panel for each builder, after some random steps."""
    figure = Figure(figsize=(12, 4.8), layout="constrained")
    with closing(Gather(num_envs=1)) as env:
        policy, step = random_policy(env, seed), env.reset(seed)
        for _ in range(steps):
            step = env.step(policy(step))
        agents, scene = agent_graph(step, env.spec), env.scene(0)
        for (name, builder), axes in zip(BUILDERS.items(), figure.subplots(1, 3), strict=True):
            graph = one_graph(builder(agents), 0, env.spec.num_agents)
            draw_graph(graph, scene, axes, kinds=("omnivores",))
            axes.set_title(f"{name}: mean degree {describe(graph)['degree']:.1f}")
    draw_legend(figure)
    return figure


def main() -> None:
    """Write the figure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=12, help="random steps before the figure")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--path", type=Path, default=PICTURE)
    given = parser.parse_args()
    torch.set_num_threads(1)
    canvas = FigureCanvasAgg(draw(given.steps, given.seed))
    canvas.draw()
    # A palette halves the file size.
    Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB").quantize(
        method=Image.Quantize.MAXCOVERAGE
    ).save(given.path)


if __name__ == "__main__":
    main()
