"""Traffic signals in a road network, after CityFlow's files and rules."""
