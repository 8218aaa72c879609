"""The work of a line of `benchmark.py`, done by another code, in its own interpreter.

Nothing of graphmarl is imported here. `benchmark.py --against` starts this file with the peer's
Python, the name of the peer, its folder, and the sizes of the work. Each line of the input asks for
a measurement; each line of the output is one. The peers run as they are released, apart from what
a recent PyTorch without a GPU needs.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

from benchmark_ndq import ndq_parts

CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
"""Clocks by name; CPU time is that of this process, for a machine that is shared."""

Sizes = dict[str, Any]
Clock = Callable[[], float]
Call = Callable[[], "dict[str, float] | None"]


def measure(call: Call, seconds: float, clock: str) -> dict[str, float]:
    """Mean seconds of a call that is repeated for some seconds, as `call`, and what it returns.

    Args:
        call: the work; it may return the seconds of parts, and numbers of units.
        seconds: time for which it is repeated; it is called once at least.
        clock: name of the clock.
    """
    now, calls = CLOCKS[clock], 0
    total, begin = {"call": 0.0}, now()
    while calls == 0 or now() - begin < seconds:
        for name, value in (call() or {}).items():
            total[name] = total.get(name, 0.0) + value
        calls += 1
    total["call"] = now() - begin
    return {name: value / calls for name, value in total.items()}


def pic(sizes: Sizes, now: Clock) -> Call:
    """PIC (IouJenLiu/PIC): an update of the actor and one of the critic, each of its own batch."""
    sys.path.insert(0, os.path.join(sys.path[0], "maddpg"))
    torch, memory_of = import_module("torch"), import_module("replay_memory")
    agents, obs, actions = sizes["agents"], sizes["obs"], sizes["actions"]
    shapes = (sizes["hidden"], obs, actions, agents, [0] + [obs] * agents, 0)
    rates = (1e-2, 1e-2, True, "gcn_max", "mlp", False, 60_000, 25, "cen")
    learner = import_module("ddpg_vec").DDPG(0.95, 0.01, *shapes, *rates)
    memory = memory_of.ReplayMemory(sizes["stored"])
    for _ in range(sizes["stored"]):
        x, x_next = torch.randn(2, 1, agents * obs)
        action = torch.rand(agents, actions).softmax(1).view(1, -1)
        memory.push(x, action, torch.ones(1, agents), x_next, torch.randn(1, agents))

    def call() -> None:
        for update in (learner.update_actor_parameters, learner.update_critic_parameters):
            columns = zip(*memory.sample(sizes["batch"]), strict=True)
            update(memory_of.Transition(*columns), agents - 1, None)

    return call


def ndq(sizes: Sizes, now: Clock) -> Call:
    """NDQ (TonghanWang/NDQ): an update of a batch of episodes, or 8 episodes and an update.

    Episodes are played in 8 processes, as its settings say; their CPU time is not counted.
    """
    sys.path.insert(0, os.path.join(sys.path[0], "src"))
    learner, runner, buffer = ndq_parts(sizes)
    args = runner.args
    episodes = [0]

    def play() -> dict[str, float]:
        before = runner.t_env
        buffer.insert_episode_batch(runner.run(test_mode=False))
        episodes[0] += args.batch_size_run
        return {"steps": float(runner.t_env - before)}

    def update() -> None:
        batch = buffer.sample(args.batch_size)
        learner.train(batch[:, : batch.max_t_filled()], runner.t_env, episodes[0])

    def train() -> dict[str, float]:
        played = play()
        update()
        return played

    while episodes[0] < sizes["stored"]:
        play()
    return update if sizes["work"] == "update" else train


def mamba(sizes: Sizes, now: Clock) -> Call:
    """MAMBA (jbr-ai-labs/mamba): an update of the world model, or of the policy.

    Of the sequences that it is released with, T states give T - 1 that are unrolled and T - 2
    starts, and a horizon of H gives H - 1 steps that the policy is trained on.
    """
    np, torch = import_module("numpy"), import_module("torch")
    kinds, random = import_module("environments").Env, np.random.default_rng(0)
    config = import_module("configs.dreamer.DreamerLearnerConfig").DreamerLearnerConfig()
    config.LOG_FOLDER = tempfile.mkdtemp()
    config.ENV_TYPE = kinds.STARCRAFT if sizes["available"] else kinds.FLATLAND
    config.IN_DIM, config.ACTION_SIZE = sizes["obs"], sizes["actions"]
    config.SEQ_LENGTH, config.HORIZON = sizes["states"] + 1, sizes["horizon"] + 1
    config.CAPACITY = sizes["stored"]
    learner, count = config.create_learner(), (sizes["stored"], sizes["agents"])

    def numbers(*shape: int) -> Any:
        return random.random((*count, *shape), dtype=np.float32)

    none, actions = np.zeros((*count, 1), np.float32), sizes["actions"]
    action = np.eye(actions, dtype=np.float32)[random.integers(actions, size=count)]
    legal = np.maximum(action, numbers(actions) < 0.5) if sizes["available"] else None
    data = (numbers(sizes["obs"]), action, numbers(1), none, none, none)
    learner.replay_buffer.append(*data, legal)
    learner.n_agents = sizes["agents"]
    torch.manual_seed(0)
    update = {"model": learner.train_model, "policy": learner.train_agent}[sizes["work"]]
    return lambda: update(learner.replay_buffer.sample(sizes["batch"]))


def benchmarl(sizes: Sizes, now: Clock) -> Call:
    """BenchMARL: an iteration of MAPPO, whose policy is a graph layer and a perceptron.

    The critic is a perceptron of all observations with one value for all agents. The task is
    navigation of VMAS.
    """
    experiment = benchmarl_experiment(sizes)
    batches, group = iter(experiment.collector), next(iter(experiment.train_group_map))
    updates = sizes["epochs"] * -(-sizes["copies"] * sizes["steps"] // sizes["minibatch"])

    def call() -> dict[str, float]:
        begin = now()
        batch = next(batches)
        collected = now()
        batch = batch.detach().exclude(*experiment._get_excluded_keys(group))
        batch = experiment.algorithm.process_batch(group, batch).reshape(-1)
        experiment.replay_buffers[group].extend(batch)
        for _ in range(updates):
            experiment._optimizer_loop(group)
        experiment.collector.update_policy_weights_()
        return {"collection": collected - begin, "training": now() - collected}

    return call


def benchmarl_experiment(sizes: Sizes) -> Any:
    """An experiment of BenchMARL that has collected nothing yet."""
    layers, models = import_module("torch_geometric.nn"), import_module("benchmarl.models")
    experiments, nn = import_module("benchmarl.experiment"), import_module("torch.nn")
    config, width = experiments.ExperimentConfig.get_from_yaml(), sizes["hidden"]
    config.loggers, config.create_json, config.evaluation = [], False, False
    config.save_folder, config.max_n_frames, config.max_n_iters = tempfile.mkdtemp(), None, 10**6
    config.on_policy_n_envs_per_worker = sizes["copies"]
    config.on_policy_collected_frames_per_batch = sizes["copies"] * sizes["steps"]
    config.on_policy_n_minibatch_iters = sizes["epochs"]
    config.on_policy_minibatch_size = sizes["minibatch"]
    task = import_module("benchmarl.environments").VmasTask.NAVIGATION.get_from_yaml()
    task.config["n_agents"] = sizes["agents"]
    if sizes["agents"] > 6:  # otherwise VMAS finds no places for them
        task.config.update(collisions=False, world_spawning_x=4, world_spawning_y=4)
    layer = {"gnn_class": getattr(layers, sizes["layer"]), "gnn_kwargs": sizes["options"]}
    graph = models.GnnConfig(topology="full", self_loops=False, **layer)
    kinds = {"activation_class": nn.ReLU, "layer_class": nn.Linear}
    dense = models.MlpConfig(num_cells=[width, width], **kinds)
    policy = models.SequenceModelConfig(model_configs=[graph, dense], intermediate_sizes=[width])
    algorithm = import_module("benchmarl.algorithms").MappoConfig.get_from_yaml()
    parts = {"model_config": policy, "critic_model_config": dense, "config": config}
    return experiments.Experiment(task, algorithm, seed=sizes.get("seed", 0), **parts)


def vmas(sizes: Sizes, now: Clock) -> Call:
    """VMAS: a step of all copies of its simple spread, without resets."""
    torch, copies, agents = import_module("torch"), sizes["copies"], sizes["agents"]
    options = {"continuous_actions": False, "n_agents": agents}
    env = import_module("vmas").make_env("simple_spread", copies, **options)
    env.reset()
    actions = [torch.randint(5, (copies, 1)) for _ in range(agents)]
    return lambda: {"steps": float(len(env.step(actions)[2]))}


def mpe2(sizes: Sizes, now: Clock) -> Call:
    """mpe2: a step of its simple spread, with resets."""
    spread = import_module("mpe2.simple_spread_v3")
    env, agents, calls = spread.parallel_env(N=sizes["agents"], max_cycles=25), sizes["agents"], [0]
    env.reset(seed=0)
    drawn = import_module("numpy").random.default_rng(0).integers(5, size=(16, agents)).tolist()

    def call() -> dict[str, float]:
        if not env.agents:
            env.reset()
        calls[0] += 1
        env.step(dict(zip(env.agents, drawn[calls[0] % 16], strict=True)))
        return {"steps": 1.0}

    return call


def smax(sizes: Sizes, now: Clock) -> Call:
    """SMAX (JaxMARL): compiled steps of all copies under random available actions."""
    jax, made = import_module("jax"), import_module("jaxmarl.environments.smax")
    scenario = made.map_name_to_scenario(sizes["map"])
    env = import_module("jaxmarl").make("SMAX", scenario=scenario)

    def one(state: Any, key: Any) -> tuple[Any, None]:
        legal, (key, *keys) = (
            env.get_avail_actions(state),
            jax.random.split(key, 1 + len(env.agents)),
        )
        pairs = zip(env.agents, keys, strict=True)
        drawn = {a: jax.random.categorical(k, jax.numpy.log(legal[a])) for a, k in pairs}
        return env.step(key, state, drawn)[1], None

    def play(state: Any, key: Any) -> Any:
        return jax.lax.scan(one, state, jax.random.split(key, sizes["steps"]))[0]

    keys = jax.random.split(jax.random.PRNGKey(0), sizes["copies"])
    held, compiled = [jax.vmap(env.reset)(keys)[1]], jax.jit(jax.vmap(play))

    def call() -> dict[str, float]:
        held[0] = jax.block_until_ready(compiled(held[0], keys))
        return {"steps": float(sizes["copies"] * sizes["steps"])}

    return call


PEERS = {f.__name__: f for f in (pic, ndq, mamba, benchmarl, vmas, mpe2, smax)}
"""Peers by name."""


def main(words: list[str]) -> None:
    """Answer each line of the input, a number of seconds, by a measurement.

    Args:
        words: name of the peer, its folder, and sizes, threads and clock as JSON.
    """
    (name, folder), given = words[:2], json.loads(words[2])
    threads, clock = given["threads"], given["clock"]
    os.environ["OMP_NUM_THREADS"] = str(threads)
    single = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    os.environ["XLA_FLAGS"] = single if threads == 1 else ""
    sys.path.insert(0, folder)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the peer prints is no answer
    with contextlib.suppress(ImportError):
        torch = import_module("torch")
        torch.set_num_threads(threads)
        torch.manual_seed(0)
    call = PEERS[name](given["sizes"], CLOCKS[clock])
    call()
    for line in sys.stdin:
        print(json.dumps(measure(call, float(line), clock)), file=answers, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
