"""Travel times and queues of scripted baselines in traffic, with 95 % confidence intervals.

Each episode has its own trips, so that the interval is over seeds of the trips.

Examples:
  python scripts/baselines_traffic.py --task hangzhou_4x4 --episodes 8
  python scripts/baselines_traffic.py --task hangzhou_4x4 --episodes 64 --seed 1000000 --keep
"""

import argparse
from pathlib import Path

import torch

from graphmarl.envs.traffic import Traffic
from graphmarl.envs.traffic.scripted import FixedTime, MaxPressure, SelfOrganising
from graphmarl.experiment.evaluate import play
from graphmarl.experiment.policies import random_policy
from graphmarl.results.collect import add_baseline
from graphmarl.results.stats import confidence_interval

DATASETS = Path(__file__).parent.parent / "datasets"

METRICS = ("average_travel_time", "queue", "throughput")


def main() -> None:
    """Evaluate the baselines selected on the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--task", default="hangzhou_4x4", help="name of a task, or path of a CityFlow config"
    )
    parser.add_argument(
        "--horizon", type=int, default=100, help="decisions per episode, of 10 s each"
    )
    parser.add_argument("--episodes", type=int, default=8)
    parser.add_argument("--engine", choices=["embedded", "cityflow"], default="embedded")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--keep", action="store_true", help="add the results to datasets/baselines.csv"
    )
    given = parser.parse_args()
    torch.set_num_threads(1)
    # CityFlow simulates one copy, so each of its episodes has its own seed.
    copies = given.episodes if given.engine == "embedded" else 1
    env = Traffic(given.task, engine=given.engine, horizon=given.horizon, num_envs=copies)
    controllers = {
        "random": random_policy(env, given.seed),
        "fixed time, 4 phases of 30 s": FixedTime(env),
        "fixed time, all phases of 30 s": FixedTime(env, range(env.spec.num_actions)),
        "self-organising (SOTL)": SelfOrganising(env),
        "max-pressure": MaxPressure(env),
    }
    for name, controller in controllers.items():
        seeds = range(given.seed, given.seed + given.episodes // copies)
        played = [play(env, controller, seed).info for seed in seeds]
        found = {name: [x for info in played for x in info[name]] for name in METRICS}
        if given.keep:
            add_baseline(DATASETS, given.task, name, found)
        values = ", ".join(f"{metric} {confidence_interval(found[metric])}" for metric in METRICS)
        print(f"{name}: {values}", flush=True)
    env.close()


if __name__ == "__main__":
    main()
