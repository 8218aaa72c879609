"""Compare our engine of traffic with recorded runs of CityFlow; print a table and draw the curves.

Examples:
  python scripts/parity_traffic.py --picture parity_traffic.png
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import torch

from graphmarl.envs.traffic.parity import Parity, compare

TRACES = Path(__file__).parent.parent / "tests" / "envs" / "traffic" / "traces"


def draw(runs: list[Parity], path: str) -> None:
    """Vehicles in the network and waiting vehicles over time, one picture for each run."""
    figure, places = plt.subplots(2, -(-len(runs) // 2), figsize=(12, 6), squeeze=False)
    for place, run in zip(places.T.flat, runs, strict=False):
        for column, (name, colour) in enumerate((("vehicles", "C0"), ("waiting", "C1")), start=1):
            place.plot(run.theirs[:, 0], run.theirs[:, column], colour, lw=4, alpha=0.4)
            place.plot(run.ours[:, 0], run.ours[:, column], "k", lw=0.8)
            place.plot([], [], colour, lw=4, alpha=0.4, label=f"{name}, CityFlow")
        place.plot([], [], "k", lw=0.8, label="graphmarl")
        place.set(title=run.name, xlabel="time in s")
        place.legend(fontsize="small")
    figure.tight_layout()
    figure.savefig(path, dpi=120)


def main() -> None:
    """Print one line for each recorded run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--traces", type=Path, default=TRACES)
    parser.add_argument("--single", action="store_true", help="single precision")
    parser.add_argument("--picture", help="where to draw the curves")
    given = parser.parse_args()
    dtype = torch.float32 if given.single else torch.float64
    runs = [
        run
        for folder in sorted(path for path in given.traces.iterdir() if path.is_dir())
        for run in compare(folder, ("cycle", "random"), dtype)
    ]
    print("| run | travel time, CityFlow | ours | error | vehicles | waiting |")
    print("| --- | --- | --- | --- | --- | --- |")
    for run in runs:
        travel = f"{run.theirs[-1, 3]:.3f} s | {run.ours[-1, 3]:.3f} s"
        errors = (run.travel_time_error(), *map(run.curve_error, ("vehicles", "waiting")))
        print(f"| {run.name} | {travel} | {' | '.join(f'{error:.4%}' for error in errors)} |")
    if given.picture:
        draw(runs, given.picture)


if __name__ == "__main__":
    main()
