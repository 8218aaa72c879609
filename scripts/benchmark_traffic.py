"""Vehicle-steps per second of the embedded traffic engine, under random phases.

A vehicle-step is one vehicle in the network for one second. If the module `cityflow` is
installed, CityFlow is measured with the same trips and phases.

Examples:
  python scripts/benchmark_traffic.py --threads 1
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from graphmarl.envs.traffic.engine import EmbeddedEngine
from graphmarl.envs.traffic.files import CityFlowConfig, Flow, Roadnet, write_task
from graphmarl.envs.traffic.tasks import TASKS

HOLD = 10
RUNS = (("hangzhou_4x4", (1, 16, 64)), ("grid_35x35", (1,)))


def rates(
    play: Callable[[Tensor], int], phases: Tensor, windows: int
) -> list[tuple[float, float, float]]:
    """Mean vehicles, ms per simulated second, and vehicle-steps per second, for each window.

    Args:
        play: function that simulates ten seconds under given phases and returns the vehicle count.
        phases: phases of every ten seconds.
        windows: number of windows of equal length.
    """
    found = []
    for window in phases.chunk(windows):
        begin, vehicles = time.perf_counter(), 0
        for phase in window:
            vehicles += play(phase)
        spent, steps = time.perf_counter() - begin, len(window) * HOLD
        found.append((vehicles / len(window), 1e3 * spent / steps, vehicles * HOLD / spent))
    return found


def embedded(engine: EmbeddedEngine) -> Callable[[Tensor], int]:
    """Simulation function of the embedded engine."""

    def play(phase: Tensor) -> int:
        engine.advance(phase.expand(engine.copies, -1), HOLD)
        return int(engine.vehicles().sum())

    return play


def main() -> None:
    """Print one line for each window of each run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--seconds", type=int, default=1200)
    parser.add_argument("--windows", type=int, default=4)
    parser.add_argument("--single", action="store_true", help="single precision")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    dtype = torch.float32 if given.single else torch.float64
    for name, several in RUNS:
        task = TASKS[name]
        roadnet, flows = task.grid.roadnet(), task.trips.flows(task.grid, 0)
        signals = len(roadnet.signals)
        random = torch.Generator().manual_seed(0)
        phases = torch.randint(1, 9, (given.seconds // HOLD, signals), generator=random)
        for copies in several:
            engine = EmbeddedEngine(roadnet, flows, copies, given.device, dtype=dtype)
            report(f"{name}, {copies} copies", rates(embedded(engine), phases, given.windows))
        report_cityflow(name, roadnet, flows, phases, given.windows)


def report_cityflow(
    name: str, roadnet: Roadnet, flows: Sequence[Flow], phases: Tensor, windows: int
) -> None:
    """Measure CityFlow, if it is installed."""
    try:
        import cityflow  # type: ignore[import-not-found]
    except ImportError:
        return
    with tempfile.TemporaryDirectory() as folder:
        path = write_task(folder, CityFlowConfig(dir=f"{folder}/"), roadnet, flows)
        engine = cityflow.Engine(str(path), 1)
        names = [signal.id for signal in roadnet.signals]

        def play(phase: Tensor) -> int:
            for signal, number in zip(names, phase.tolist(), strict=True):
                engine.set_tl_phase(signal, number)
            for _ in range(HOLD):
                engine.next_step()
            return engine.get_vehicle_count()

        report(f"{name}, CityFlow", rates(play, phases, windows))


def report(name: str, found: list[tuple[float, float, float]]) -> None:
    """Print one line for each window."""
    for vehicles, each, rate in found:
        print(
            f"{name}: {vehicles:,.0f} vehicles, {each:.2f} ms per simulated second, "
            f"{rate:,.0f} vehicle-steps/s",
            flush=True,
        )


if __name__ == "__main__":
    main()
