"""Generated traffic tasks by name: grid networks with sampled trips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from graphmarl.envs.traffic.files import CityFlowConfig, Flow, Roadnet, read_task, write_task
from graphmarl.envs.traffic.grid import Grid
from graphmarl.envs.traffic.schema import VehicleKind
from graphmarl.envs.traffic.turning import TurningTrips


@dataclass(frozen=True)
class TrafficTask:
    """Generated task: a grid network and a distribution of trips.

    Args:
        grid: road network.
        trips: distribution of the trips.
    """

    grid: Grid
    trips: TurningTrips

    def write(self, folder: str | Path, seed: int = 0) -> Path:
        """Write CityFlow's files with the trips of a seed; returns the path of the config.

        The three files are reproducible to the byte.
        """
        roadnet, flows = self.grid.roadnet(), self.trips.flows(self.grid, seed)
        return write_task(folder, CityFlowConfig(seed=seed), roadnet, flows)


def _square(side: int, rate: float) -> TrafficTask:
    return TrafficTask(Grid(side, side), TurningTrips(rate))


TASKS: dict[str, TrafficTask] = {
    "grid_1x1": _square(1, 300.0),
    "grid_2x2": _square(2, 300.0),
    "grid_3x3": _square(3, 300.0),
    # Dimensions and volume of the public Hangzhou network, which has no licence; sampled trips.
    "hangzhou_4x4": TrafficTask(
        Grid(4, 4, east_west=800.0, north_south=600.0),
        TurningTrips(rate=None, vehicles=2983, vehicle=VehicleKind(headway_time=2.0)),
    ),
    "grid_7x7": _square(7, 300.0),
    "grid_10x10": _square(10, 300.0),
    "grid_15x15": _square(15, 300.0),
    "grid_35x35": _square(35, 300.0),
}


def task_of(name: str) -> TrafficTask | str:
    """Look up a generated task by name; a path of a JSON file is returned unchanged.

    Raises:
        ValueError: the name is neither a task nor a path of a JSON file.
    """
    if name in TASKS:
        return TASKS[name]
    if not name.endswith(".json"):
        choices = f"{', '.join(TASKS)}, or the path of a CityFlow config, NAME.json"
        raise ValueError(f"task is {name!r}; allowed are {choices}")
    return name


def roads_of(task: TrafficTask | str) -> tuple[Roadnet, Sequence[Flow], bool]:
    """Road network of a task, flows of its files, and whether vehicles change lanes.

    Flows of a generated task are empty, as they are sampled per episode.

    Raises:
        ValueError: a file is malformed, or its time step is not 1 s.
    """
    if isinstance(task, TrafficTask):
        return task.grid.roadnet(), (), False
    config, roadnet, flows = read_task(task)
    if config.interval != 1:
        raise ValueError(f"{task}: interval is {config.interval}; only 1 s can be played")
    return roadnet, flows, config.lane_change
