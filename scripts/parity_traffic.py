"""Errors of the embedded traffic engine against recorded runs of CityFlow, as table and figure.

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
    """Draw vehicles in the network and waiting vehicles over time, one panel for each run."""
    figure, panels = plt.subplots(2, -(-len(runs) // 2), figsize=(12, 6), squeeze=False)
    for panel, run in zip(panels.T.flat, runs, strict=False):
        for column, (name, colour) in enumerate((("vehicles", "C0"), ("waiting", "C1")), start=1):
            panel.plot(run.cityflow[:, 0], run.cityflow[:, column], colour, lw=4, alpha=0.4)
            panel.plot(run.embedded[:, 0], run.embedded[:, column], "k", lw=0.8)
            panel.plot([], [], colour, lw=4, alpha=0.4, label=f"{name}, CityFlow")
        panel.plot([], [], "k", lw=0.8, label="graphmarl")
        panel.set(title=run.name, xlabel="time in s")
        panel.legend(fontsize="small")
    figure.tight_layout()
    figure.savefig(path, dpi=120)


def main() -> None:
    """Print one line for each recorded run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--traces", type=Path, default=TRACES)
    parser.add_argument("--single", action="store_true", help="single precision")
    parser.add_argument("--picture", help="path of the figure")
    given = parser.parse_args()
    dtype = torch.float32 if given.single else torch.float64
    runs = [
        run
        for folder in sorted(path for path in given.traces.iterdir() if path.is_dir())
        for run in compare(folder, ("cycle", "random"), dtype)
    ]
    print("| run | travel time, CityFlow | embedded | error | vehicles | waiting |")
    print("| --- | --- | --- | --- | --- | --- |")
    for run in runs:
        travel = f"{run.cityflow[-1, 3]:.3f} s | {run.embedded[-1, 3]:.3f} s"
        errors = (run.travel_time_error(), *map(run.curve_error, ("vehicles", "waiting")))
        print(f"| {run.name} | {travel} | {' | '.join(f'{error:.4%}' for error in errors)} |")
    if given.picture:
        draw(runs, given.picture)


if __name__ == "__main__":
    main()
