"""Write a generated traffic task, a grid network with random trips, as CityFlow's files.

Examples:
  python scripts/make_traffic.py --task hangzhou_4x4 --out tasks/hangzhou_4x4
  python scripts/make_traffic.py --rows 4 --columns 4 --rate 300 --peak 0.5 --out tasks/mine
"""

import argparse
from pathlib import Path

from graphmarl.envs.traffic.grid import Grid
from graphmarl.envs.traffic.schema import VehicleKind
from graphmarl.envs.traffic.tasks import TASKS, TrafficTask
from graphmarl.envs.traffic.turning import TurningTrips


def main() -> None:
    """Write the task selected on the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="output folder")
    parser.add_argument("--seed", type=int, default=0, help="seed of the trips")
    parser.add_argument(
        "--task", choices=list(TASKS), help="named task, instead of the options below"
    )
    parser.add_argument("--rows", type=int, default=4)
    parser.add_argument("--columns", type=int, default=4)
    parser.add_argument("--east-west", type=float, default=300.0, help="metres")
    parser.add_argument("--north-south", type=float, default=300.0, help="metres")
    lanes = "for left turns, straight on and right turns"
    parser.add_argument("--lanes", type=int, nargs=3, default=[1, 1, 1], help=lanes)
    parser.add_argument("--lane-width", type=float, default=4.0, help="metres")
    parser.add_argument("--max-speed", type=float, default=11.111, help="m/s")
    parser.add_argument(
        "--width", type=float, default=30.0, help="width of an intersection, metres"
    )
    parser.add_argument("--rate", type=float, help="vehicles per hour and entry; 300 by default")
    parser.add_argument("--vehicles", type=int, help="total number of vehicles, instead of a rate")
    parser.add_argument("--duration", type=int, default=3600, help="seconds")
    parser.add_argument("--shares", type=float, nargs=3, default=[0.1, 0.6, 0.3], help=lanes)
    parser.add_argument(
        "--peak", type=float, default=0.0, help="0 is a constant rate, 1 starts and ends at rate 0"
    )
    parser.add_argument("--headway", type=float, default=1.5, help="seconds")
    given = parser.parse_args()
    if given.task:
        task = TASKS[given.task]
    else:
        even = given.rate is None and given.vehicles is None
        task = TrafficTask(
            Grid(
                given.rows,
                given.columns,
                given.east_west,
                given.north_south,
                tuple(given.lanes),
                given.lane_width,
                given.max_speed,
                given.width,
            ),
            TurningTrips(
                300.0 if even else given.rate,
                given.vehicles,
                given.duration,
                tuple(given.shares),
                given.peak,
                VehicleKind(max_speed=given.max_speed, headway_time=given.headway),
            ),
        )
    print(task.write(given.out, given.seed))


if __name__ == "__main__":
    main()
