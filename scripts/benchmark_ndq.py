"""The parts of NDQ (TonghanWang/NDQ), made as its own script makes them, in its own interpreter."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from types import SimpleNamespace
from typing import Any

Sizes = dict[str, Any]


def ndq_parts(sizes: Sizes) -> tuple[Any, Any, Any]:
    """Learner, runner and buffer of NDQ, as its `run.py` makes them.

    Args:
        sizes: `env`, `env_args`, and the episodes of a `batch`.
    """
    args, logger = _ndq_options(sizes), SimpleNamespace(log_stat=lambda *_: None)
    runner = import_module("runners").REGISTRY[args.runner](args=args, logger=logger)
    info = runner.get_env_info()
    args.n_agents, args.n_actions = info["n_agents"], info["n_actions"]
    args.state_shape, scheme = info["state_shape"], _ndq_scheme(info)
    one_hot = import_module("components.transforms").OneHot(out_dim=args.n_actions)
    named = {"groups": {"agents": args.n_agents}}
    named["preprocess"] = {"actions": ("actions_onehot", [one_hot])}
    buffers, length = import_module("components.episode_buffer"), info["episode_limit"] + 1
    buffer = buffers.ReplayBuffer(scheme, buffer_size=5000, max_seq_length=length, **named)
    controllers = import_module("controllers").REGISTRY
    controller = controllers[args.mac](buffer.scheme, named["groups"], args)
    runner.setup(scheme=scheme, mac=controller, **named)
    learners = import_module("learners").REGISTRY
    return learners[args.learner](controller, buffer.scheme, logger, args), runner, buffer


def _ndq_scheme(info: Sizes) -> Sizes:
    """What is stored of a step, as in NDQ's own loop."""
    torch, agents = import_module("torch"), {"group": "agents"}
    return {
        "state": {"vshape": info["state_shape"]},
        "obs": {"vshape": info["obs_shape"], **agents},
        "actions": {"vshape": (1,), "dtype": torch.long, **agents},
        "avail_actions": {"vshape": (info["n_actions"],), "dtype": torch.int, **agents},
        "reward": {"vshape": (1,)},
        "terminated": {"vshape": (1,), "dtype": torch.uint8},
    }


def _ndq_options(sizes: Sizes) -> SimpleNamespace:
    """The options that NDQ's files give, on the CPU."""
    options: Sizes = {}
    for name in ("default", f"envs/{sizes['env']}", "algs/categorical_qmix"):
        with open(os.path.join(sys.path[0], "config", f"{name}.yaml")) as file:
            options.update(import_module("yaml").safe_load(file))
    options["env_args"].update(sizes["env_args"])
    device = {"use_cuda": False, "device": "cpu", "batch_size": sizes["batch"]}
    return SimpleNamespace(**{**options, **device})
