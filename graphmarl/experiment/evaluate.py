"""Play whole episodes with a trained learner, or with any other policy, and say what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from graphmarl.agent_graph import agent_graph
from graphmarl.data import random_action
from graphmarl.experiment.config import Config, Named
from graphmarl.graphs import GraphBuilder, make_graph
from graphmarl.learners import Learner
from graphmarl.nn import CUTS, AgentNetwork, Channel, Cut
from graphmarl.resolver import construct, joined, lookup, options_of, split_name
from graphmarl.results.run import Run, load_checkpoint
from graphmarl.results.stats import Interval, confidence_interval
from graphmarl.results.tables import read_rows
from graphmarl.step import Environment, Step, check_step

Policy = Callable[[Step], Tensor]


@dataclass(frozen=True)
class Evaluation:
    """Episodes that were played, one entry each.

    Args:
        returns: sum of rewards over agents and steps.
        lengths: steps.
        info: the environment's metrics in the last step.
        sent: `messages`, `bits` and `bytes` of an average step, as `Channel` counts them; empty if
            nothing was watched.
    """

    returns: list[float]
    lengths: list[float]
    info: dict[str, list[float]]
    sent: dict[str, list[float]] = field(default_factory=dict)

    @property
    def mean_return(self) -> Interval:
        """Mean return with its 95 % interval over episodes."""
        return confidence_interval(self.returns)

    @property
    def mean_length(self) -> Interval:
        """Mean length with its 95 % interval over episodes."""
        return confidence_interval(self.lengths)

    def mean_info(self, metric: str) -> Interval:
        """Mean of a metric of the environment with its 95 % interval over episodes."""
        return confidence_interval(self.info[metric])

    def mean_sent(self, name: str) -> float:
        """Mean of `messages`, `bits` or `bytes` over all steps of all episodes."""
        total = sum(each * steps for each, steps in zip(self.sent[name], self.lengths, strict=True))
        return total / sum(self.lengths)

    def __str__(self) -> str:
        count = len(self.returns)
        said = f"return {self.mean_return}, steps {self.mean_length} over {count} episodes"
        if self.sent:
            numbers = [f"{self.mean_sent(name):.2f} {name}" for name in self.sent]
            said += "; per step " + ", ".join(numbers)
        return said


def evaluate(
    run: str | Path | Run,
    episodes: int = 20,
    graph: Named | None = None,
    greedy: bool = True,
    seed: int = 1_000_000,
    checkpoint: str | Path | None = None,
    env: dict[str, Any] | None = None,
    cut: str | Cut | None = None,
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
        cut: which bits of the messages are not sent: `threshold=2`, `rank=80`,
            `rank=80,within=graph`, `budget=1` or `random=50`; nothing is cut without it.

    Raises:
        FileNotFoundError: the folder holds no run or no checkpoint.
        CheckpointError: the checkpoint is damaged.
        ValueError: a name or value that is not allowed.
    """
    with playing(run, episodes, graph, greedy, checkpoint, env, cut) as stage:
        return play(stage.env, stage.policy, seed, stage.channel)


class Playing(NamedTuple):
    """A trained policy in an environment.

    Args:
        env: B copies.
        policy: chooses the actions.
        channel: what the agents speak through; None if they send no messages.
        network: what the policy asks.
    """

    env: Environment
    policy: Policy
    channel: Channel | None
    network: AgentNetwork

    def walk(self, seed: int, steps: int | None = None) -> Iterator[tuple[Step, Tensor, Tensor]]:
        """Each step, what the agents do in it, and the copies whose first episode goes on.

        Args:
            seed: seed of the episodes and of what is random in acting.
            steps: stop after so many, or go on until the last first episode has ended.
        """
        torch.manual_seed(seed)
        step, played = self.env.reset(seed), 0
        running = torch.ones(self.env.num_envs, dtype=torch.bool)
        while running.any() and (steps is None or played < steps):
            action = self.policy(step)
            yield step, action, running
            step, played = self.env.step(action), played + 1
            running = running & ~step.done


