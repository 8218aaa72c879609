"""Traffic signals in a road network, after CityFlow's files and rules."""

from graphmarl.envs.traffic.environment import Traffic
from graphmarl.envs.traffic.interpretation import Movements
from graphmarl.envs.traffic.sumo import Sumo

__all__ = ["Movements", "Sumo", "Traffic"]
