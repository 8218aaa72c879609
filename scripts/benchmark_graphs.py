"""Time of the geometric graph builders by the number of agents, compared with a bare k-d tree.

Examples:
  python scripts/benchmark_graphs.py            # up to 100,000 agents
  python scripts/benchmark_graphs.py --quick    # up to 10,000 agents
"""

import math
import sys
import time
from collections.abc import Callable

import torch
from scipy.spatial import KDTree
from torch_geometric.data import Data

from graphmarl.graphs import KNN, Directional, Radius

SIZES = (100, 1_000, 10_000, 100_000)


def milliseconds(works: dict[str, Callable[[], object]], repetitions: int) -> dict[str, float]:
    """Median time of each function; calls are interleaved, so that noise affects all alike."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(repetitions):
        for name, work in works.items():
            start = time.perf_counter()
            work()
            times[name].append(1e3 * (time.perf_counter() - start))
    return {name: sorted(taken)[repetitions // 2] for name, taken in times.items()}


def builders(num_agents: int) -> dict[str, Callable[[], object]]:
    """Functions to time for agents uniform in the unit square; the bare tree comes first."""
    pos = torch.rand(num_agents, 2, generator=torch.Generator().manual_seed(0))
    data, points = Data(pos=pos), pos.double().numpy()
    eight_neighbours = math.sqrt(8 / (math.pi * num_agents))
    return {
        "bare tree, k=9": lambda: KDTree(points).query(points, k=9),
        "KNN(8)": lambda: KNN(8)(data),
        "Directional": lambda: Directional()(data),
        "Directional, quadrant": lambda: Directional("quadrant")(data),
        "Radius, 8 within": lambda: Radius(eight_neighbours)(data),
    }


def main(sizes: tuple[int, ...]) -> None:
    """Print the tables: large graphs, and batches of small graphs as in a training step."""
    # SciPy's tree uses one thread; more for the builders would make the ratios depend on them.
    torch.set_num_threads(1)
    print(f"{'':24}{'agents':>8}{'ms':>9}{'/ tree':>8}{'/ N log N':>11}")
    measured = {n: milliseconds(builders(n), 5 if n > 10_000 else 25) for n in sizes}
    for num_agents, row in measured.items():
        for name, ms in row.items():
            ratio = ms / next(iter(row.values()))
            growth = ms / measured[1_000][name] / (num_agents * math.log(num_agents))
            growth *= 1_000 * math.log(1_000)
            print(f"{name:24}{num_agents:8}{ms:9.2f}{ratio:8.2f}{growth:11.2f}")
    for num_agents in (27, 115):
        batch = torch.arange(16).repeat_interleave(num_agents)
        pos = torch.rand(len(batch), 2, generator=torch.Generator().manual_seed(0))
        data = Data(pos=pos, batch=batch)
        works = {"KNN(8)": lambda d=data: KNN(8)(d), "Directional": lambda d=data: Directional()(d)}
        for name, ms in milliseconds(works, 51).items():
            print(f"{name:24}{f'16x{num_agents}':>8}{ms:9.2f}")


if __name__ == "__main__":
    main(SIZES[:-1] if "--quick" in sys.argv[1:] else SIZES)
