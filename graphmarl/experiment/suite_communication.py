"""Named settings of the tasks with known best returns with and without communication."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from graphmarl.envs import make_env
from graphmarl.experiment.suite_types import Benchmark, Setting
from graphmarl.methods import METHODS as ALL
from graphmarl.resolver import construct, split_name

# One setting for all on-policy methods, one for Q-learning and one for soft actor-critic; none was
# tuned further. Trajectories are short, as episodes of most tasks have one step.
ON_POLICY = "rollout_length=16"
OFF_POLICY = (
    "learning_rate=3e-3,batch_size=64,gradient_steps=2,rollout_length=4,learning_starts=250"
)
SLOW = "learning_rate=1e-3,batch_size=64,rollout_length=4,learning_starts=250"
# The share of the reward of each of twelve agents is small beside the entropy bonus.
ACTOR_CRITIC = f"{SLOW},gradient_steps=2,reward_scale=12,alpha=0.5"
# A2C with a single epoch needs many optimiser steps in each trajectory.
ONE_EPOCH = "rollout_length=8,minibatch_size=256"
# The views have three entries, whose likelihood weighs less than a divergence of weight 1.
STAGES = "episodes=40,code_epochs=3,flow_epochs=9"
FLOW = f"rollout_length=8,{STAGES},kl_coef=0.001"
METHODS = {
    **{name: f"{name}:{ON_POLICY}" for name in ("commnet", "g2anet", "tarmac")},
    "neurcomm": f"neurcomm:{ONE_EPOCH},learning_rate=2e-3",
    **{name: f"{name}:{OFF_POLICY}" for name in ("dgn", "tarmac_qmix", "mfq")},
    # The weight of the succinctness loss is relative to the rewards, which are at most 1 here.
    "ndq": f"ndq:{OFF_POLICY},beta=0.01",
    **{name: f"{name}:{ACTOR_CRITIC}" for name in ("vpp", "ip")},
    "nvif_ppo": f"nvif_ppo:{FLOW}",
}
# The model predicts the reward earlier with fewer agents, a larger scale and the squared loss.
MODEL = (
    "mamba_small:masked_training=true,reward_loss=squared,reward_scale=12,dropout=0,hidden=64,"
    "recurrent=64,categoricals=8,batch_size=64,sequence_length=4,train_interval=256,"
    "model_gradient_steps=20,policy_gradient_steps=4,imagination_horizon=2,imagination_starts=200"
)
ONE_HOP_MODEL = {"mamba_small": MODEL}
TWO_HOP_MODEL = {"mamba_small-2-layers": f"{MODEL},layers=2,hops=layer"}
# Methods with two rounds of messages in a step, and forms with as many as the task has hops.
TWO_ROUNDS = ("commnet", "dgn", "vpp", "ip", "nvif_ppo")
TARMAC_TWO = {"tarmac-2-rounds": f"{METHODS['tarmac']},rounds=2"}
THREE_ROUNDS = {f"{name}-3-rounds": f"{METHODS[name]},rounds=3" for name in ("vpp", "ip")}
GRAPHS = {"": "links", "-none": "none", "-shuffled": "links:shuffle=true"}
# No shuffled edges where they are as good: two agents have one graph, both neighbours of a sensor
# know what it needs, and in a grid of nine cells two rounds reach nearly all.
COMPLETE = {"": "complete", "-none": "none"}
NEIGHBOURING = {"": "radius:r=2", "-none": "none"}
STEPS = 10_000


def controlled(
    methods: Mapping[str, str], ends: Iterable[str] = GRAPHS, graphs: Mapping[str, str] = GRAPHS
) -> dict[str, Setting]:
    """Each method on the edges of the task, without edges, and on edges between random agents.

    Args:
        methods: methods by the name of their row.
        ends: ends of the rows.
        graphs: graph builders by the end of a row.
    """
    return {
        f"{name}{end}": Setting(method, graph=graphs[end])
        for name, method in methods.items()
        for end in ends
    }


def named(*names: str) -> dict[str, str]:
    """Methods with their options.

    Args:
        names: names of methods.
    """
    return {name: METHODS[name] for name in names}


def relay(
    options: str, settings: dict[str, Setting], steps: int = STEPS, agents: int = 12
) -> Benchmark:
    """A relay task of twelve agents, of whom few are near the source on shuffled edges.

    Args:
        options: further options of the environment.
        settings: rows of the table.
        steps: environment steps of each run.
        agents: number of agents.
    """
    return Benchmark(f"relay:num_agents={agents},{options},num_envs=32", steps, settings)


# Too few rounds for the hops of a task: on its edges only, where they must stay at chance.
ONE_ROUND = controlled(named(*(name for name in METHODS if name not in TWO_ROUNDS)), [""])
TWO_HOPS = controlled(named(*TWO_ROUNDS))
# Learning from steps drawn at random needs more updates where few of them are rewarded.
MEMORY = named("neurcomm", "commnet", "vpp", "ip", "nvif_ppo") | {
    "dgn": f"dgn:{SLOW},gradient_steps=8"
}
COMMUNICATION = {
    "relay-1-hop": relay("distance=1", controlled(METHODS)),
    "relay-2-hops": relay("distance=2", TWO_HOPS | controlled(TARMAC_TWO) | ONE_ROUND),
    "relay-3-hops": relay(
        "distance=3", controlled(THREE_ROUNDS) | controlled(named(*TWO_ROUNDS), [""]), 2 * STEPS
    ),
    "relay-ring": relay("topology=ring,distance=2", TWO_HOPS),
    # A star is the only graph of its degrees.
    "relay-star": relay("topology=star", controlled(named(*TWO_ROUNDS), ["", "-none"])),
    "relay-random": relay("topology=random,distance=2", TWO_HOPS),
    "relay-memory": relay("distance=2,delay=2", controlled(MEMORY), 2 * STEPS),
    # Messages of MAMBA are sent in the step before, so that it needs a delay.
    "relay-delay": relay("distance=1,delay=1", controlled(ONE_HOP_MODEL), agents=6),
    "relay-delay-random": relay(
        "topology=random,distance=1,delay=1", controlled(ONE_HOP_MODEL), agents=6
    ),
    "relay-delay-2-hops": relay(
        "distance=2,delay=1",
        controlled(TWO_HOP_MODEL) | controlled(ONE_HOP_MODEL, [""]),
        16_000,
        agents=6,
    ),
}
# In Sensor and Grid agreement an agent must explore until the others have learned their parts.
EXPLORING = "rollout_length=8,learning_rate=1e-3,entropy_coef=1,final_entropy_coef=0.01"
EXPLORE = "exploration=boltzmann,exploration_fraction=1"
BOLTZMANN = f"{OFF_POLICY},{EXPLORE}"
GRID = {
    **{name: f"{name}:{EXPLORING}" for name in ("commnet", "g2anet", "tarmac")},
    "neurcomm": f"neurcomm:{ONE_EPOCH},learning_rate=1e-3",
    **{name: f"{name}:{BOLTZMANN}" for name in ("dgn", "mfq")},
    "tarmac_qmix": METHODS["tarmac_qmix"],
    # With 3e-3 one seed of three ends far below the best return.
    "ndq": f"ndq:{SLOW},gradient_steps=2,beta=0.01",
    **{name: f"{name}:{SLOW},gradient_steps=2,alpha=1" for name in ("vpp", "ip")},
    "nvif_ppo": f"nvif_ppo:{EXPLORING},{STAGES},kl_coef=0.001,likelihood=gaussian",
}
# An edge costs a cell 0.5, which at temperature 1 is too little to learn from in so few steps.
# Without MFQ, whose messages are last actions, which a single step has not.
RANDOM = {name: each for name, each in GRID.items() if name != "mfq"} | {
    **{name: f"{name}:{SLOW},gradient_steps=4,alpha=0.2,gradient=exact" for name in ("vpp", "ip")},
    **{name: f"{name}:{SLOW},gradient_steps=4" for name in ("dgn", "tarmac_qmix")},
    "ndq": f"ndq:{SLOW},gradient_steps=4,beta=0.01",
}
# An agent's share of the reward is up to 7 instead of 1.
SENSOR = {name: each for name, each in GRID.items() if name != "ndq"} | {
    "neurcomm": f"neurcomm:{ONE_EPOCH},learning_rate=1e-3,entropy_coef=4",
    "tarmac_qmix": f"tarmac_qmix:{SLOW},gradient_steps=4,{EXPLORE}",
    # With the printed gradient IP stays at the best return without messages.
    **{name: f"{name}:{SLOW},gradient_steps=4,alpha=2,gradient=exact" for name in ("vpp", "ip")},
}
# On the path of the sensors NDQ ends at 10; on the complete graph, as in the paper, it learns.
SENSOR_NDQ = {"ndq": f"ndq:{OFF_POLICY}"}
# Waiting for each other pays off after several steps. Without MFQ, whose best return with last
# actions as messages is not known, and IP, whose policies are equal for two agents with an edge.
PATIENT = "rollout_length=16,learning_rate=1e-3,gamma=0.99,entropy_coef=0.3,final_entropy_coef=0.01"
HALLWAY = {
    **{name: f"{name}:{PATIENT}" for name in ("commnet", "g2anet", "tarmac")},
    "neurcomm": "neurcomm:rollout_length=16,minibatch_size=512,gamma=0.99,learning_rate=1e-3",
    "dgn": METHODS["dgn"],
    "tarmac_qmix": "tarmac_qmix:gamma=0.9,gradient_steps=8,learning_rate=1e-3",
    "ndq": "ndq:bits=3,gamma=0.9,beta=0.02",
    "vpp": f"vpp:{SLOW},gradient_steps=2,alpha=0.2,gamma=0.99",
    # A view has a single entry, whose likelihood weighs less than that of two.
    "nvif_ppo": f"nvif_ppo:{PATIENT},{STAGES},kl_coef=0.0001,likelihood=gaussian",
}
# Methods with fewer rounds than rows between the sign and the last one: on the edges only.
FIXED = {name: GRID[name] for name in TWO_ROUNDS}
FIXED |= {"tarmac-2-rounds": f"{GRID['tarmac']},rounds=2"}
FIXED_ONE_ROUND = {name: each for name, each in GRID.items() if name not in TWO_ROUNDS}
COMMUNICATION |= {
    "sensor-graphs": Benchmark(
        "sensor:num_envs=64",
        60_000,
        controlled(SENSOR, NEIGHBOURING, NEIGHBOURING) | controlled(SENSOR_NDQ, COMPLETE, COMPLETE),
    ),
    "hallway-graphs": Benchmark(
        "hallway:lengths=4x4,num_envs=64", 200_000, controlled(HALLWAY, COMPLETE, COMPLETE)
    ),
    "grid-fixed-graphs": Benchmark(
        "grid_agreement:boundary=fixed,num_envs=32",
        2 * STEPS,
        controlled(FIXED, ["", "-none"]) | controlled(FIXED_ONE_ROUND, [""]),
    ),
    "grid-random-graphs": Benchmark(
        "grid_agreement:couplings=random,num_envs=32", 2 * STEPS, controlled(RANDOM)
    ),
}
# A message of a mean-field method is the last action of an agent, which the first step has not.
SILENT = ("mfq",)


def best_return(task: str, row: str) -> float:
    """Best mean return of a row, by its edges and the rounds and memory of its method.

    Args:
        task: name of a task.
        row: row on the edges of the task or without edges.

    Raises:
        ValueError: a row on shuffled edges, where the distance differs in each step.
    """
    benchmark = COMMUNICATION[task]
    setting = benchmark.settings[row]
    if setting.graph == GRAPHS["-shuffled"]:
        raise ValueError(f"row is {row!r}; on shuffled edges the distance differs in each step")
    env_name, env_options = split_name(benchmark.env, "environment")
    env: Any = make_env(env_name, **env_options)
    name, options = split_name(setting.method, "method")
    network = construct("method", name, ALL[name], options, env.spec).network
    silent = setting.graph == "none" or (name in SILENT and env.spec.horizon == 1)
    rounds = 0 if silent else network.rounds
    return env.best_return(rounds, network.memory_size > 0, network.delayed)
