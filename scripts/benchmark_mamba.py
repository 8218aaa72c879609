"""Speed of MAMBA's world-model updates and imagined rollouts, and shares of the training time.

Examples:
  python scripts/benchmark_mamba.py --methods mamba_small mamba --map 3m
"""

import argparse
import time
from typing import Any

import torch

from graphmarl.data import Collector
from graphmarl.experiment.config import Config
from graphmarl.learners import Dreamer

LEARNING = ("replay", "model", "imagination", "policy")


def prepared(name: str, env: str, steps: int) -> tuple[Dreamer, Collector]:
    """Learner with optimisers but without a trainer, and its collector."""
    plan = Config({"method": name, "env": env, "graph": None, "seed": 0, "steps": steps})
    environment = plan.environment()
    learner = plan.learner(environment.spec).train()
    assert isinstance(learner, Dreamer), f"{name} has no world model"
    optimizers = learner.configure_optimizers()
    parts: dict[str, Any] = {"optimizers": lambda: optimizers, "manual_backward": backward}
    for part, function in parts.items():
        setattr(learner, part, function)
    collector = Collector(environment, plan.builder(), learner, steps, learner.rollout_length)
    return learner, collector


def backward(loss: torch.Tensor) -> None:
    """Backpropagate, in place of Lightning's `manual_backward`."""
    loss.backward()


def seconds_of(action: Any, least: float) -> tuple[float, Any]:
    """Mean seconds of a call, repeated for at least a given time, and its last result."""
    result = action()
    start, count = time.perf_counter(), 0
    while count == 0 or time.perf_counter() - start < least:
        result, count = action(), count + 1
    return (time.perf_counter() - start) / count, result


def main() -> None:
    """Measure each method and print one line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--methods", nargs="+", default=["mamba_small", "mamba"])
    parser.add_argument("--map", default="3m")
    parser.add_argument("--copies", type=int, default=8, help="copies of the environment")
    parser.add_argument(
        "--steps", type=int, default=800, help="environment steps collected beforehand"
    )
    parser.add_argument("--seconds", type=float, default=5.0, help="duration of each measurement")
    parser.add_argument("--threads", type=int, default=2, help="threads of PyTorch")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    for name in given.methods:
        env = f"skirmish:map={given.map},num_envs={given.copies}"
        learner, collector = prepared(name, env, given.steps)
        for trajectory in collector:
            learner.replay.add(trajectory)
        acting = sum(collector.timer.take().values()) / collector.env_steps
        update, _ = seconds_of(learner.learn_model, given.seconds)
        imagination, imagined = seconds_of(learner.imagine, given.seconds)
        learner.timer.take()
        policy, _ = seconds_of(learner.learn_policy, given.seconds)
        parts = learner.timer.take()
        spent = {
            part: policy * parts[part] / sum(parts.values()) for part in LEARNING if part in parts
        }
        share = {
            "acting": acting * learner.train_interval,
            "model": update * learner.model_gradient_steps,
        }
        share["imagination"] = learner.policy_gradient_steps * (
            spent["imagination"] + spent["replay"]
        )
        share["policy"] = learner.policy_gradient_steps * spent["policy"]
        total = sum(share.values())
        shares = ", ".join(f"{part} {seconds / total:.1%}" for part, seconds in share.items())
        print(
            f"{name} on {given.map}: {1 / update:.1f} model updates/s, "
            f"{imagined.action.numel() / imagination:,.0f} imagined agent-steps/s, "
            f"{learner.train_interval / total:.1f} env steps/s; {shares}",
            flush=True,
        )


if __name__ == "__main__":
    main()
