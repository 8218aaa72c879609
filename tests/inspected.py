"""Inspections of policies that were never trained, in the toy."""

from typing import Any

import torch
from toy import Toy

from graphmarl.experiment.inspection import Inspection
from graphmarl.experiment.inspection.recording import record
from graphmarl.experiment.policies import LearnerPolicy, LoadedPolicy
from graphmarl.experiment.train import train
from graphmarl.learners import Learner
from graphmarl.methods import METHODS
from graphmarl.nn import Channel, Cut
from graphmarl.resolver import construct, options_of
from graphmarl.results.run import Run
from graphmarl.step import Environment

SMALL: dict[str, Any] = {"hidden": 16, "tree": "view", "depth": 1, "recurrent": 16, "layers": 2}
SMALL |= {"categoricals": 3, "classes": 4, "heads": 2}
WORLD = ("recurrent", "layers", "heads")


def untrained(name: str, env: Environment, **options: Any) -> Learner:
    """A small learner of a method."""
    known = options_of(METHODS[name])
    small = {k: v for k, v in SMALL.items() if k in known}
    if "categoricals" not in known:
        small = {k: v for k, v in small.items() if k not in WORLD}
    torch.manual_seed(0)
    return construct("method", name, METHODS[name], {**small, **options}, env.spec).eval()


def inspected(
    name: str,
    graph: str = "complete",
    env: Environment | None = None,
    learner: Learner | None = None,
    cut: Cut | None = None,
    **options: Any,
) -> Inspection:
    """Episodes of an environment, by default two of the toy, with a policy as it is."""
    env = env or Toy(num_envs=2)
    learner = learner or untrained(name, env, **options)
    with Channel(learner.network, env.spec.num_agents, cut, attention=True) as channel:
        policy = LearnerPolicy(env, learner, graph, greedy=True)
        used = channel if channel.layers else None
        loaded = LoadedPolicy(env, policy, used, learner.network)
        names = list(channel.names.values())
        arguments = {"cut": cut}
        shape = env.spec, name, names, learner.network.rounds
        return Inspection(record(loaded, 3), *shape, learner.network, arguments)


def trained(folder: str, **options: Any) -> Run:
    """A short run of DGN in the toy.

    Args:
        folder: where the run is.
        options: arguments of `train`.
    """
    method = {"name": "dgn", "hidden": 16, "learning_starts": 20, "batch_size": 4}
    shared: dict[str, Any] = {"runs": folder, "name": "a", "progress": False}
    return train(method, "toy:Toy", "complete", steps=60, **(shared | options))
