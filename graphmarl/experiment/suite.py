"""Named settings: the method, graph and options behind every published row of results.

Those of the particle environments are in `suite_particle`, of MAgent in `suite_magent`, of the
didactic tasks in `suite_didactic`, and of the relay task in `suite_communication`.
"""

from __future__ import annotations

from graphmarl.envs.flatland import TASKS as FLATLAND_TASKS
from graphmarl.envs.skirmish import MAPS
from graphmarl.envs.traffic.tasks import TASKS as TRAFFIC_TASKS
from graphmarl.experiment.suite_communication import COMMUNICATION
from graphmarl.experiment.suite_didactic import DIDACTIC, DIDACTIC_CUTS
from graphmarl.experiment.suite_magent import MAGENT
from graphmarl.experiment.suite_particle import MEAN_STATES, PARTICLE
from graphmarl.experiment.suite_types import Benchmark, Family, Setting

# Every family has one setting for all off-policy methods and one for all on-policy methods; none
# was tuned further.
TRAFFIC_OFF_POLICY = (
    "learning_rate=1e-3,batch_size=128,gradient_steps=8,rollout_length=4,buffer_size=50000,"
    "learning_starts=1600"
)
TRAFFIC_SAC = f"{TRAFFIC_OFF_POLICY},alpha=0.05"
TRAFFIC_VPP = f"{TRAFFIC_SAC},expectation=sampled,scaled=False"
TRAFFIC_EXACT = f"{TRAFFIC_SAC},gradient=exact"
TRAFFIC_MEAN = f"{TRAFFIC_EXACT},{MEAN_STATES}"
# Actor-critic methods with a single epoch need many optimiser steps in each trajectory.
TRAFFIC_ONE_EPOCH = "gamma=0.95,rollout_length=8,minibatch_size=128"
TRAFFIC_Q = f"{TRAFFIC_OFF_POLICY},gamma=0.95"
TRAFFIC_LARGE = (
    "learning_rate=1e-3,batch_size=8,gradient_steps=1,rollout_length=5,buffer_size=200,"
    "learning_starts=25,alpha=0.05"
)
# `paper` are the printed forms of VPP and IP, where an agent also answers for the values of its
# neighbours; `exact` leaves that out, and `quiet` the messages of states.
SIGNALS = {
    "vpp-paper": Setting(f"vpp:{TRAFFIC_VPP}", graph="links"),
    "vpp-paper-complete": Setting(f"vpp:{TRAFFIC_VPP}", graph="complete"),
    "vpp-paper-mean": Setting(f"vpp:{TRAFFIC_VPP},{MEAN_STATES}", graph="links"),
    "ip-paper": Setting(f"ip:{TRAFFIC_SAC},expectation=sampled", graph="links"),
    "vpp-exact": Setting(f"vpp:{TRAFFIC_EXACT}", graph="links"),
    "vpp-exact-complete": Setting(f"vpp:{TRAFFIC_EXACT}", graph="complete"),
    "vpp-exact-knn": Setting(f"vpp:{TRAFFIC_EXACT}", graph="knn:k=4"),
    "vpp-exact-shuffled": Setting(f"vpp:{TRAFFIC_EXACT}", graph="links:shuffle=true"),
    "vpp-exact-mean": Setting(f"vpp:{TRAFFIC_MEAN}", graph="links"),
    "vpp-exact-mean-complete": Setting(f"vpp:{TRAFFIC_MEAN}", graph="complete"),
    "vpp-exact-mean-knn": Setting(f"vpp:{TRAFFIC_MEAN}", graph="knn:k=4"),
    "vpp-exact-mean-none": Setting(f"vpp:{TRAFFIC_MEAN}", graph="none"),
    "vpp-exact-mean-shuffled": Setting(f"vpp:{TRAFFIC_MEAN}", graph="links:shuffle=true"),
    "vpp-bethe-exact": Setting(f"vpp:{TRAFFIC_EXACT},approximation=bethe", graph="links"),
    "vpp-exact-quiet": Setting(f"vpp:{TRAFFIC_EXACT},state_messages=False", graph="links"),
    "ip-exact": Setting(f"ip:{TRAFFIC_EXACT}", graph="links"),
    "independent-sac": Setting(f"vpp:{TRAFFIC_EXACT}", graph="none"),
    "dgn": Setting(f"dgn:{TRAFFIC_Q}", graph="links"),
    "iql": Setting(f"iql:{TRAFFIC_Q}", graph="none"),
    "pic": Setting(f"pic:{TRAFFIC_OFF_POLICY}", graph="links"),
    "maddpg": Setting(f"maddpg:{TRAFFIC_OFF_POLICY}", graph="links"),
    "mfq": Setting(f"mfq:{TRAFFIC_Q}", graph="links"),
    "qmix": Setting(f"qmix:{TRAFFIC_Q}", graph="links"),
    "neurcomm": Setting(f"neurcomm:{TRAFFIC_ONE_EPOCH}", graph="links"),
    "coma": Setting(f"coma:{TRAFFIC_ONE_EPOCH}", graph="links"),
}
TRAFFIC_PREFERRED = {"vpp": "vpp-exact-quiet", "ip": "ip-exact"}
TRAFFIC = {
    name: Benchmark(
        f"traffic:task={name},num_envs=16",
        40_000,
        SIGNALS,
        "average_travel_time",
        True,
        TRAFFIC_PREFERRED,
    )
    for name in TRAFFIC_TASKS
}
# 1,225 signals: four episodes of 50 decisions.
TRAFFIC["grid_35x35"] = Benchmark(
    "traffic:task=grid_35x35,num_envs=1,horizon=50",
    200,
    {name: Setting(f"{name}:{TRAFFIC_LARGE}", graph="links") for name in ("vpp", "ip")},
    "average_travel_time",
    True,
)

