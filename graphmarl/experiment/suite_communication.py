"""Named settings of the tasks with known best returns with and without communication."""

from __future__ import annotations

from collections.abc import Iterable

from graphmarl.experiment.suite_types import Benchmark, Setting

# One setting for all on-policy methods and one for all off-policy methods; none was tuned further.
# An episode is a step, so that few of them are a trajectory.
ON_POLICY = "rollout_length=16"
OFF_POLICY = (
    "learning_rate=3e-3,batch_size=64,gradient_steps=2,rollout_length=4,learning_starts=250"
)
# A2C with a single epoch needs many optimiser steps in each trajectory.
ONE_EPOCH = "rollout_length=8,minibatch_size=64"
# The views have five entries, whose likelihood weighs less than a divergence of weight 1.
FLOW = "rollout_length=8,episodes=40,code_epochs=3,flow_epochs=3,kl_coef=0.01"
METHODS = {
    **{name: f"{name}:{ON_POLICY}" for name in ("commnet", "g2anet", "tarmac")},
    "neurcomm": f"neurcomm:{ONE_EPOCH}",
    **{name: f"{name}:{OFF_POLICY}" for name in ("dgn", "tarmac_qmix", "mfq")},
    # The weight of the succinctness loss is relative to the rewards, which are at most 1 here.
    "ndq": f"ndq:{OFF_POLICY},beta=0.01",
    **{name: f"{name}:{OFF_POLICY},alpha=0.05" for name in ("vpp", "ip")},
    "nvif_ppo": f"nvif_ppo:{FLOW}",
}
# Methods with two rounds of messages in a step, and forms with as many as the task has hops.
TWO_ROUNDS = ("commnet", "dgn", "vpp", "ip", "nvif_ppo")
TARMAC_TWO = {"tarmac-2-rounds": f"{METHODS['tarmac']},rounds=2"}
THREE_ROUNDS = {f"{name}-3-rounds": f"{METHODS[name]},rounds=3" for name in ("vpp", "ip")}
GRAPHS = {"": "links", "-none": "none", "-shuffled": "links:shuffle=true"}
STEPS = 10_000
LONG = ("3-hops", "memory")
"""Tasks with twice as many steps."""


def controlled(methods: dict[str, str], graphs: Iterable[str] = GRAPHS) -> dict[str, Setting]:
    """Each method on the edges of the task, without edges, and on edges between random agents.

    Args:
        methods: methods by the name of their row.
        graphs: ends of the rows.
    """
    return {
        f"{name}{end}": Setting(method, graph=GRAPHS[end])
        for name, method in methods.items()
        for end in graphs
    }


def named(names: Iterable[str], more: str = "") -> dict[str, str]:
    """Methods with their options, and more of them.

    Args:
        names: names of methods.
        more: further options.
    """
    return {name: METHODS[name] + more for name in names}


# Too few rounds for the hops of a task: on its edges only, where they must stay at chance.
ONE_ROUND = controlled(named(name for name in METHODS if name not in TWO_ROUNDS), [""])
TWO_HOPS = controlled(named(TWO_ROUNDS))
# Learning from steps drawn at random needs more updates where few of them are rewarded.
MEMORY = named(("neurcomm", "commnet", "vpp", "ip", "nvif_ppo")) | {
    "dgn": METHODS["dgn"].replace("gradient_steps=2", "gradient_steps=8")
}
SETTINGS = {
    "1-hop": controlled(METHODS),
    "2-hops": TWO_HOPS | controlled(TARMAC_TWO) | ONE_ROUND,
    "3-hops": controlled(THREE_ROUNDS) | controlled(named(TWO_ROUNDS), [""]),
    "ring": TWO_HOPS,
    # A star is the only graph of its degrees.
    "star": controlled(named(TWO_ROUNDS), ["", "-none"]),
    "random": TWO_HOPS,
    "memory": controlled(MEMORY),
}
TASKS = {
    "1-hop": "distance=1",
    "2-hops": "distance=2",
    "3-hops": "distance=3",
    "ring": "topology=ring,distance=2",
    "star": "topology=star",
    "random": "topology=random,distance=2",
    "memory": "distance=2,delay=2",
}
# Of twelve agents few are near the source on shuffled edges.
COMMUNICATION = {
    f"relay-{name}": Benchmark(
        f"relay:num_agents=12,{options},num_envs=32",
        2 * STEPS if name in LONG else STEPS,
        SETTINGS[name],
    )
    for name, options in TASKS.items()
}