@contextmanager
def playing(
    run: str | Path | Run,
    episodes: int = 20,
    graph: Named | None = None,
    greedy: bool = True,
    checkpoint: str | Path | None = None,
    env: dict[str, Any] | None = None,
    cut: str | Cut | None = None,
) -> Iterator[Playing]:
    """What `evaluate` plays with, for as long as it is needed; arguments and errors are its own."""
    if episodes < 1:
        raise ValueError(f"episodes is {episodes}; allowed are 1 and more")
    run = run if isinstance(run, Run) else Run(run)
    rule = make_cut(cut) if isinstance(cut, str) else cut
    plan = Config(run.config() | ({} if graph is None else {"graph": graph}))
    path = run.last() if checkpoint is None else Path(checkpoint)
    options = {**(env or {}), "num_envs": episodes}
    with torch.random.fork_rng(), closing(plan.environment(**options)) as environment:
        learner = plan.learner(environment.spec)
        learner.load_state_dict(load_checkpoint(path)["state_dict"])
        policy = learner_policy(environment, learner.eval(), plan.builder(), greedy)
        with Channel(learner.network, environment.spec.num_agents, rule) as channel:
            if rule is not None and not channel.layers:
                raise ValueError(f"{plan.method} sends no messages that could be cut")
            told = channel if channel.layers else None
            yield Playing(environment, policy, told, learner.network)


def make_cut(text: str) -> Cut:
    """The rule that `rank=80,within=graph` names: a name and its number, then other options.

    Raises:
        ValueError: an unknown name or option, or a value that is not allowed.
    """
    name = text.partition("=")[0].strip()
    _, options = split_name(f"cut:{text}", "cut")
    kind = lookup("cut", name, CUTS)
    first = next(iter(options_of(kind)))
    if name not in options:
        raise ValueError(f"cut {text!r} lacks its number; write {name}=NUMBER")
    return construct("cut", name, kind, joined({first: options.pop(name)}, options))


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
        # Where an episode has ended nobody needs to hear or say anything.
        going = step.replace(alive=step.alive & ~step.done[:, None])
        graph = builder(agent_graph(going, env.spec, last))
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
def play(
    env: Environment, policy: Policy, seed: int = 0, channel: Channel | None = None
) -> Evaluation:
    """Play the first episode of every copy to its end.

    The global random state is the same before and after.

    Args:
        env: B copies, so B episodes.
        policy: chooses the actions.
        seed: seed of the episodes and of what is random in acting.
        channel: counts what the policy sends.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        step = env.reset(seed)
        sent: dict[str, Tensor] = {}
        running = torch.ones(env.num_envs, dtype=torch.bool)
        returns = torch.zeros(env.num_envs, dtype=torch.float64)
        lengths = torch.zeros(env.num_envs)
        info: dict[str, Tensor] = {}
        while running.any():
            step = env.step(policy(step))
            check_step(step, env.spec, env.num_envs)
            if channel is not None:
                for name, count in channel.take(env.num_envs).items():
                    sent[name] = sent.get(name, 0) + count * running
            returns += torch.where(running, step.reward.double().sum(1), 0.0)
            lengths += running
            for name, value in step.info.items():
                if value.ndim == 1:
                    info[name] = torch.where(running, value.float(), info.get(name, value.float()))
            running = running & ~step.done
    return Evaluation(
        returns.tolist(),
        lengths.tolist(),
        {name: value.tolist() for name, value in info.items()},
        {name: (value / lengths).tolist() for name, value in sent.items()},
    )


COLUMNS = ("name", "seed", "env_steps", "policy", "return", "steps", "half_width", "hours")


def score(run: Run, episodes: int = 32) -> None:
    """Evaluate a run greedily and as it was trained; leaves `evaluation.csv` in its folder.

    Args:
        run: the run, whose folder is called `name-seedN`.
        episodes: fresh episodes of each evaluation.
    """
    seconds = sum(float(row["seconds"]) for row in read_rows(run.path / "timing.csv"))
    steps, seed = int(run.metrics()[-1]["env_steps"]), run.config()["seed"]
    name = run.path.name.removesuffix(f"-seed{seed}")
    rows = []
    for policy, greedy in (("greedy", True), ("stochastic", False)):
        played = evaluate(run, episodes, greedy=greedy)
        returns = played.mean_return
        numbers = (returns.mean, played.mean_length.mean, returns.half_width)
        told = (name, seed, steps, policy, *(f"{number:.3f}" for number in numbers))
        row: dict[str, object] = dict(zip(COLUMNS, (*told, f"{seconds / 3600:.4f}"), strict=True))
        for metric in played.info:
            column = f"info.{metric}" if metric in COLUMNS else metric
            found = played.mean_info(metric)
            row |= {column: f"{found.mean:.3f}", f"{column}.half_width": f"{found.half_width:.3f}"}
        rows.append(row)
    run.write_rows("evaluation.csv", rows)