# `mamba_small` for short runs and long episodes: a smaller model, fewer imagined rollouts and a
# smaller entropy bonus.
BRISK = "hidden=64,recurrent=64,imagination_starts=100,minibatch_size=600,entropy_coef=0.03"
RAIL_ON_POLICY = (
    "learning_rate=5e-4,gamma=0.995,rollout_length=64,epochs=4,minibatch_size=512,reward_scale=0.3"
)
RAIL_OFF_POLICY = (
    "learning_rate=5e-4,batch_size=8,gradient_steps=4,rollout_length=4,buffer_size=512"
)
# In most imagined rollouts no train arrives, so that normalised advantages would be noise; each
# train has its own reward, as in Flatland.
RAIL_MAMBA = f"mamba_small:normalize_advantage=false,reward=agent,{BRISK}"
TRAINS = {
    "mamba_small": Setting(RAIL_MAMBA, graph="complete"),
    "mamba_small_links": Setting(RAIL_MAMBA, graph="links"),
    "mamba_small_standardised": Setting(
        f"{RAIL_MAMBA},normalize_observations=True,reward_loss=squared", graph="complete"
    ),
    "flatland_winner": Setting(f"flatland_winner:{RAIL_ON_POLICY}", graph="links"),
    "flatland_winner_complete": Setting(f"flatland_winner:{RAIL_ON_POLICY}", graph="complete"),
    "mappo": Setting(f"mappo:{RAIL_ON_POLICY}"),
    "ippo": Setting(f"ippo:{RAIL_ON_POLICY}"),
    "qmix": Setting(f"qmix:{RAIL_OFF_POLICY}"),
}
FLATLAND = {
    name: Benchmark(f"flatland:task={name},num_envs=8", 50_000, TRAINS, "arrived")
    for name in FLATLAND_TASKS
}

