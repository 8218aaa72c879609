"""Generated traffic tasks by name: grid networks with sampled trips."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from graphmarl.envs.traffic.files import task_files
from graphmarl.envs.traffic.flow_reader import read_trips
from graphmarl.envs.traffic.grid import Grid
from graphmarl.envs.traffic.phases import YellowPhase, with_yellow
from graphmarl.envs.traffic.roadnet_reader import read_roadnet
from graphmarl.envs.traffic.schema import CityFlowConfig, Flow, Roadnet, VehicleKind
from graphmarl.envs.traffic.turning import TurningTrips
from graphmarl.envs.traffic.writing import write_task


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
    """Look up a generated task by name; a path of a config is returned unchanged.

    Raises:
        ValueError: the name is neither a task nor a path of a config.
    """
    if name in TASKS:
        return TASKS[name]
    if not name.endswith(".json") and not Path(name).is_file():
        choices = f"{', '.join(TASKS)}, or the path of a CityFlow config, NAME.json"
        raise ValueError(f"task is {name!r}; allowed are {choices}")
    return name


@dataclass(frozen=True)
class Scenario:
    """Road network and trips of a task, as they are played.

    Args:
        roadnet: road network.
        yellow: yellow phase of each signal.
        flows: trips of a task's files; empty for a generated task, whose trips are sampled per
            episode.
        lane_change: whether vehicles change lanes.
        ignores_lane_change: whether they do not, although the config says so.
        name: path of the roadnet file, or name of the grid, for messages.
        skipped: a sentence for each entry of the files that is not played as it is written.
    """

    roadnet: Roadnet
    yellow: tuple[int, ...]
    flows: tuple[Flow, ...] = ()
    lane_change: bool = False
    ignores_lane_change: bool = False
    name: str = "grid"
    skipped: tuple[str, ...] = ()

    def differences(self, left_out: int) -> list[str]:
        """What is not played as the files say, one sentence each.

        Args:
            left_out: number of signals that are no agents.
        """
        said = []
        if left_out:
            said.append(f"{left_out} of {len(self.yellow)} signals are fixed and no agents")
        if self.skipped:
            number = len(self.skipped)
            entries = "1 entry is" if number == 1 else f"{number} entries are"
            said.append(f"{entries} not played as written; the first: {self.skipped[0]}")
        if self.ignores_lane_change:
            said.append("laneChange is true and ignored; vehicles keep their lanes")
        return [f"{self.name}: {each}" for each in said]


def scenario_of(
    task: TrafficTask | str, yellow_phase: YellowPhase, skip: bool, lane_change: bool | None
) -> Scenario:
    """Road network and trips of a task.

    Args:
        task: generated task, or path of a config.
        yellow_phase: yellow phase of the signals.
        skip: leave out trips that cannot be driven, instead of refusing the file.
        lane_change: whether vehicles change lanes; None for what the config says.

    Raises:
        ValueError: a file is malformed, cannot be played, or has a time step other than 1 s.
    """
    if isinstance(task, TrafficTask):
        return Scenario(*with_yellow(task.grid.roadnet(), yellow_phase))
    config, roadnet_path, flow_path = task_files(task)
    if config.interval != 1:
        raise ValueError(f"{task}: interval is {config.interval}; only 1 s can be played")
    changes = config.lane_change if lane_change is None else lane_change
    skipped: list[str] | None = [] if skip else None
    roadnet = read_roadnet(roadnet_path, skipped)
    try:
        roadnet, yellow = with_yellow(roadnet, yellow_phase)
    except ValueError as error:
        raise ValueError(f"{roadnet_path}: {error}") from error
    flows = read_trips(flow_path, roadnet, changes, skipped)
    return Scenario(
        roadnet,
        yellow,
        flows,
        changes,
        config.lane_change and not changes,
        str(roadnet_path),
        tuple(skipped or ()),
    )
