"""What inspections have of each method after a short training: a table of methods by features.

Training is ended by SIGTERM, which saves a checkpoint. The same command again keeps what it finds.

Examples:
  python scripts/inspect_methods.py --seconds 120 --runs runs/inspected
  python scripts/inspect_methods.py --methods dgn vpp --seconds 20
"""

import argparse
import os
import signal
import time
from pathlib import Path

import torch

from graphmarl.experiment.inspection import inspect
from graphmarl.experiment.inspection.coverage import coverage
from graphmarl.experiment.interrupts import Terminated
from graphmarl.experiment.train import train
from graphmarl.methods import METHODS
from graphmarl.results.markdown import markdown
from graphmarl.results.run import Run

SMALL = {"name": "navigation", "num_agents": 8, "num_envs": 8}
TASKS = dict.fromkeys(METHODS, SMALL)
GATHER = {"name": "gather", "num_envs": 2}
TASKS |= {"nvif_ppo": GATHER, "nvif_dqn": GATHER}
TASKS |= {"ndq": {"name": "sensor"}, "flatland_winner": {"name": "flatland", "num_envs": 2}}
QUICK = {"episodes": 4, "code_epochs": 1, "flow_epochs": 1}
# A signal waits for the end of an update, which takes minutes with the paper's gradient steps.
FEW = {"model_gradient_steps": 4, "policy_gradient_steps": 2, "learning_starts": 200}
OPTIONS = {"nvif_ppo": QUICK, "nvif_dqn": QUICK, "mamba": FEW}


def trained(name: str, seconds: int, runs: str) -> Run:
    """A run of a method that is ended after some seconds; one that is there is kept."""
    if (Path(runs) / name / "config.yaml").exists() and Run(f"{runs}/{name}").last_or_none():
        return Run(f"{runs}/{name}")
    options = {"runs": runs, "name": name, "progress": False, "steps": 10**8}
    signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    signal.alarm(seconds)
    try:
        method = {"name": name, **OPTIONS.get(name, {})}
        train(method, TASKS[name], checkpoint_every=10**8, **options)
    except Terminated:
        pass
    finally:
        signal.alarm(0)
    return Run(f"{runs}/{name}")


def main() -> None:
    """Train and inspect each method, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=METHODS)
    parser.add_argument("--seconds", type=int, default=120, help="of training for each method")
    parser.add_argument("--episodes", type=int, default=12, help="episodes that are recorded")
    parser.add_argument("--steps", type=int, default=25, help="most steps of an episode recorded")
    parser.add_argument("--runs", default="runs/inspected")
    given = parser.parse_args()
    torch.set_num_threads(1)
    rows, head = [], ["method", "task"]
    for name in given.methods:
        run, begin = trained(name, given.seconds, given.runs), time.perf_counter()
        cells = coverage(inspect(run, given.episodes, given.steps))
        rows.append([name, TASKS[name]["name"], *cells.values()])
        print(f"{name}: inspected in {time.perf_counter() - begin:.0f} s", flush=True)
        head = ["method", "task", *cells]
    print("\n".join(markdown(head, rows)))


if __name__ == "__main__":
    main()
