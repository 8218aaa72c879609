"""Named settings of the particle environments and Grid agreement."""

from __future__ import annotations

from graphmarl.experiment.suite_types import Benchmark, Setting, tuned

# Every family has one setting for all off-policy methods and one for all on-policy methods; none
# was tuned further.
PARTICLE_OFF_POLICY = (
    "learning_rate=1e-3,batch_size=128,gradient_steps=2,rollout_length=4,buffer_size=100000,"
    "learning_starts=2000"
)
PARTICLE_Q = f"{PARTICLE_OFF_POLICY},gamma=0.95"
PARTICLE_SAC = f"{PARTICLE_OFF_POLICY},alpha=0.05"
EXACT_QUIET = f"{PARTICLE_SAC},gradient=exact,state_messages=False"
# An average of the states of neighbours does not grow with their number.
MEAN_STATES = "state_aggregator=mean,own_state=True"
EXACT_MEAN = f"{PARTICLE_SAC},gradient=exact,{MEAN_STATES}"
# What the papers print: expectations of sampled actions, and attention without a scale.
IP_FORM = f"{PARTICLE_SAC},expectation=sampled"
VPP_FORM = f"{IP_FORM},scaled=False"
# The settings of PIC's code, with 20,000 updates.
RELEASED = (
    "actions=relaxed,target_action=relaxed,learning_rate=1e-2,final_learning_rate=0,"
    "batch_size=1024,gradient_steps=26,rollout_length=4,buffer_size=100000,learning_starts=2000,"
    "max_grad_norm=0.5,reward_scale=15"
)
ON_POLICY = "gamma=0.95,rollout_length=25"
# Actor-critic methods with a single epoch need many optimiser steps in each trajectory.
ONE_EPOCH = "gamma=0.95,rollout_length=10,minibatch_size=300"

# Random partners with the degrees of the nearest neighbours.
SHUFFLED = "knn:k=4,refresh=5,shuffle=true"

# Methods that learn from an agent's own reward get the difference reward, whose sum is no return
# of the team; methods that learn a value of the team get the team reward. `paper` are the forms
# of VPP and IP that are printed, where an agent also answers for the values of its neighbours and
# the states of neighbours are summed; `exact` leaves out the former, `mean` averages the latter
# beside the agent's own, and `quiet` leaves them out. In so few steps the printed forms learn
# little.
NAVIGATION = {
    "vpp-paper": Setting(f"vpp:{VPP_FORM}", "difference"),
    "vpp-paper-mean": Setting(f"vpp:{VPP_FORM},{MEAN_STATES}", "difference"),
    "vpp-paper-bethe": Setting(f"vpp:{IP_FORM},approximation=bethe", "difference"),
    "ip-paper": Setting(f"ip:{IP_FORM}", "difference"),
    "vpp-exact-quiet": Setting(f"vpp:{EXACT_QUIET}", "difference"),
    "vpp-exact-mean": Setting(f"vpp:{EXACT_MEAN}", "difference"),
    "vpp-exact-mean-none": Setting(f"vpp:{EXACT_MEAN}", "difference", "none"),
    "vpp-exact-mean-shuffled": Setting(f"vpp:{EXACT_MEAN}", "difference", SHUFFLED),
    "vpp-bethe-exact-quiet": Setting(f"vpp:{EXACT_QUIET},approximation=bethe", "difference"),
    "ip-exact-quiet": Setting(f"ip:{EXACT_QUIET}", "difference"),
    "independent-sac": Setting(f"vpp:{EXACT_QUIET}", "difference", "none"),
    "dgn": Setting(f"dgn:{PARTICLE_Q}", "difference"),
    "dgn-none": Setting(f"dgn:{PARTICLE_Q}", "difference", "none"),
    "pic": Setting(f"pic:{PARTICLE_OFF_POLICY}", "team"),
    "pic-released": Setting(f"pic:{RELEASED}", "team"),
    "maddpg": Setting(f"maddpg:{PARTICLE_OFF_POLICY}", "team"),
    "maddpg-released": Setting(f"maddpg:{RELEASED}", "team"),
    "maddpgs": Setting(f"maddpgs:{PARTICLE_OFF_POLICY}", "team"),
    "neurcomm": Setting(f"neurcomm:{ONE_EPOCH}", "difference"),
    "coma": Setting(f"coma:{ONE_EPOCH}", "team"),
    "mfq": Setting(f"mfq:{PARTICLE_Q}", "difference"),
    "iql": Setting(f"iql:{PARTICLE_Q}", "difference"),
    "qmix": Setting(f"qmix:{PARTICLE_Q}", "team"),
    "ippo": Setting(f"ippo:{ON_POLICY}", "difference"),
    "vpp-quiet-team": Setting(f"vpp:{PARTICLE_SAC},state_messages=False,reward_scale=15", "team"),
}
# What stands for VPP and IP is what learns in so few steps.
PREFERRED = {"vpp": "vpp-exact-quiet", "ip": "ip-exact-quiet"}
# Cells must explore until the others follow their neighbours, and then decide.
GRID = (
    "learning_rate=1e-3,batch_size=128,gradient_steps=2,rollout_length=8,learning_starts=512,"
    "alpha=1,final_alpha=0.1"
)
AGREEMENT = {
    "vpp": Setting(f"vpp:{GRID}", "", "links"),
    "vpp-exact": Setting(f"vpp:{GRID},gradient=exact", "", "links"),
    "vpp-bethe": Setting(f"vpp:{GRID},approximation=bethe", "", "links"),
    "vpp-bethe-exact": Setting(f"vpp:{GRID},approximation=bethe,gradient=exact", "", "links"),
    "ip": Setting(f"ip:{GRID}", "", "links"),
    "ip-exact": Setting(f"ip:{GRID},gradient=exact", "", "links"),
    "independent-sac": Setting(f"vpp:{GRID},gradient=exact", "", "none"),
}
# The best of eight trials each on random couplings; see `measured_trials.csv` of the datasets.
AGREEMENT_TUNED = {
    "vpp-exact": "learning_rate=0.00125207,alpha=0.442254,gradient_steps=3",
    "ip-exact": "learning_rate=0.00125207,alpha=0.442254,gradient_steps=3",
    "independent-sac": "learning_rate=0.00441557,alpha=0.0314485,gradient_steps=1",
}
# Every agent has its own reward in these tasks, or the team's.
TEAMS = {
    "vpp-paper": Setting(f"vpp:{VPP_FORM}", "agent"),
    "ip-paper": Setting(f"ip:{IP_FORM}", "agent"),
    "vpp-exact-quiet": Setting(f"vpp:{EXACT_QUIET}", "agent"),
    "ip-exact-quiet": Setting(f"ip:{EXACT_QUIET}", "agent"),
    "independent-sac": Setting(f"vpp:{EXACT_QUIET}", "agent", "none"),
    "dgn": Setting(f"dgn:{PARTICLE_Q}", "agent"),
    "ippo": Setting(f"ippo:{ON_POLICY}", "agent"),
    "pic": Setting(f"pic:{PARTICLE_OFF_POLICY}", "team"),
    "maddpg": Setting(f"maddpg:{PARTICLE_OFF_POLICY}", "team"),
}
# Two forces in [-1, 1] instead of five discrete actions.
CONTINUOUS = {
    "ippo": Setting(f"ippo:{ON_POLICY}", "difference"),
    "ippo-beta": Setting(f"ippo:{ON_POLICY},policy=beta", "difference"),
    "mappo": Setting(f"mappo:{ON_POLICY}", "difference"),
    "commnet": Setting(f"commnet:{ON_POLICY}", "difference"),
    "vpp-exact-quiet": Setting(f"vpp:{EXACT_QUIET}", "difference"),
    "pic": Setting(f"pic:{PARTICLE_OFF_POLICY}", "team"),
}


