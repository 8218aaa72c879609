"""Named settings: the method, graph and options behind every published row of results."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from graphmarl.envs.flatland import TASKS as FLATLAND_TASKS
from graphmarl.envs.skirmish import MAPS
from graphmarl.envs.traffic.tasks import TASKS as TRAFFIC_TASKS


class Setting(NamedTuple):
    """One row of a table of results.

    Args:
        method: the method with its options.
        reward: the reward that the environment gives, where it has a choice.
        graph: the graph builder; the method's own without it.
    """

    method: str
    reward: str = ""
    graph: str | None = None


class Benchmark(NamedTuple):
    """One table of results.

    Args:
        env: the environment with its options; `{reward}` is that of the setting.
        steps: environment steps of each run.
        settings: rows of the table, by name.
        metric: metric of an episode that is compared; the return without it.
    """

    env: str
    steps: int
    settings: Mapping[str, Setting]
    metric: str | None = None


# Every family has one setting for all off-policy methods and one for all on-policy methods; none
# was tuned further.
PARTICLE_OFF_POLICY = (
    "learning_rate=1e-3,batch_size=128,gradient_steps=2,rollout_length=4,buffer_size=100000,"
    "learning_starts=2000"
)
PARTICLE_Q = f"{PARTICLE_OFF_POLICY},gamma=0.95"
PARTICLE_SAC = f"{PARTICLE_OFF_POLICY},alpha=0.05"
PARTICLE_EXACT = f"{PARTICLE_SAC},gradient=exact,state_messages=False"
ON_POLICY = "gamma=0.95,rollout_length=25"

# Methods that learn from an agent's own reward get the difference reward, whose sum is no return
# of the team; methods that learn a value of the team get the team reward.
NAVIGATION = {
    "vpp": Setting(f"vpp:{PARTICLE_EXACT}", "difference"),
    "vpp-bethe": Setting(f"vpp:{PARTICLE_EXACT},approximation=bethe", "difference"),
    "ip": Setting(f"ip:{PARTICLE_EXACT}", "difference"),
    "independent-sac": Setting(f"vpp:{PARTICLE_EXACT}", "difference", "none"),
    "dgn": Setting(f"dgn:{PARTICLE_Q}", "difference"),
    "pic": Setting(f"pic:{PARTICLE_OFF_POLICY}", "team"),
    "maddpg": Setting(f"maddpg:{PARTICLE_OFF_POLICY}", "team"),
    "maddpgs": Setting(f"maddpgs:{PARTICLE_OFF_POLICY}", "team"),
    "neurcomm": Setting(f"neurcomm:{ON_POLICY}", "difference"),
    "coma": Setting(f"coma:{ON_POLICY}", "team"),
    "mfq": Setting(f"mfq:{PARTICLE_Q}", "difference"),
    "iql": Setting(f"iql:{PARTICLE_Q}", "difference"),
    "qmix": Setting(f"qmix:{PARTICLE_Q}", "team"),
    "ippo": Setting(f"ippo:{ON_POLICY}", "difference"),
    "vpp-team": Setting(
        f"vpp:{PARTICLE_SAC},gradient=gumbel,state_messages=False,reward_scale=15", "team"
    ),
}
GRID = "learning_rate=1e-2,batch_size=128,gradient_steps=2,rollout_length=8,learning_starts=512"
AGREEMENT = {
    "vpp": Setting(f"vpp:{GRID}", "", "links"),
    "vpp-exact": Setting(f"vpp:{GRID},gradient=exact", "", "links"),
    "vpp-bethe": Setting(f"vpp:{GRID},approximation=bethe", "", "links"),
    "vpp-bethe-exact": Setting(f"vpp:{GRID},approximation=bethe,gradient=exact", "", "links"),
    "ip": Setting(f"ip:{GRID}", "", "links"),
    "ip-exact": Setting(f"ip:{GRID},gradient=exact", "", "links"),
    "independent-sac": Setting(f"vpp:{GRID}", "", "none"),
}
# Every agent has its own reward in these tasks, or the team's.
TEAMS = {
    "vpp": Setting(f"vpp:{PARTICLE_EXACT}", "agent"),
    "ip": Setting(f"ip:{PARTICLE_EXACT}", "agent"),
    "independent-sac": Setting(f"vpp:{PARTICLE_EXACT}", "agent", "none"),
    "dgn": Setting(f"dgn:{PARTICLE_Q}", "agent"),
    "ippo": Setting(f"ippo:{ON_POLICY}", "agent"),
    "pic": Setting(f"pic:{PARTICLE_OFF_POLICY}", "team"),
    "maddpg": Setting(f"maddpg:{PARTICLE_OFF_POLICY}", "team"),
}
JUNGLE = {name: NAVIGATION[name] for name in ("vpp", "dgn", "mfq", "independent-sac")}
PARTICLE = {
    "navigation": Benchmark("navigation:num_envs=32,reward={reward}", 100_000, NAVIGATION),
    "grid": Benchmark("grid_agreement:num_envs=64", 40_000, AGREEMENT),
    "grid-random": Benchmark("grid_agreement:num_envs=64,couplings=random", 100_000, AGREEMENT),
    "grid-fixed": Benchmark("grid_agreement:num_envs=64,boundary=fixed", 100_000, AGREEMENT),
    "grid-5x5": Benchmark("grid_agreement:num_envs=64,rows=5,columns=5", 60_000, AGREEMENT),
    "grid-10x10": Benchmark("grid_agreement:num_envs=64,rows=10,columns=10", 60_000, AGREEMENT),
    "push": Benchmark("push:num_envs=32,reward={reward}", 100_000, TEAMS),
    "prey-predator": Benchmark("prey_predator:num_envs=32,reward={reward}", 100_000, TEAMS),
    "jungle": Benchmark("jungle:num_envs=16", 60_000, JUNGLE),
}

TRAFFIC_OFF_POLICY = (
    "learning_rate=1e-3,batch_size=128,gradient_steps=8,rollout_length=4,buffer_size=50000,"
    "learning_starts=1600"
)
TRAFFIC_SAC = f"{TRAFFIC_OFF_POLICY},alpha=0.05,gradient=exact"
TRAFFIC_Q = f"{TRAFFIC_OFF_POLICY},gamma=0.95"
TRAFFIC_LARGE = (
    "learning_rate=1e-3,batch_size=8,gradient_steps=1,rollout_length=5,buffer_size=200,"
    "learning_starts=25,alpha=0.05"
)
SIGNALS = {
    "vpp": Setting(f"vpp:{TRAFFIC_SAC}", graph="links"),
    "vpp-complete": Setting(f"vpp:{TRAFFIC_SAC}", graph="complete"),
    "vpp-knn": Setting(f"vpp:{TRAFFIC_SAC}", graph="knn:k=4"),
    "vpp-bethe": Setting(f"vpp:{TRAFFIC_SAC},approximation=bethe", graph="links"),
    "vpp-quiet": Setting(f"vpp:{TRAFFIC_SAC},state_messages=False", graph="links"),
    "ip": Setting(f"ip:{TRAFFIC_SAC}", graph="links"),
    "independent-sac": Setting(f"vpp:{TRAFFIC_SAC}", graph="none"),
    "dgn": Setting(f"dgn:{TRAFFIC_Q}", graph="links"),
    "iql": Setting(f"iql:{TRAFFIC_Q}", graph="none"),
    "pic": Setting(f"pic:{TRAFFIC_OFF_POLICY}", graph="links"),
    "maddpg": Setting(f"maddpg:{TRAFFIC_OFF_POLICY}", graph="links"),
    "mfq": Setting(f"mfq:{TRAFFIC_Q}", graph="links"),
    "qmix": Setting(f"qmix:{TRAFFIC_Q}", graph="links"),
    "neurcomm": Setting(f"neurcomm:{ON_POLICY}", graph="links"),
    "coma": Setting(f"coma:{ON_POLICY}", graph="links"),
}
TRAFFIC = {
    name: Benchmark(f"traffic:task={name},num_envs=16", 40_000, SIGNALS, "average_travel_time")
    for name in TRAFFIC_TASKS
}
# 1,225 signals: four episodes of 50 decisions.
TRAFFIC["grid_35x35"] = Benchmark(
    "traffic:task=grid_35x35,num_envs=1,horizon=50",
    200,
    {name: Setting(f"{name}:{TRAFFIC_LARGE}", graph="links") for name in ("vpp", "ip")},
    "average_travel_time",
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
COMBAT_MAMBA = "mamba_small:reward_scale=5"
COMBAT = {
    "mappo": Setting(f"mappo:{COMBAT_ON_POLICY}"),
    "ippo": Setting(f"ippo:{COMBAT_ON_POLICY}"),
    "coma": Setting("coma:rollout_length=10,reward=team_to_end"),
    "commnet": Setting(f"commnet:{COMBAT_ON_POLICY}", graph="complete"),
    "g2anet": Setting(f"g2anet:{COMBAT_ON_POLICY}", graph="complete"),
    "qmix": Setting(f"qmix:{COMBAT_OFF_POLICY}"),
    "vdn": Setting(f"vdn:{COMBAT_OFF_POLICY}"),
    "qtran": Setting(f"qtran:{COMBAT_OFF_POLICY}"),
    "iql": Setting(f"iql:{COMBAT_OFF_POLICY},reward=team"),
    "ndq": Setting(f"ndq:{COMBAT_OFF_POLICY}", graph="complete"),
    "tarmac_qmix": Setting(f"tarmac_qmix:{COMBAT_OFF_POLICY}", graph="complete"),
    "mamba_small": Setting(COMBAT_MAMBA),
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

SUITE: dict[str, dict[str, Benchmark]] = {
    "mpe": PARTICLE,
    "cityflow": TRAFFIC,
    "flatland": FLATLAND,
    "smac": SMAC,
}
"""Benchmarks by the family that `scripts/train_FAMILY.py` trains."""

# Of every off-policy method on Gather: the on-policy methods' learning rate, discount and scale.
GATHER_OFF_POLICY: dict[str, float | int | bool] = {
    "learning_rate": 5e-4,
    "gamma": 0.97,
    "reward_scale": 0.3,
    "batch_size": 64,
    "gradient_steps": 4,
    "buffer_size": 20_000,
    "half_precision": True,
}
DIDACTIC = {
    "sensor": ("sensor:num_envs=64", 150_000),
    "hallway-4x4": ("hallway:lengths=4x4,num_envs=64", 400_000),
    "hallway-6x6": ("hallway:lengths=6x6,num_envs=64", 600_000),
    "search": ("independent_search:num_envs=32", 200_000),
    "grid": ("grid_agreement:num_envs=64", 100_000),
}
"""Environment and steps of each didactic task."""
DIDACTIC_CUTS = [f"rank={percent}" for percent in (20, 40, 60, 80, 90, 100)]
DIDACTIC_CUTS += ["rank=80,within=graph", "threshold=2"]
