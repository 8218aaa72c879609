"""Named settings of the didactic tasks of NDQ."""

from __future__ import annotations

from graphmarl.experiment.suite_types import Benchmark, Setting

# With the defaults of the methods.
PLAIN = {name: Setting(name) for name in ("ndq", "tarmac_qmix", "qmix", "vdn", "iql")}
PLAIN |= {f"{name}-none": Setting(name, graph="none") for name in ("ndq", "tarmac_qmix")}
# A discount of 0.9 was best of three for all but TarMAC on the short hallways.
NDQ_HALLWAY = "ndq:bits=3,gamma=0.9,beta=0.02"
LONG = {name: Setting(f"{name}:gamma=0.9") for name in ("qmix", "vdn", "tarmac_qmix", "tarmac")}
LONG |= {
    "ndq": Setting(NDQ_HALLWAY),
    "ndq-none": Setting(NDQ_HALLWAY, graph="none"),
    # A cut ranks the bits to oneself too, as in the paper's code.
    "ndq-own": Setting(f"{NDQ_HALLWAY},own_messages=true"),
    # Mixer and weights of the paper's code.
    "ndq-qmix": Setting("ndq:bits=3,gamma=0.9,mixer=qmix,c_beta=0.1,beta=0.01"),
}
SHORT = LONG | {"tarmac": Setting("tarmac:gamma=0.99")}

DIDACTIC = {
    "sensor": Benchmark("sensor:num_envs=64", 150_000, PLAIN),
    "hallway-4x4": Benchmark("hallway:lengths=4x4,num_envs=64", 400_000, SHORT),
    "hallway-6x6": Benchmark("hallway:lengths=6x6,num_envs=64", 600_000, LONG),
    "search": Benchmark("independent_search:num_envs=32", 200_000, PLAIN),
}
DIDACTIC_CUTS = [f"rank={percent}" for percent in (20, 40, 60, 80, 90, 100)]
DIDACTIC_CUTS += ["rank=80,within=graph", "threshold=2"]
