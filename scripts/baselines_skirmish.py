"""Win rates of scripted baselines in skirmish, with 95 % confidence intervals.

With `--mirror` both sides follow the game's AI; of two equal armies each should win as often as
the other.

Examples:
  python scripts/baselines_skirmish.py --maps 3m 8m 3s_vs_3z --games 1000 --keep
  python scripts/baselines_skirmish.py --mirror --maps 3m 8m 2s3z --games 4000
"""

import argparse
from pathlib import Path

import torch

from graphmarl.envs.skirmish import MAPS, Skirmish
from graphmarl.envs.skirmish.scripted import SCRIPTED, mirror
from graphmarl.experiment.evaluate import play
from graphmarl.experiment.policies import random_policy
from graphmarl.results.collect import add_baseline
from graphmarl.results.stats import confidence_interval

DATASETS = Path(__file__).parent.parent / "datasets"


def print_row(name: str, won: list[float], more: str) -> None:
    """Print one line of the table."""
    print(
        f"  {name}: {confidence_interval([100 * each for each in won])} % won, {more}", flush=True
    )


def main() -> None:
    """Evaluate the baselines selected on the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--maps", nargs="+", default=["3m", "8m", "2s3z", "3s_vs_3z"], choices=MAPS)
    parser.add_argument("--policies", nargs="+", default=["random", *SCRIPTED])
    parser.add_argument("--games", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--units", default="liberty", help="table of unit properties: liberty or void"
    )
    parser.add_argument("--threat", type=float, default=1.0)
    parser.add_argument("--mirror", action="store_true")
    parser.add_argument(
        "--keep", action="store_true", help="add the results to datasets/baselines.csv"
    )
    given = parser.parse_args()
    torch.set_num_threads(1)
    for name in given.maps:
        env = Skirmish(name, given.units, given.threat, num_envs=given.games)
        print(name, flush=True)
        if given.mirror:
            won, drawn = mirror(env, given.seed)
            print_row("both by the game's AI", won.tolist(), f"{100 * drawn.mean():.1f} % drawn")
            continue
        for policy in given.policies:
            chosen = SCRIPTED[policy](env) if policy in SCRIPTED else random_policy(env, given.seed)
            found = play(env, chosen, given.seed)
            print_row(
                policy, found.info["win"], f"return {found.mean_return}, steps {found.mean_length}"
            )
            if given.keep:
                metrics = {"win": found.info["win"], "return": found.returns}
                add_baseline(DATASETS, f"skirmish {name}", policy, metrics)


if __name__ == "__main__":
    main()
