"""Evaluation: episodes with a trained learner or any other policy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from graphmarl.checks import checked
from graphmarl.data import first_episodes
from graphmarl.experiment.config import Named
from graphmarl.experiment.digest import EpisodeDigest
from graphmarl.experiment.evaluation import Evaluation as Evaluation
from graphmarl.experiment.policies import Policy, load_policy
from graphmarl.nn import Channel, Cut
from graphmarl.ranges import Copies, Device, Seed
from graphmarl.results.run import Run
from graphmarl.results.tables import read_rows
from graphmarl.step import Environment

COLUMNS = ("name", "seed", "env_steps", "policy", "return", "steps", "half_width", "hours")


@checked
def evaluate(
    run: str | Path | Run,
    episodes: Copies = 20,
    graph: Named | None = None,
    greedy: bool = True,
    seed: Seed = 1_000_000,
    checkpoint: str | Path | None = None,
    env: dict[str, Any] | None = None,
    cut: str | Cut | None = None,
    trust: bool = False,
    device: Device = "cpu",
) -> Evaluation:
    """Evaluate the last checkpoint of a run on new episodes.

    Args:
        run: the run folder.
        episodes: number of episodes, each the first of an environment copy of its own, so that
            short episodes are not counted more often.
        graph: another graph builder than that of the run.
        greedy: take the most likely or most valuable action; otherwise act as in training.
        seed: seed of the episodes and of sampling.
        checkpoint: another checkpoint than the last; `best` is that of the best evaluation during
            training.
        env: options of the environment to change, as in `{size: 48}`.
        cut: which bits of the messages are not sent: `threshold=2`, `rank=80`,
            `rank=80,within=graph`, `budget=1` or `random=50`; nothing is cut without it.
        trust: import classes and functions from outside the library that the run names.
        device: device of network and environment, whichever the run was trained on.

    Raises:
        FileNotFoundError: the folder holds no run or no checkpoint.
        CheckpointError: the checkpoint is damaged.
        ValueError: a name or value that is not allowed.
    """
    given = (run, episodes, graph, greedy, checkpoint, env, cut, trust)
    with load_policy(*given, device=device) as loaded:
        return play(loaded.env, loaded.policy, seed, loaded.channel)


@torch.inference_mode()
def play(
    env: Environment, policy: Policy, seed: int = 0, channel: Channel | None = None
) -> Evaluation:
    """Play the first episode of every copy to its end; the global random state is restored.

    Args:
        env: B copies, so B episodes.
        policy: chooses the actions.
        seed: seed of the episodes and of sampling.
        channel: counts the messages.
    """
    with torch.random.fork_rng(devices=[]):
        sent: dict[str, Tensor] = {}
        device = getattr(policy, "device", env.device)
        returns = torch.zeros(env.num_envs, dtype=torch.float64, device=device)
        lengths = torch.zeros(env.num_envs, device=device)
        info: dict[str, Tensor] = {}
        digest = EpisodeDigest(env.num_envs, returns.device)
        for before, action, step, running in first_episodes(env, policy, seed, device=device):
            digest.add(running, before.obs, action, step.reward)
            if channel is not None:
                for name, count in channel.take(env.num_envs).items():
                    sent[name] = sent.get(name, 0) + count.to(device) * running
            returns += torch.where(running, step.reward.double().sum(1), 0.0)
            lengths += running
            for name, value in step.info.items():
                if value.ndim == 1:
                    info[name] = torch.where(running, value.float(), info.get(name, value.float()))
    return Evaluation(
        returns.tolist(),
        lengths.tolist(),
        {name: value.tolist() for name, value in info.items()},
        {name: (value / lengths).tolist() for name, value in sent.items()},
        "numbers" if channel is None else channel.unit,
        digest.value.tolist(),
    )


def save_evaluation(run: Run, episodes: int = 32) -> None:
    """Evaluate a run with the greedy and the stochastic policy; writes `evaluation.csv`.

    Intervals are over episodes, of which identical ones count once. A method that sends messages
    has `messages`, `bits` and `bytes` of an average step.

    Args:
        run: the run, whose folder is called `name-seedN`.
        episodes: number of episodes of each evaluation.
    """
    seconds = sum(float(row["seconds"]) for row in read_rows(run.path / "timing.csv"))
    steps, seed = int(run.metrics()[-1]["env_steps"]), run.config()["seed"]
    name = run.path.name.removesuffix(f"-seed{seed}")
    rows = []
    for policy, greedy in (("greedy", True), ("stochastic", False)):
        played = evaluate(run, episodes, greedy=greedy)
        returns = played.mean_return
        numbers = (returns.mean, played.mean_length.mean, returns.half_width)
        values = (name, seed, steps, policy, *(f"{number:.3f}" for number in numbers))
        row: dict[str, object] = dict(zip(COLUMNS, (*values, f"{seconds / 3600:.4f}"), strict=True))
        row |= {"episodes": episodes, "distinct": played.distinct}
        for metric in played.info:
            column = f"info.{metric}" if metric in row else metric
            found = played.mean_info(metric)
            row |= {column: f"{found.mean:.3f}", f"{column}.half_width": f"{found.half_width:.3f}"}
        for count in played.sent:
            row[f"sent.{count}" if count in row else count] = f"{played.mean_sent(count):.6g}"
        rows.append(row)
    run.write_rows("evaluation.csv", rows)
