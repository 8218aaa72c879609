"""Areas of `benchmark.py`: updates of off-policy and model-based learners."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from benchmark_work import Line, Work, new_collector, new_learner, random_trajectory

from graphmarl.envs import make_env
from graphmarl.functional.products import fast_products
from graphmarl.learners import Dreamer
from graphmarl.learners.off_policy import OffPolicy
from graphmarl.resolver import split_name
from graphmarl.step import Spec

PARTICLE = {"obs": 26, "actions": 5}
"""Sizes of the papers' navigation."""
COMBAT = {"agents": 3, "obs": 30, "actions": 9, "available": True, "states": 19, "batch": 40}
RAIL = {"agents": 5, "obs": 205, "actions": 3, "available": False, "states": 49, "batch": 40}
# The settings that the code of NDQ was released with.
NDQ = {
    "mixer": "qmix",
    "recurrent": True,
    "last_action": True,
    "agent_id": True,
    "messages_from": "input",
    "bits": 3,
    "beta": 1e-3,
    "entropy_beta": 1e-6,
    "own_messages": True,
    "hyper_hidden": 0,
    "optimizer": "rmsprop",
    "target": "hard",
    "learning_starts": 0,
    "gradient_steps": 1,
    "rollout_length": 8,
}


def pic(quick: bool) -> list[Line]:
    """PIC: an update of critic and actor from replay, of joint transitions.

    Args:
        quick: small sizes.
    """
    lines = []
    for agents in (15,) if quick else (15, 30, 100):
        sizes = {"agents": agents, **PARTICLE, "hidden": 128, "batch": 16 if quick else 1024}
        sizes["stored"] = 2 * sizes["batch"]
        lines.append(Line(f"{agents} agents", partial(_pic, sizes), "pic", sizes))
    return lines


def _pic(sizes: Mapping[str, Any]) -> Work:
    options = {"actions": "relaxed", "target_action": "relaxed", "learning_rate": 1e-2}
    options |= {"hidden": sizes["hidden"], "batch_size": sizes["batch"], "max_grad_norm": 0.5}
    return _replayed("pic", options, sizes, "complete")


def vpp(quick: bool) -> list[Line]:
    """VPP: an update of policy, value and critic from replay.

    Args:
        quick: small sizes.
    """
    sizes = {"agents": 15, **PARTICLE, "batch": 16 if quick else 256}
    sizes["stored"] = 2 * sizes["batch"]
    options = {"batch_size": sizes["batch"]}
    name = f"{sizes['batch']} graphs x 15 agents"
    return [Line(name, partial(_replayed, "vpp", options, sizes, "knn:k=4"))]


def _replayed(method: str, options: Any, sizes: Mapping[str, Any], graph: str) -> Work:
    """An update from a replay of random transitions."""
    agents, steps = sizes["agents"], 8
    spec = Spec(agents, (sizes["obs"],), sizes["actions"], horizon=25)
    learner = new_learner(method, spec, options)
    assert isinstance(learner, OffPolicy), "it has a replay"
    while len(learner.replay) < sizes["stored"]:
        learner.replay.add(random_trajectory(spec, steps, 16, graph))
    rows = sizes["batch"] * agents
    return _update(learner, learner._learn, rows, rows)


def _update(
    learner: OffPolicy | Dreamer, update: Callable[[], object], rows: int, agent_steps: float
) -> Work:
    """Updates of a learner, as in a training step.

    Args:
        learner: the learner.
        update: one update.
        rows: rows that a linear layer takes at once.
        agent_steps: agents' steps of an update.
    """

    def call() -> None:
        with fast_products(rows, learner.network.width):
            update()

    return Work(
        call,
        "updates",
        agent_steps=agent_steps,
        timers=(learner.timer,),
        products="call",
        update=call,
    )


def ndq(quick: bool) -> list[Line]:
    """NDQ: an update of a batch of episodes; training with an update for every 8 episodes.

    Args:
        quick: small sizes.
    """
    lines, batch = [], 4 if quick else 32
    envs: dict[str, tuple[str, dict[str, Any]]] = {
        "sensor": ("tracker1", {}),
        "hallway:lengths=6x6,normalised=False": ("join1", {"state_numbers": [6, 6]}),
    }
    for env, (name, options) in envs.items():
        sizes = {"env": name, "env_args": options, "batch": batch, "stored": 8 * batch}
        for work in ("update", "train"):
            each = {**sizes, "work": work}
            lines.append(Line(f"{env}, {work}", partial(_ndq, env, each), "ndq", each))
    return lines


def _ndq(env_name: str, sizes: Mapping[str, Any]) -> Work:
    name, options = split_name(env_name, "environment")
    env = make_env(name, num_envs=64, **options)
    learner = new_learner("ndq", env.spec, {**NDQ, "batch_size": sizes["batch"]})
    assert isinstance(learner, OffPolicy), "it has a replay"
    collector = new_collector(env, "complete", learner)
    trajectories, trained = iter(collector), [0]

    def train() -> dict[str, float]:
        before = collector.env_steps
        learner.replay.add(next(trajectories))
        while trained[0] + 8 <= collector.episodes:
            learner._learn()
            trained[0] += 8
        return {"steps": float(collector.env_steps - before)}

    while collector.episodes < sizes["stored"]:
        learner.replay.add(next(trajectories))
    trained[0] = collector.episodes
    if sizes["work"] == "update":
        length = float(learner.replay.episodes[:, 2].float().mean())
        rows = sizes["batch"] * env.spec.num_agents
        return _update(learner, learner._learn, rows, rows * length)
    timers = (collector.timer, learner.timer)
    return Work(train, "steps", agent_steps=env.spec.num_agents, timers=timers)


def mamba(quick: bool) -> list[Line]:
    """MAMBA: an update of the world model; a policy update, an imagined rollout and PPO on it.

    Args:
        quick: small sizes.
    """
    lines = []
    for name, sizes in (("combat", COMBAT), ("rail", RAIL)):
        sizes = {**sizes, "horizon": 14, "stored": 2000}
        if quick:
            sizes |= {"batch": 2, "states": 4, "horizon": 2, "stored": 200}
        for work in ("model", "policy"):
            each = {**sizes, "work": work}
            lines.append(Line(f"{name}, {work}", partial(_mamba, each), "mamba", each))
    return lines


def _mamba(sizes: Mapping[str, Any]) -> Work:
    agents, states = sizes["agents"], sizes["states"]
    spec = Spec(
        agents, (sizes["obs"],), sizes["actions"], horizon=100, has_available=sizes["available"]
    )
    # As in the paper's code all imagined states are trained on, whatever an untrained model says.
    options = {"batch_size": sizes["batch"], "sequence_length": states, "absorbing": True}
    learner = new_learner("mamba", spec, options | {"imagination_horizon": sizes["horizon"]})
    assert isinstance(learner, Dreamer), "it has a world model"
    while len(learner.replay) < sizes["stored"]:
        learner.replay.add(random_trajectory(spec, 25, 8, "complete"))
    rows = sizes["batch"] * agents
    if sizes["work"] == "model":
        work, agent_steps = learner.learn_model, rows * states
    else:
        work, agent_steps = learner.learn_policy, rows * (states - 1) * sizes["horizon"]

    return _update(learner, work, rows, agent_steps)
