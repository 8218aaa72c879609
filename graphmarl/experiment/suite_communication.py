"""Named settings of the tasks with known best returns with and without communication."""

from __future__ import annotations

from graphmarl.experiment.suite_types import Benchmark, Setting

# One setting for all on-policy methods and one for all off-policy methods; none was tuned further.
ON_POLICY = "rollout_length=16"
OFF_POLICY = (
    "learning_rate=3e-3,batch_size=64,gradient_steps=2,rollout_length=4,learning_starts=500"
)
FLOW = f"{ON_POLICY},episodes=40,code_epochs=3,flow_epochs=3"
METHODS = {
    **{name: f"{name}:{ON_POLICY}" for name in ("commnet", "g2anet", "tarmac", "neurcomm")},
    **{name: f"{name}:{OFF_POLICY}" for name in ("dgn", "ndq", "tarmac_qmix", "mfq")},
    **{name: f"{name}:{OFF_POLICY},alpha=0.05" for name in ("vpp", "ip")},
    "nvif_ppo": f"nvif_ppo:{FLOW}",
}
GRAPHS = {"": "links", "-none": "none", "-shuffled": "links:shuffle=true"}
# Each method on the edges of the task, without edges, and on edges between random agents.
CONTROLLED = {
    f"{name}{suffix}": Setting(method, graph=graph)
    for name, method in METHODS.items()
    for suffix, graph in GRAPHS.items()
}
# A star is the only graph of its degrees.
STAR = {name: row for name, row in CONTROLLED.items() if not name.endswith("-shuffled")}
STEPS = 40_000
# Of twelve agents few are near the source on shuffled edges.
COMMUNICATION = {
    f"relay-{name}": Benchmark(
        f"relay:num_agents=12,{options},num_envs=64", STEPS, STAR if name == "star" else CONTROLLED
    )
    for name, options in {
        "1-hop": "distance=1",
        "2-hops": "distance=2",
        "3-hops": "distance=3",
        "ring": "topology=ring,distance=2",
        "star": "topology=star",
        "random": "topology=random,distance=2",
        "memory": "distance=2,delay=2",
    }.items()
}