def _navigation(graph: str | None = None, rounds: int = 2) -> Setting:
    """The form of VPP that learns most of navigation in so few steps."""
    return Setting(f"vpp:{EXACT_MEAN},rounds={rounds}", "difference", graph)


ROUNDS = {f"rounds-{rounds}": _navigation(rounds=rounds) for rounds in (1, 2, 3)}
# VPP, Fig. 8c-f: number of neighbours, hops, random neighbours, and steps between graphs.
GRAPHS = {f"knn-{k}": _navigation(f"knn:k={k},refresh=5") for k in (3, 4, 8, 10)}
GRAPHS |= {"complete": _navigation("complete"), "random-3": _navigation("random:k=3,refresh=5")}
GRAPHS |= ROUNDS
GRAPHS |= {f"refresh-{every}": _navigation(f"knn:k=8,refresh={every}") for every in (1, 5, 10)}


def _vpp_task(env: str, settings: dict[str, Setting]) -> Benchmark:
    return Benchmark(env, 100_000, settings, preferred=PREFERRED)


PARTICLE = {
    "navigation": _vpp_task("navigation:num_envs=32,reward={reward}", NAVIGATION),
    "grid": Benchmark("grid_agreement:num_envs=64", 40_000, AGREEMENT),
    "grid-random": Benchmark(
        "grid_agreement:num_envs=64,couplings=random",
        100_000,
        AGREEMENT | tuned(AGREEMENT, AGREEMENT_TUNED),
    ),
    "grid-fixed": Benchmark("grid_agreement:num_envs=64,boundary=fixed", 100_000, AGREEMENT),
    "grid-5x5": Benchmark("grid_agreement:num_envs=64,rows=5,columns=5", 60_000, AGREEMENT),
    "grid-10x10": Benchmark("grid_agreement:num_envs=64,rows=10,columns=10", 60_000, AGREEMENT),
    "heterogeneous": _vpp_task("heterogeneous_navigation:num_envs=32,reward={reward}", NAVIGATION),
    "navigation-continuous": Benchmark(
        "navigation:action=continuous,num_envs=32,reward={reward}", 100_000, CONTINUOUS
    ),
    "heterogeneous-16-continuous": Benchmark(
        "heterogeneous_navigation:num_agents=16,action=continuous,num_envs=32,reward={reward}",
        100_000,
        CONTINUOUS,
    ),
    "push": _vpp_task("push:num_envs=32,reward={reward}", TEAMS),
    "prey-predator": _vpp_task("prey_predator:num_envs=32,reward={reward}", TEAMS),
    # VPP, Fig. 9: hops, where a reward depends on agents that are no neighbours.
    "violated-locality": Benchmark(
        "navigation:num_agents=30,num_envs=32,violate_locality=True,reward={reward}",
        100_000,
        ROUNDS,
    ),
    "navigation-30-graphs": Benchmark(
        "navigation:num_agents=30,num_envs=32,reward={reward}", 100_000, GRAPHS
    ),
}
PARTICLE |= {
    f"navigation-{number}": Benchmark(
        f"navigation:num_agents={number},num_envs=32,reward={{reward}}",
        100_000,
        NAVIGATION,
        preferred=PREFERRED,
    )
    for number in (30, 200)
}
