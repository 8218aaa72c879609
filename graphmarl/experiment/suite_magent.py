"""Named settings of MAgent's environments: Gather, Jungle and Battle."""

from __future__ import annotations

from graphmarl.experiment.suite_particle import NAVIGATION
from graphmarl.experiment.suite_types import Benchmark, Setting

# Of every off-policy method on Gather: the on-policy methods' learning rate, discount and scale.
GATHER_OFF_POLICY = (
    "learning_rate=5e-4,gamma=0.97,reward_scale=0.3,batch_size=64,gradient_steps=4,"
    "buffer_size=20000,half_precision=True"
)
OFF_POLICY = ("nvif_dqn", "dgn", "mfq", "iql", "vdn", "qmix")
# The defaults of PPO were found on Gather.
GATHER = {name: Setting(name) for name in ("nvif_ppo", "ippo", "mappo")}
GATHER |= {name: Setting(f"{name}:{GATHER_OFF_POLICY}") for name in OFF_POLICY}
CODE = "nvif_ppo:agent_input=code,variational_code=True"
# The paper's Fully-VIF and MS, NVIF without its consistency loss, and agents that read only the
# variational code of their observation, as in the paper, with and without neighbours.
GATHER |= {
    "nvif_ppo-complete": Setting("nvif_ppo", graph="complete"),
    "nvif_ppo-mean": Setting("nvif_ppo:communication=mean"),
    "nvif_ppo-alpha-0": Setting("nvif_ppo:alpha=0"),
    "nvif_ppo-code": Setting(CODE),
    "nvif_ppo-code-none": Setting(CODE, graph="none"),
}
BATTLE = {"ippo": GATHER["ippo"]}
JUNGLE_ROWS = ("vpp-paper", "vpp-exact-quiet", "dgn", "mfq", "independent-sac")
JUNGLE = {name: NAVIGATION[name] for name in JUNGLE_ROWS}

MAGENT = {
    f"gather-{place}-{size}": Benchmark(f"gather:map={place},size={size}", steps, GATHER)
    for place in ("normal", "random")
    for size, steps in ((24, 80_000), (48, 200_000), (96, 200_000))
}
MAGENT |= {
    f"gather-random-24-view{radius}": Benchmark(
        f"gather:map=random,size=24,view_radius={radius}", 100_000, GATHER
    )
    for radius in (2, 4)
}
MAGENT["jungle"] = Benchmark(
    "jungle:num_envs=16", 60_000, JUNGLE, preferred={"vpp": "vpp-exact-quiet"}
)
MAGENT["battle"] = Benchmark("battle:num_envs=16", 80_000, BATTLE)
