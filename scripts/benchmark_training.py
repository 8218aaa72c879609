"""Training speed of methods on Gather, and shares of the time by part.

Examples:
  python scripts/benchmark_training.py --methods ippo nvif_ppo --steps 16000
"""

import argparse
import tempfile

import torch

from graphmarl.experiment.config import Config
from graphmarl.experiment.train import train
from graphmarl.results.tables import time_shares

QUICK = {"nvif_ppo": {"episodes": 4, "code_epochs": 1, "flow_epochs": 1}}


def main() -> None:
    """Train each method and print one line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--methods", nargs="+", default=["ippo", "nvif_ppo"])
    parser.add_argument("--map", default="normal", choices=("normal", "random"))
    parser.add_argument("--size", type=int, default=24)
    parser.add_argument("--steps", type=int, default=16_000)
    parser.add_argument("--threads", type=int, default=2, help="threads of PyTorch")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    env = {"name": "gather", "map": given.map, "size": given.size}
    for name in given.methods:
        method = {"name": name, **QUICK.get(name, {})}
        with tempfile.TemporaryDirectory() as folder:
            run = train(method, env, steps=given.steps, runs=folder, name=name, progress=False)
            found = time_shares(run.path / "timing.csv")
            agents = Config(run.config()).environment(num_envs=1).spec.num_agents
        rate = found.pop("steps_per_second")
        seconds = found.pop("seconds")
        shares = ", ".join(f"{part} {share:.1%}" for part, share in found.items())
        print(f"{name}: {rate:,.0f} env steps/s, {rate * agents:,.0f} agent-steps/s ", end="")
        print(f"over {seconds:.0f} s; {shares}", flush=True)


if __name__ == "__main__":
    main()
