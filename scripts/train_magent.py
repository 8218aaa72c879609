"""Train methods on Gather over several seeds and print them beside Table II of the NVIF paper.

Examples:
  python scripts/train_magent.py --method nvif_ppo --map normal --size 24 --seeds 0 1 2
"""

import argparse
from pathlib import Path

import torch

from graphmarl.experiment.ablate import run_seeds
from graphmarl.experiment.suite import GATHER_OFF_POLICY
from graphmarl.learners import OffPolicy
from graphmarl.methods import METHODS
from graphmarl.resolver import split_name
from graphmarl.results.tables import read_rows, summary

PAPER = Path(__file__).parent.parent / "datasets" / "nvif_table2.csv"


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--method", default="nvif_ppo", help="as in `graphmarl methods`")
    parser.add_argument("--options", nargs="*", default=[], help="of the method: alpha=0 layers=1")
    parser.add_argument("--map", default="normal", choices=("normal", "random"))
    parser.add_argument("--size", type=int, default=24)
    parser.add_argument("--view_radius", type=int, default=7)
    parser.add_argument("--graph", default=None, help="as in `graphmarl graphs`")
    parser.add_argument("--steps", type=int, default=80_000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--episodes", type=int, default=32)
    parser.add_argument("--runs", default="runs")
    parser.add_argument("--device", default="cpu", help="device of the networks")
    parser.add_argument("--threads", type=int, default=1, help="of PyTorch")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    words = given.method + (":" + ",".join(given.options) if given.options else "")
    options = split_name(words, "method")[1]
    if issubclass(METHODS[given.method], OffPolicy):
        options = GATHER_OFF_POLICY | options
    method = {"name": given.method, **options}
    env = {"name": "gather", "map": given.map, "size": given.size}
    env["view_radius"] = given.view_radius
    parts = [given.method, *given.options, given.graph, given.map, str(given.size)]
    if given.view_radius != 7:
        parts.append(f"view{given.view_radius}")
    name = "-".join(part.replace("/", "_") for part in parts if part)
    rows = run_seeds(
        name,
        method,
        env,
        given.graph,
        given.steps,
        given.seeds,
        given.runs,
        given.episodes,
        given.device,
    )
    print(summary(rows).to_string(index=False))
    for row in read_rows(PAPER):
        if (row["map"], row["size"]) == (given.map, str(given.size)):
            print(f"Table II  {row['method']}: return {row['return']}, steps {row['steps']}")


if __name__ == "__main__":
    main()
