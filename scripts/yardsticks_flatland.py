"""Print what trains of Flatland that learn nothing reach: means with 95 % intervals.

python scripts/yardsticks_flatland.py --tasks flatland-5 --episodes 100
python scripts/yardsticks_flatland.py --seed 1000000 --keep
"""

import argparse

import torch
from collected import keep_yardsticks

from graphmarl.envs.flatland import TASKS, Flatland
from graphmarl.envs.flatland.scripted import ShortestPath
from graphmarl.evaluate import play, random_policy
from graphmarl.interval import confidence_interval

METRICS = ("arrived", "deadlocked")


def main() -> None:
    """Play what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", nargs="+", default=list(TASKS), choices=TASKS)
    parser.add_argument("--episodes", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--keep", action="store_true", help="note it in datasets/yardsticks.csv")
    given = parser.parse_args()
    torch.set_num_threads(1)
    for task in given.tasks:
        env = Flatland(task, num_envs=given.episodes, workers=given.workers)
        controllers = {
            "random": random_policy(env, given.seed),
            "shortest-path-greedy": ShortestPath(env),
            "shortest-path-greedy, waits": ShortestPath(env, wait=True),
        }
        for name, controller in controllers.items():
            found = play(env, controller, given.seed)
            values = {metric: found.info[metric] for metric in METRICS} | {"return": found.returns}
            told = ", ".join(f"{key} {confidence_interval(each)}" for key, each in values.items())
            print(f"{task}, {name}: {told}", flush=True)
            if given.keep:
                keep_yardsticks(task, name, values)
        env.close()


if __name__ == "__main__":
    main()
