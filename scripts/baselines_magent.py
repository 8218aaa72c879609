"""Contents of Gather's six maps compared with Table I of NVIF, and returns of baselines on them.

Examples:
  python scripts/baselines_magent.py --episodes 32 --keep
"""

import argparse
from contextlib import closing
from pathlib import Path
from typing import Any

from graphmarl.envs.magent.scripted import scripted_policy
from graphmarl.experiment.evaluate import play
from graphmarl.experiment.policies import random_policy
from graphmarl.results.collect import add_baseline
from graphmarl.results.tables import read_rows

DATASETS = Path(__file__).parent.parent / "datasets"
# Returns of an independent reimplementation of maps, rewards and script, over 2 to 6 seeds.
RECONSTRUCTED = {
    ("normal", 24): 695.6,
    ("normal", 48): 1873.6,
    ("normal", 96): 4019.3,
    ("random", 24): 133.2,
    ("random", 48): 378.5,
    ("random", 96): 1243.5,
}


def main() -> None:
    """Evaluate the scripted and the random baseline on every map."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--episodes", type=int, default=16)
    parser.add_argument(
        "--keep", action="store_true", help="add the results to datasets/baselines.csv"
    )
    given = parser.parse_args()
    for row in read_rows(DATASETS / "nvif_table1.csv"):
        place, size = row["map"], int(row["size"])
        options: dict[str, Any] = {"map": place, "size": size, "num_envs": given.episodes}
        with closing(Gather(**options)) as env:
            step = env.reset(0)
            omnivores, food = step.alive[0].sum().item(), int(step.info["food"][0])
            scripted = play(env, scripted_policy(env))
            untrained = play(env, random_policy(env))
        known = RECONSTRUCTED[place, size]
        print(
            f"{place}-{size}: {omnivores} omnivores, {food} food (Table I: {row['omnivores']}, "
            f"{row['food']}); scripted {scripted.mean_return} in {scripted.mean_length} steps, "
            f"{scripted.mean_return.mean / known - 1:+.1%} of {known}; "
            f"random policy {untrained.mean_return}",
            flush=True,
        )
        if given.keep:
            for name, played in {"random": untrained, "scripted": scripted}.items():
                add_baseline(DATASETS, f"gather {place}-{size}", name, {"return": played.returns})


if __name__ == "__main__":
    main()
