"""Train methods on a didactic task over several seeds, and cut the messages of those that have any.

python scripts/train_didactic.py --task sensor --methods ndq qmix vdn iql tarmac_qmix --seeds 0 1 2
python scripts/train_didactic.py --task hallway-4x4 --methods ndq ndq:mixer=qmix --steps 500000
"""

import argparse
from pathlib import Path

import torch

from graphmarl.ablate import measure_cuts, run_seeds
from graphmarl.report import summary
from graphmarl.run import Run

TASKS = {
    "sensor": ("sensor:num_envs=64", 150_000),
    "hallway-4x4": ("hallway:lengths=4x4,num_envs=64", 400_000),
    "hallway-6x6": ("hallway:lengths=6x6,num_envs=64", 600_000),
    "search": ("independent_search:num_envs=32", 200_000),
    "grid": ("grid_agreement:num_envs=64", 100_000),
}
CUTS = [f"rank={percent}" for percent in (20, 40, 60, 80, 90, 100)]
CUTS += ["rank=80,within=graph", "threshold=2"]


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", default="sensor", choices=TASKS)
    parser.add_argument("--methods", nargs="+", default=["ndq"], help="ndq or ndq:beta=1,bits=3")
    parser.add_argument("--graph", default=None, help="as in `graphmarl graphs`")
    parser.add_argument("--steps", type=int, default=None)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--episodes", type=int, default=4096)
    parser.add_argument("--runs", default="runs")
    parser.add_argument("--threads", type=int, default=1, help="of PyTorch")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    env, steps = TASKS[given.task]
    for method in given.methods:
        parts = [given.task, method.replace(":", "-"), given.graph]
        name = "-".join(part.replace("/", "_") for part in parts if part)
        rows = run_seeds(
            name,
            method,
            env,
            given.graph,
            given.steps or steps,
            given.seeds,
            given.runs,
            given.episodes,
        )
        for row in summary(rows):
            print("  ".join(f"{key} {value}" for key, value in row.items()), flush=True)
        for seed in given.seeds:
            for row in measure_cuts(
                Run(Path(given.runs) / f"{name}-seed{seed}"), CUTS, given.episodes
            ):
                told = "  ".join(f"{key} {value}" for key, value in row.items() if value)
                print(f"  seed {seed}  {told}", flush=True)


if __name__ == "__main__":
    main()
