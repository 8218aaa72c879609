"""Play whole episodes with a trained learner, or with any other policy, and say what came of it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from graphmarl.data import random_action
from graphmarl.graphs import GraphBuilder, make_graph
from graphmarl.interval import Interval, confidence_interval
from graphmarl.learners import Learner
from graphmarl.plan import Named, Plan
from graphmarl.run import Run, load_checkpoint
from graphmarl.step import Environment, Step, agent_graph, check_step

Policy = Callable[[Step], Tensor]


@dataclass(frozen=True)
class Evaluation:
    """Episodes that were played, one entry each.

    Args:
        returns: sum of rewards over agents and steps.
        lengths: steps.
        info: the environment's metrics in the last step.
    """

    returns: list[float]
    lengths: list[float]
    info: dict[str, list[float]]

    @property
    def mean_return(self) -> Interval:
        """Mean return with its 95 % interval over episodes."""
        return confidence_interval(self.returns)

    @property
    def mean_length(self) -> Interval:
        """Mean length with its 95 % interval over episodes."""
        return confidence_interval(self.lengths)

    def __str__(self) -> str:
        count = len(self.returns)
        return f"return {self.mean_return}, steps {self.mean_length} over {count} episodes"


def evaluate(
    run: str | Path | Run,
    episodes: int = 20,
    graph: Named | None = None,
    greedy: bool = True,
    seed: int = 1_000_000,
    checkpoint: str | Path | None = None,
    env: dict[str, Any] | None = None,
) -> Evaluation:
    """Play fresh episodes, one per environment copy, with a run's newest checkpoint.

    Args:
        run: the run folder.
        episodes: how many; each is a copy's first, so that short ones are not counted more often.
        graph: who hears whom; the run's own without it.
        greedy: take the best action; otherwise act as in training.
        seed: seed of the episodes and of what is random in acting.
        checkpoint: another checkpoint than the newest.
        env: options of the environment to change.

    Raises:
        FileNotFoundError: the folder holds no run or no checkpoint.
        CheckpointError: the checkpoint is damaged.
        ValueError: a name or value that is not allowed.
    """
    if episodes < 1:
        raise ValueError(f"episodes is {episodes}; allowed are 1 and more")
    run = run if isinstance(run, Run) else Run(run)
    plan = Plan(run.config() | ({} if graph is None else {"graph": graph}))
    path = run.last() if checkpoint is None else Path(checkpoint)
    options = {**(env or {}), "num_envs": episodes}
    with torch.random.fork_rng(), closing(plan.environment(**options)) as environment:
        learner = plan.learner(environment.spec)
        learner.load_state_dict(load_checkpoint(path)["state_dict"])
        return play(environment, learner_policy(environment, learner, plan.builder(), greedy), seed)


def learner_policy(
    env: Environment, learner: Learner, builder: GraphBuilder | str, greedy: bool
) -> Policy:
    """A policy that remembers, for one run through an environment's first episodes.

    Args:
        env: where it will play.
        learner: what acts.
        builder: who hears whom.
        greedy: take the best action; otherwise act as in training.
    """
    builder = make_graph(builder) if isinstance(builder, str) else builder
    rows = env.num_envs * env.spec.num_agents
    memory = torch.zeros(rows, learner.memory_size)
    last_action: Tensor | None = None

    def act(step: Step) -> Tensor:
        nonlocal memory, last_action
        last = (
            torch.zeros(step.alive.shape, dtype=torch.long) if last_action is None else last_action
        )
        graph = builder(agent_graph(step, env.spec, last))
        begins = (~step.valid).repeat_interleave(env.spec.num_agents)
        action, _, memory = learner.act(graph, memory.masked_fill(begins[:, None], 0), greedy)
        last_action = action.unflatten(0, step.alive.shape)
        return last_action

    return act


def random_policy(env: Environment, seed: int = 0) -> Policy:
    """Uniformly random legal actions."""
    generator = torch.Generator().manual_seed(seed)
    return lambda step: random_action(env, step, generator)


@torch.inference_mode()
def play(env: Environment, policy: Policy, seed: int = 0) -> Evaluation:
    """Play the first episode of every copy to its end.

    The global random state is the same before and after.

    Args:
        env: B copies, so B episodes.
        policy: chooses the actions.
        seed: seed of the episodes and of what is random in acting.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        step = env.reset(seed)
        running = torch.ones(env.num_envs, dtype=torch.bool)
        returns = torch.zeros(env.num_envs, dtype=torch.float64)
        lengths = torch.zeros(env.num_envs)
        info: dict[str, Tensor] = {}
        while running.any():
            step = env.step(policy(step))
            check_step(step, env.spec, env.num_envs)
            returns += torch.where(running, step.reward.double().sum(1), 0.0)
            lengths += running
            for name, value in step.info.items():
                if value.ndim == 1:
                    info[name] = torch.where(running, value.float(), info.get(name, value.float()))
            running = running & ~step.done
    return Evaluation(
        returns.tolist(), lengths.tolist(), {name: value.tolist() for name, value in info.items()}
    )
