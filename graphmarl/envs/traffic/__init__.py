"""Traffic: signals of road networks, in the files of CityFlow."""
