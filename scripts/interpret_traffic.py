"""Divergence between the distributions of green phases and of vehicles (IP, Fig. 12).

An interval covers `--choices` decisions in `--episodes` episodes: their product in env steps.

Examples:
  python scripts/interpret_traffic.py runs/hangzhou_4x4/vpp-seed0 runs/hangzhou_4x4/dgn-seed0
"""

import argparse
from pathlib import Path

import torch
from torch import Tensor

from graphmarl.data import first_episodes
from graphmarl.envs.traffic import Movements, Traffic
from graphmarl.experiment.policies import load_policy
from graphmarl.results.collect import merge_rows
from graphmarl.results.stats import confidence_interval
from graphmarl.step import Step


@torch.inference_mode()
def intervals(run: str, episodes: int, choices: int, seed: int) -> list[Movements]:
    """The movements of a run in each interval of an episode, summed over episodes."""
    found: list[Movements] = []
    with load_policy(run, episodes, greedy=False) as loaded:
        if not isinstance(loaded.env, Traffic):
            raise ValueError(f"{run} was not trained in traffic")
        env = loaded.env

        def act(step: Step) -> Tensor:
            # The vehicles are those before the action.
            action = loaded.policy(step)
            found[-1].count(env, action)
            return action

        found.append(Movements.empty(env))
        for number, _ in enumerate(first_episodes(env, act, seed), 1):
            if number % choices == 0:
                found.append(Movements.empty(env))
    if not found[-1].vehicles.any():
        found.pop()
    return found


def main() -> None:
    """Print the divergences of the runs given on the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", nargs="+", help="run folders")
    parser.add_argument("--episodes", type=int, default=64)
    parser.add_argument(
        "--choices", type=int, default=10, help="decisions of an episode per interval"
    )
    parser.add_argument("--seed", type=int, default=1_000_000)
    parser.add_argument("--out", type=Path, help="CSV file for the values of all intervals")
    given = parser.parse_args()
    rows = []
    for run in given.runs:
        found = intervals(run, given.episodes, given.choices, given.seed)
        kl, euclid = ([m.divergence() for m in found], [m.distance() for m in found])
        print(
            f"{Path(run).name}: KL {confidence_interval(kl)}, Euclidean "
            f"{sum(euclid) / len(euclid):.4f}, {len(found)} intervals of "
            f"{given.episodes * given.choices} env steps",
            flush=True,
        )
        for number, (first, second) in enumerate(zip(kl, euclid, strict=True)):
            row = {"run": Path(run).name, "interval": str(number)}
            rows.append(row | {"kl": f"{first:.5f}", "euclidean": f"{second:.5f}"})
    if given.out:
        merge_rows(given.out, rows, ("run", "interval"))


if __name__ == "__main__":
    main()
