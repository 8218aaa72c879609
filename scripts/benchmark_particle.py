"""Training speed in agent-steps per second and peak memory in large particle environments.

Examples:
  python scripts/benchmark_particle.py --steps 20000
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from graphmarl.results.tables import time_shares

METHOD = (
    "vpp:learning_rate=1e-3,batch_size=32,gradient_steps=1,rollout_length=4,buffer_size=20000,"
    "learning_starts=500"
)
ENVS = {
    "prey_predator:num_agents=100,num_envs=16": 100,
    "push:num_agents=100,num_envs=16": 100,
    "heterogeneous_navigation:num_agents=100,num_envs=16": 100,
    "navigation:num_agents=200,num_envs=16": 200,
}
# Runs in its own process, whose peak memory is that of the run.
TRAIN = """
import resource, sys
from graphmarl import train
train(sys.argv[1], sys.argv[2], sys.argv[3], steps=int(sys.argv[4]), runs=sys.argv[5], name="run",
      threads=1, progress=False)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def main() -> None:
    """Print one line for each environment."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--method", default=METHOD)
    parser.add_argument("--graph", default="knn:k=8,refresh=5")
    parser.add_argument("--envs", nargs="+", default=list(ENVS), choices=ENVS)
    parser.add_argument("--steps", type=int, default=20_000)
    given = parser.parse_args()
    for env in given.envs:
        with tempfile.TemporaryDirectory() as folder:
            words = [given.method, env, given.graph, str(given.steps), folder]
            process = subprocess.run(
                [sys.executable, "-c", TRAIN, *words], check=True, capture_output=True, text=True
            )
            found = time_shares(Path(folder) / "run" / "timing.csv")
        rate, seconds = found.pop("steps_per_second"), found.pop("seconds")
        peak = float(process.stdout.split()[-1])
        shares = ", ".join(f"{part} {share:.0%}" for part, share in found.items())
        print(
            f"{env}: {given.steps:,} steps in {seconds:.0f} s, {rate * ENVS[env]:,.0f} "
            f"agent-steps/s, peak memory {peak:,.0f} MiB; {shares}",
            flush=True,
        )


if __name__ == "__main__":
    main()
