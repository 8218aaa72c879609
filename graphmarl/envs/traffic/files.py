"""Reader of CityFlow's files: roadnet, flow and config.

Defaults are CityFlow's. Input that CityFlow would refuse, silently misread or crash on raises a
ValueError that names the file, the position in it and the problem. Members that CityFlow does not
read are dropped. A written roadnet has two of them, as those of CityFlow's grid generator:
`direction` (0 to 3 for east, north, west and south) and `roadLinkIndices`.
"""

from __future__ import annotations

from pathlib import Path

from graphmarl.envs.traffic.flow_reader import read_flow
from graphmarl.envs.traffic.json_value import JsonValue
from graphmarl.envs.traffic.roadnet_reader import read_roadnet
from graphmarl.envs.traffic.schema import (
    CityFlowConfig,
    Flow,
    Intersection,
    Lane,
    LaneLink,
    Phase,
    Road,
    RoadLink,
    Roadnet,
    Turn,
    VehicleKind,
)
from graphmarl.envs.traffic.writing import (
    write_config,
    write_flow,
    write_roadnet,
    write_task,
)


def read_config(path: str | Path) -> CityFlowConfig:
    """Read a config, which names the other files.

    Raises:
        ValueError: the file is malformed; the message names the position and the problem.
    """
    entry = JsonValue.whole(path)
    return CityFlowConfig(
        interval=entry["interval"].positive(),
        seed=entry["seed"].integer(),
        dir=entry["dir"].text(),
        roadnet_file=entry["roadnetFile"].text(),
        flow_file=entry["flowFile"].text(),
        rl_traffic_light=entry["rlTrafficLight"].flag(),
        lane_change=entry["laneChange"].flag() if entry.has("laneChange") else False,
    )


def task_files(path: str | Path) -> tuple[CityFlowConfig, Path, Path]:
    """A config, and the paths of the roadnet and the flow file that it names.

    Unlike in CityFlow, where `dir` is relative to the working directory, it is relative to the
    config's folder, to a folder above that one, or to the working directory: the first of them
    that has the file.

    Raises:
        ValueError: the config is malformed, or a file does not exist.
    """
    config = read_config(path)
    own = Path(path).absolute().parent
    folders = list(dict.fromkeys([own, *own.parents, Path.cwd()]))
    found = []
    for key, name in (("roadnetFile", config.roadnet_file), ("flowFile", config.flow_file)):
        inner = Path(config.dir, name)
        there = [folder / inner for folder in folders if _is_file(folder / inner)]
        if not there:
            raise ValueError(
                f"{path}: {key} is no file: dir and {key} are {str(inner)!r}, which is neither in "
                f"the folder of the config or above, {own}, nor in the working directory, "
                f"{Path.cwd()}"
            )
        found.append(there[0])
    return config, found[0], found[1]


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False


def read_task(path: str | Path) -> tuple[CityFlowConfig, Roadnet, tuple[Flow, ...]]:
    """Read a config and the files that it names.

    Raises:
        ValueError: a file is malformed; the message names file, position and problem.
    """
    config, roadnet_path, flow_path = task_files(path)
    roadnet = read_roadnet(roadnet_path)
    return config, roadnet, read_flow(flow_path, roadnet)


__all__ = [
    "CityFlowConfig",
    "Flow",
    "Intersection",
    "Lane",
    "LaneLink",
    "Phase",
    "Road",
    "RoadLink",
    "Roadnet",
    "Turn",
    "VehicleKind",
    "read_config",
    "read_flow",
    "read_roadnet",
    "read_task",
    "task_files",
    "write_config",
    "write_flow",
    "write_roadnet",
    "write_task",
]