COMBAT_OFF_POLICY = (
    "learning_rate=1e-3,batch_size=256,gradient_steps=4,rollout_length=4,buffer_size=50000,"
    "exploration_fraction=0.4"
)
COMBAT_ON_POLICY = (
    "rollout_length=30,epochs=10,minibatch_size=512,learning_rate=1e-3,gamma=0.99,"
    "reward=team_to_end"
)
COMBAT_COMA = "coma:rollout_length=10,minibatch_size=64,reward=team_to_end"
COMBAT_MAMBA = "mamba_small:reward_scale=5"
COMBAT = {
    "mappo": Setting(f"mappo:{COMBAT_ON_POLICY}"),
    "ippo": Setting(f"ippo:{COMBAT_ON_POLICY}"),
    "coma": Setting(COMBAT_COMA),
    "commnet": Setting(f"commnet:{COMBAT_ON_POLICY}", graph="complete"),
    "g2anet": Setting(f"g2anet:{COMBAT_ON_POLICY}", graph="complete"),
    "coma_commnet": Setting(f"{COMBAT_COMA},communication=commnet", graph="complete"),
    "coma_g2anet": Setting(f"{COMBAT_COMA},communication=g2anet", graph="complete"),
    "qmix": Setting(f"qmix:{COMBAT_OFF_POLICY}"),
    "vdn": Setting(f"vdn:{COMBAT_OFF_POLICY}"),
    "qtran": Setting(f"qtran:{COMBAT_OFF_POLICY}"),
    "iql": Setting(f"iql:{COMBAT_OFF_POLICY},reward=team"),
    "ndq": Setting(f"ndq:{COMBAT_OFF_POLICY}", graph="complete"),
    "tarmac_qmix": Setting(f"tarmac_qmix:{COMBAT_OFF_POLICY}", graph="complete"),
    "mamba_small": Setting(COMBAT_MAMBA),
    "mamba_small-none": Setting(COMBAT_MAMBA, graph="none"),
}
MAMBA_ABLATIONS = {
    "mamba_small": Setting(f"{COMBAT_MAMBA},{BRISK}"),
    "no_information": Setting(f"{COMBAT_MAMBA},{BRISK},information_coef=0"),
    "no_balance": Setting(f"{COMBAT_MAMBA},{BRISK},kl_balance=0.5"),
    "no_dropout": Setting(f"{COMBAT_MAMBA},{BRISK},dropout=0"),
    "no_position": Setting(f"{COMBAT_MAMBA},{BRISK},positional=false"),
}
NDQ_MAPS = ("3b_vs_1h1m", "1o2r_vs_4r", "1o10b_vs_1r", "5z_vs_1ul", "ndq_3s_vs_5z", "ndq_MMM")


def short_sight(limit: int) -> dict[str, Setting]:
    """Settings for maps where agents see at most 2 cells and need a memory.

    Args:
        limit: steps of an episode; long episodes get fewer gradient steps.
    """
    memory = (
        "recurrent=true,last_action=true,agent_id=true,learning_rate=1e-3,batch_size=32,"
        f"gradient_steps={max(1, 120 // limit)},rollout_length=8,buffer_size=100000,"
        "exploration_fraction=0.3,target=hard,target_update_interval=200"
    )
    return COMBAT | {
        "ndq": Setting(f"ndq:{memory},bits=3,beta=1e-3", graph="complete"),
        "tarmac_qmix": Setting(f"tarmac_qmix:{memory}", graph="complete"),
        "qmix": Setting(f"qmix:{memory}"),
    }


SMAC = {
    name: Benchmark(f"skirmish:map={name},num_envs=16", 100_000, COMBAT, "win") for name in MAPS
}
SMAC |= {
    name: Benchmark(
        f"skirmish:map={name},num_envs=16", 300_000, short_sight(MAPS[name].limit), "win"
    )
    for name in NDQ_MAPS
}
SMAC["3m-ablations"] = Benchmark("skirmish:map=3m,num_envs=16", 30_000, MAMBA_ABLATIONS, "win")
SMAC |= {
    f"smac-{name}": Benchmark(f"smac:map_name={name},num_envs=16", 100_000, COMBAT, "win")
    for name in MAPS
}

SUITE: dict[str, Family] = {
    "didactic": Family(DIDACTIC, "sensor", [0, 1, 2], 4096, DIDACTIC_CUTS),
    "communication": Family(COMMUNICATION, "relay-2-hops", [0, 1, 2, 3, 4], 1024),
    "magent": Family(MAGENT, "gather-normal-24", [0, 1, 2], 32),
    "mpe": Family(PARTICLE, "navigation", [0, 1], 256),
    "cityflow": Family(TRAFFIC, "hangzhou_4x4", [0], 64),
    "smac": Family(SMAC, "3m", [0, 1, 2], 100),
    "flatland": Family(FLATLAND, "flatland-5", [0], 100),
}
"""Benchmarks by the family that `scripts/train_FAMILY.py` trains. Their names are different."""
