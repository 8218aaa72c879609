"""Policies of evaluations: from a checkpoint, from a learner, or random."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from graphmarl.checks import checked
from graphmarl.data import PolicyRunner, random_action
from graphmarl.experiment.config import Config, Named
from graphmarl.experiment.fitter import header
from graphmarl.experiment.trust import trusted_config
from graphmarl.graphs import GraphBuilder, make_graph
from graphmarl.learners import Learner
from graphmarl.nn import CUTS, AgentNetwork, Channel, Cut
from graphmarl.ranges import Copies
from graphmarl.resolver import construct, joined, lookup, options_of, split_name
from graphmarl.results.checkpoints import load_checkpoint, load_weights
from graphmarl.results.run import Run
from graphmarl.step import Environment, Step

Policy = Callable[[Step], Tensor]


class LearnerPolicy:
    """A policy with memory, for one pass through the first episodes of an environment.

    Args:
        env: environment copies.
        learner: chooses the actions.
        builder: builds the agent graph of each step, or its name.
        greedy: take the most likely or most valuable action; otherwise act as in training.

    Attributes:
        stored: what the learner stores with its last actions, such as `value`.
    """

    def __init__(
        self, env: Environment, learner: Learner, builder: GraphBuilder | str, greedy: bool
    ) -> None:
        builder = make_graph(builder) if isinstance(builder, str) else builder
        self.learner, self.greedy = learner, greedy
        self.runner = PolicyRunner(env.spec, env.num_envs, learner, builder)
        self.stored: dict[str, Tensor] = {}

    def __call__(self, step: Step) -> Tensor:
        """Actions in a step."""
        # After the end of an episode no messages are sent.
        self.runner.observe(step.replace(alive=step.alive & ~step.done[:, None]))
        action, self.stored = self.runner.act(greedy=self.greedy)
        return action


class LoadedPolicy(NamedTuple):
    """A trained policy in an environment.

    Args:
        env: B copies.
        policy: chooses the actions.
        channel: counts and cuts the messages; None if the method sends none.
        network: the network of the policy.
    """

    env: Environment
    policy: LearnerPolicy
    channel: Channel | None
    network: AgentNetwork


@contextmanager
@checked
def load_policy(
    run: str | Path | Run,
    episodes: Copies = 20,
    graph: Named | None = None,
    greedy: bool = True,
    checkpoint: str | Path | None = None,
    env: dict[str, Any] | None = None,
    cut: str | Cut | None = None,
    trust: bool = False,
    attention: bool = False,
) -> Iterator[LoadedPolicy]:
    """A policy from a checkpoint, in an environment that is closed at the end.

    Args:
        run: the run folder.
        episodes: environment copies.
        graph: another graph builder than that of the run.
        greedy: take the most likely or most valuable action; otherwise act as in training.
        checkpoint: another checkpoint than the last; `best` is that of the best evaluation during
            training.
        env: options of the environment to change.
        cut: which bits of the messages are not sent, as in `evaluate`.
        trust: import classes and functions from outside the library that the run names.
        attention: the channel records the attention of the layers.

    Raises:
        FileNotFoundError: the folder holds no run or no checkpoint.
        CheckpointError: the checkpoint is damaged or of another run.
        ValueError: a name or value that is not allowed, or a cut for a method without messages.
    """
    run = run if isinstance(run, Run) else Run(run, trust)
    rule = make_cut(cut) if isinstance(cut, str) else cut
    # The graph that is given here is trusted.
    config = Config(trusted_config(run, trust) | ({} if graph is None else {"graph": graph}))
    path = run.last() if checkpoint is None else Path(checkpoint)
    path = run.best() if checkpoint == "best" else path
    options = {**(env or {}), "num_envs": episodes}
    with torch.random.fork_rng(), closing(config.environment(**options)) as environment:
        learner = config.learner(environment.spec)
        content = load_checkpoint(path, header=header(config.method, environment.spec))
        load_weights(learner, path, content)
        policy = LearnerPolicy(environment, learner.eval(), config.builder(), greedy)
        with Channel(learner.network, environment.spec.num_agents, rule, attention) as channel:
            if rule is not None and not channel.layers:
                raise ValueError(f"{config.method} sends no messages that could be cut")
            used = channel if channel.layers else None
            yield LoadedPolicy(environment, policy, used, learner.network)


def make_cut(text: str) -> Cut:
    """A cut by name, as in `rank=80,within=graph`: a name and its number, then other options.

    Args:
        text: name, number and options.

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


def random_policy(env: Environment, seed: int = 0) -> Policy:
    """Uniformly random legal actions.

    Args:
        env: environment copies.
        seed: seed of the actions.
    """
    generator, shape = torch.Generator().manual_seed(seed), (env.num_envs, env.spec.num_agents)

    def act(step: Step) -> Tensor:
        available = None if step.available is None else step.available.flatten(0, 1)
        action = random_action(env.spec, shape[0] * shape[1], available, generator)
        return action.unflatten(0, shape)

    return act
