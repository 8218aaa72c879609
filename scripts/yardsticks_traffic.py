"""Print what controllers of signals that learn nothing reach: means with 95 % intervals.

python scripts/yardsticks_traffic.py --task hangzhou_4x4 --episodes 8
python scripts/yardsticks_traffic.py --task hangzhou_4x4 --horizon 360

One episode has its own trips, so that the interval is over seeds of the trips.
"""

import argparse

import torch

from graphmarl.envs.traffic import Traffic
from graphmarl.envs.traffic.scripted import (
    METRICS,
    FixedTime,
    MaxPressure,
    Restless,
    SelfOrganising,
    outcomes,
)
from graphmarl.interval import confidence_interval


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", default="hangzhou_4x4", help="a name, or a CityFlow config")
    parser.add_argument("--horizon", type=int, default=100, help="choices, of 10 s each")
    parser.add_argument("--episodes", type=int, default=8)
    parser.add_argument("--engine", choices=["embedded", "cityflow"], default="embedded")
    parser.add_argument("--copies", type=int, default=8, help="episodes at once; 1 with cityflow")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    torch.set_num_threads(1)
    env = Traffic(given.task, engine=given.engine, horizon=given.horizon, num_envs=given.copies)
    controllers = {
        "random": Restless(env, given.seed),
        "fixed time, 4 phases of 30 s": FixedTime(env),
        "fixed time, all phases of 30 s": FixedTime(env, range(env.spec.num_actions)),
        "self-organising (SOTL)": SelfOrganising(env),
        "max-pressure": MaxPressure(env),
    }
    for name, controller in controllers.items():
        found = outcomes(env, controller, given.episodes, given.seed)
        values = ", ".join(f"{metric} {confidence_interval(found[metric])}" for metric in METRICS)
        print(f"{name}: {values}", flush=True)
    env.close()


if __name__ == "__main__":
    main()
