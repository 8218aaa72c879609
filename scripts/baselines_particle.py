"""Team returns of scripted baselines in the navigation tasks, over episodes of 25 steps.

Printed beside the values of an independent implementation over few episodes, which differs in the
placement of landmarks and in how assigned agents stop.

Examples:
  python scripts/baselines_particle.py --episodes 256 --keep
  python scripts/baselines_particle.py --task heterogeneous --agents 16 --action continuous --keep
"""

import argparse
from pathlib import Path

import torch

from graphmarl.envs import HeterogeneousNavigation, Navigation
from graphmarl.envs.particle.scripted import Assigned, NoOp, RandomActions, team_returns
from graphmarl.results.collect import add_baseline
from graphmarl.results.stats import confidence_interval

DATASETS = Path(__file__).parent.parent / "datasets"

COPIES = 64
TASKS = {"navigation": Navigation, "heterogeneous": HeterogeneousNavigation}
# Returns of an independent implementation, over few episodes.
KNOWN = {
    (15, "idle"): -228,
    (15, "random"): -258,
    (15, "assigned"): -80,
    (30, "idle"): -442,
    (30, "random"): -500,
    (30, "assigned"): -158,
}


def main() -> None:
    """Evaluate the baselines selected on the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--task", choices=TASKS, default="navigation")
    parser.add_argument("--episodes", type=int, default=256, help=f"a multiple of {COPIES}")
    parser.add_argument("--agents", nargs="+", type=int, default=[15, 30, 200])
    parser.add_argument("--action", choices=["discrete", "continuous"], default="discrete")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--keep", action="store_true", help="add the results to datasets/baselines.csv"
    )
    given = parser.parse_args()
    torch.set_num_threads(1)
    for number in given.agents:
        env = TASKS[given.task](number, action=given.action, num_envs=COPIES)
        task = f"{given.task}-{number}" + ("-continuous" * (given.action == "continuous"))
        controllers = {"idle": NoOp(env), "random": RandomActions(env), "assigned": Assigned(env)}
        for name, controller in controllers.items():
            if number > 100 and name == "assigned":
                continue  # the assignment of 200 agents in every episode is slow
            returns = team_returns(env, controller, given.episodes, given.seed)
            if given.keep:
                add_baseline(DATASETS, task, name, {"team_return": returns})
            known = KNOWN.get((number, name)) if task == f"navigation-{number}" else None
            reference = "" if known is None else f" (independent implementation {known})"
            print(f"{task}, {name}: {confidence_interval(returns)}{reference}", flush=True)


if __name__ == "__main__":
    main()
