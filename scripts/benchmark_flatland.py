"""Steps per second of Flatland with graphmarl's tree, flatland-rl's tree and no observation.

Actions are random and resets are excluded from the time. flatland-rl's tree has depth 2 and a
30-step shortest-path predictor, as in its examples; graphmarl's has depth 3. "engine alone"
computes no observation.

Examples:
  python scripts/benchmark_flatland.py
  python scripts/benchmark_flatland.py --tasks flatland-15 --seconds 20
"""

import argparse
import time

import numpy as np
import torch

from graphmarl.envs.flatland import TASKS, Flatland
from graphmarl.envs.flatland.simulator import kept_random, make_rail_env


def graphmarl_rate(task: str, workers: int, copies: int, seconds: float) -> float:
    """Steps of all copies per second, without resets."""
    env = Flatland(task, num_envs=copies, workers=workers)
    step, spent, steps, seed = env.reset(0), 0.0, 0, 0
    generator = torch.Generator().manual_seed(0)
    while spent < seconds:
        if step.done.any():
            seed += 1
            step = env.reset(seed)
        action = torch.randint(3, step.alive.shape, generator=generator)
        began = time.perf_counter()
        step = env.step(action)
        spent += time.perf_counter() - began
        steps += copies
    env.close()
    return steps / spent


def flatland_rl_rate(task: str, own_tree: bool, seconds: float) -> float:
    """Steps per second of flatland-rl alone, with its own tree or no observation."""
    from flatland.envs.observations import TreeObsForRailEnv
    from flatland.envs.predictions import ShortestPathPredictorForRailEnv

    size = TASKS[task]
    env = make_rail_env(rails_between=2, rail_pairs=2, **size._asdict())
    if own_tree:
        env.obs_builder = TreeObsForRailEnv(2, ShortestPathPredictorForRailEnv(30))
    spent, steps, seed = 0.0, 0, 0
    random = np.random.default_rng(0)
    env.dones = {"__all__": True}
    while spent < seconds:
        if env.dones["__all__"] or steps % 200 == 0:
            with kept_random():
                env.reset(random_seed=seed)
            seed += 1
        action = dict(enumerate(random.integers(1, 5, size.num_agents).tolist()))
        began = time.perf_counter()
        env.step(action)
        spent += time.perf_counter() - began
        steps += 1
    return steps / spent


def main() -> None:
    """Measure the tasks selected on the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tasks", nargs="+", default=["flatland-5"], choices=TASKS)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--copies", type=int, default=8)
    given = parser.parse_args()
    torch.set_num_threads(1)
    for task in given.tasks:
        for name, own_tree in (("its own tree of depth 2", True), ("engine alone", False)):
            speed = flatland_rl_rate(task, own_tree, given.seconds)
            print(f"{task}, flatland-rl, {name}: {speed:.0f} steps/s", flush=True)
        for workers in (0, 2):
            speed = graphmarl_rate(task, workers, given.copies, given.seconds)
            print(f"{task}, graphmarl, {workers or 1} processes: {speed:.0f} steps/s", flush=True)


if __name__ == "__main__":
    main()
