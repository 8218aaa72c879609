"""Traffic signals in a road network, after CityFlow's files and rules."""

from graphmarl.envs.traffic.environment import Traffic

__all__ = ["Traffic"]
