"""Train NVIF-PPO on Gather and show what it learned; `scripts/quickstart.sh` installs first."""

import argparse
from contextlib import closing

import torch
from matplotlib.figure import Figure

from graphmarl.agent_graph import agent_graph
from graphmarl.envs import Gather
from graphmarl.envs.magent.scripted import scripted_policy
from graphmarl.experiment.evaluate import evaluate, play
from graphmarl.experiment.policies import random_policy
from graphmarl.experiment.train import resume, train
from graphmarl.graphs import Directional
from graphmarl.results.plots import draw_curve, save_picture
from graphmarl.results.run import Run
from graphmarl.visualization.graphs import draw_graph, draw_legend, one_graph

EPISODES = 20


def main() -> None:
    """Train, or go on with what was begun, then evaluate and draw."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=80_000, help="environment steps")
    parser.add_argument("--runs", default="runs", help="where run folders are")
    parser.add_argument("--name", default="quickstart", help="name of the run folder")
    given = parser.parse_args()
    run = Run(f"{given.runs}/{given.name}")
    if (run.path / "config.yaml").exists():
        resume(run.path)
    else:
        options = {"steps": given.steps, "name": given.name, "runs": given.runs}
        train("nvif_ppo", "gather", **options, threads=1)
    trained = evaluate(run, EPISODES)
    with closing(Gather(num_envs=EPISODES)) as env:
        untrained = play(env, random_policy(env))
        scripted = play(env, scripted_policy(env))
        draw(run, env)
    print(f"\nMean team return over {EPISODES} evaluation episodes of Gather, normal, 24 x 24:")
    print(f"  random policy      {untrained.mean_return.mean:8.1f}")
    print(f"  trained NVIF-PPO   {trained.mean_return.mean:8.1f}")
    print(f"  scripted gatherer  {scripted.mean_return.mean:8.1f}   (sees the whole map)")
    print(f"evaluated checkpoint {run.last()}")


def draw(run: Run, env: Gather) -> None:
    """Save the learning curve and a picture of the agent graph."""
    save_picture(draw_curve(run.metrics()), run.path / "curve.png")
    graph = Directional()(agent_graph(env.reset(0), env.spec))
    figure = Figure(figsize=(6, 6.4), layout="constrained")
    axes = figure.subplots()
    agents = one_graph(graph, 0, env.spec.num_agents)
    draw_graph(agents, env.scene(0), axes, kinds=("omnivores",))
    draw_legend(figure)
    save_picture(axes, run.path / "agent_graph.png")
    print(f"wrote {run.path / 'curve.png'} and {run.path / 'agent_graph.png'}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
