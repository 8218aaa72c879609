"""Traffic signal control with CityFlow's file formats and driving model."""

from graphmarl.envs.traffic.environment import Traffic
from graphmarl.envs.traffic.interpretation import Movements
from graphmarl.envs.traffic.sumo import Sumo

__all__ = ["Movements", "Sumo", "Traffic"]
