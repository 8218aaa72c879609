"""Print what policies of skirmish that learn nothing reach: games won, with 95 % intervals.

`--mirror` lets both sides follow the rule of the game's own units, which is fair if each of two
equal armies wins as often as the other.

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


def told(name: str, won: list[float], more: str) -> None:
    """One line of the table."""
    print(
        f"  {name}: {confidence_interval([100 * each for each in won])} % won, {more}", flush=True
    )


def main() -> None:
    """Play what the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--maps", nargs="+", default=["3m", "8m", "2s3z", "3s_vs_3z"], choices=MAPS)
    parser.add_argument("--policies", nargs="+", default=["random", *SCRIPTED])
    parser.add_argument("--games", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--units", default="liberty", help="whose numbers: liberty or void")
    parser.add_argument("--threat", type=float, default=1.0)
    parser.add_argument("--mirror", action="store_true")
    parser.add_argument("--keep", action="store_true", help="note it in datasets/baselines.csv")
    given = parser.parse_args()
    torch.set_num_threads(1)
    for name in given.maps:
        env = Skirmish(name, given.units, given.threat, num_envs=given.games)
        print(name, flush=True)
        if given.mirror:
            won, drawn = mirror(env, given.seed)
            told("both by the game's rule", won.tolist(), f"{100 * drawn.mean():.1f} % drawn")
            continue
        for policy in given.policies:
            chosen = SCRIPTED[policy](env) if policy in SCRIPTED else random_policy(env, given.seed)
            found = play(env, chosen, given.seed)
            told(
                policy, found.info["win"], f"return {found.mean_return}, steps {found.mean_length}"
            )
            if given.keep:
                metrics = {"win": found.info["win"], "return": found.returns}
                add_baseline(DATASETS, f"skirmish {name}", policy, metrics)


if __name__ == "__main__":
    main()
