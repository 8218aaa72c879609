"""Returns and arrival rates of scripted baselines in Flatland, with 95 % confidence intervals.

Examples:
  python scripts/baselines_flatland.py --tasks flatland-5 --episodes 100
  python scripts/baselines_flatland.py --seed 1000000 --keep
"""

import argparse
from pathlib import Path

import torch

from graphmarl.envs.flatland import TASKS, Flatland
from graphmarl.envs.flatland.scripted import ShortestPath
from graphmarl.experiment.evaluate import play
from graphmarl.experiment.policies import random_policy
from graphmarl.results.collect import add_baseline
from graphmarl.results.stats import confidence_interval

DATASETS = Path(__file__).parent.parent / "datasets"

METRICS = ("arrived", "deadlocked")


def main() -> None:
    """Evaluate the baselines selected on the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tasks", nargs="+", default=list(TASKS), choices=TASKS)
    parser.add_argument("--episodes", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--keep", action="store_true", help="add the results to datasets/baselines.csv"
    )
    given = parser.parse_args()
    torch.set_num_threads(1)
    for task in given.tasks:
        # Sequential, since a finished copy would generate new maps until all have finished.
        env = Flatland(task, num_envs=1)
        controllers = {
            "random": random_policy(env, given.seed),
            "shortest-path-greedy": ShortestPath(env),
            "shortest-path-greedy, waits": ShortestPath(env, wait=True),
        }
        for controller_name, controller in controllers.items():
            seeds = range(given.seed, given.seed + given.episodes)
            played = [play(env, controller, seed) for seed in seeds]
            values = {name: [x for each in played for x in each.info[name]] for name in METRICS}
            values["return"] = [x for each in played for x in each.returns]
            line = ", ".join(f"{key} {confidence_interval(each)}" for key, each in values.items())
            print(f"{task}, {controller_name}: {line}", flush=True)
            if given.keep:
                add_baseline(DATASETS, task, controller_name, values)
        env.close()


if __name__ == "__main__":
    main()
