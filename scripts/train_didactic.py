"""Train methods on a didactic task over several seeds, and cut the messages of those that have any.

Examples:
  python scripts/train_didactic.py --task sensor --methods ndq qmix vdn iql --seeds 0 1 2
  python scripts/train_didactic.py --task hallway-4x4 --methods ndq ndq:mixer=qmix --steps 500000
"""

import argparse
from pathlib import Path

import torch

from graphmarl.experiment.ablate import run_seeds
from graphmarl.experiment.communication import measure_cuts
from graphmarl.experiment.suite import DIDACTIC, DIDACTIC_CUTS
from graphmarl.results.run import Run
from graphmarl.results.tables import summary


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--task", default="sensor", choices=DIDACTIC)
    parser.add_argument("--methods", nargs="+", default=["ndq"], help="ndq or ndq:beta=1,bits=3")
    parser.add_argument("--graph", default=None, help="as in `graphmarl graphs`")
    parser.add_argument("--steps", type=int, default=None)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--episodes", type=int, default=4096)
    parser.add_argument("--runs", default="runs")
    parser.add_argument("--device", default="cpu", help="device of the networks")
    parser.add_argument("--threads", type=int, default=1, help="of PyTorch")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    env, steps = DIDACTIC[given.task]
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
            given.device,
        )
        print(summary(rows).to_string(index=False), flush=True)
        for seed in given.seeds:
            for row in measure_cuts(
                Run(Path(given.runs) / f"{name}-seed{seed}", trust=True),
                DIDACTIC_CUTS,
                given.episodes,
            ):
                values = "  ".join(f"{key} {value}" for key, value in row.items() if value)
                print(f"  seed {seed}  {values}", flush=True)


if __name__ == "__main__":
    main()
