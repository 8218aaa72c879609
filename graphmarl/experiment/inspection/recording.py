"""Recording of episodes of a trained policy: steps, messages, outputs and what is drawn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphmarl.agent_graph import agent_graph
from graphmarl.checks import checked
from graphmarl.data import first_episodes
from graphmarl.experiment.config import Named
from graphmarl.experiment.policies import LoadedPolicy, load_policy
from graphmarl.nn import LayerMessages, Output
from graphmarl.ranges import PositiveInt, Seed
from graphmarl.results.run import Run
from graphmarl.step import Environment, Scene, Spec, Step
from graphmarl.visualization.animation import Frame
from graphmarl.visualization.graphs import one_graph


@dataclass(frozen=True)
class RecordedStep:
    """One step of some episodes, with its messages.

    Args:
        step: the environment's step.
        action: the actions in it.
        messages: the messages before the action, one entry for each layer and round.
        running: copies that are in their first episode.
        edge_index: edges of the agent graph, over the rows of all copies.
        output: output of the network; None if it was not recorded.
        value: value of each agent, in units of the rewards; None without a critic that acts.
        reward: rewards that the actions led to.
        info: metrics of the environment after the actions.
        scene: map and objects of the first copy; None if it has none or was not recorded.
        graph: the agent graph that the network was given.
        memory: memory of the agents that it was given.
        after: the step that the action led to; None if it was not recorded.
    """

    step: Step
    action: Tensor
    messages: list[LayerMessages]
    running: Tensor
    edge_index: Tensor = field(default_factory=lambda: torch.empty(2, 0, dtype=torch.long))
    output: Output | None = None
    value: Tensor | None = None
    reward: Tensor | None = None
    info: dict[str, Tensor] = field(default_factory=dict)
    scene: Scene | None = None
    graph: Data | None = None
    memory: Tensor | None = None
    after: Step | None = None


@torch.inference_mode()
def record(
    loaded: LoadedPolicy, seed: int = 0, steps: int | None = None, scenes: bool = False
) -> list[RecordedStep]:
    """Play the first episode of every copy, and keep each step.

    What is kept is what the network computes to act: nothing is computed a second time.

    Args:
        loaded: policy and environment.
        seed: seed of the episodes and of sampling.
        steps: stop after so many steps, or when the last episode has ended.
        scenes: keep the map and objects of the first copy.
    """
    recorded: list[RecordedStep] = []
    drawn: list[Scene | None] = []

    def act(step: Step) -> Tensor:
        drawn.append(scene_of(loaded.env) if scenes else None)
        return loaded.policy(step)

    with calls_of(loaded) as calls:
        for step, action, after, running in first_episodes(loaded.env, act, seed, steps):
            found = RecordedStep(step, action, [], running)
            found = replace(found, reward=after.reward, info=after.info, after=after)
            found = replace(found, scene=drawn[-1])
            recorded.append(with_call(found, loaded, calls))
    return recorded


@torch.inference_mode()
def record_again(loaded: LoadedPolicy, recorded: Sequence[RecordedStep]) -> list[RecordedStep]:
    """What another policy computes in recorded steps, whose actions are taken.

    Args:
        loaded: the other policy; its environment does not take part.
        recorded: the steps.
    """
    again: list[RecordedStep] = []
    with calls_of(loaded) as calls:
        for moment in recorded:
            loaded.policy(moment.step)
            loaded.policy.runner.last_action = moment.action
            again.append(with_call(moment, loaded, calls))
    return again


Calls = list[tuple[Data, Tensor, Output]]


@contextmanager
def calls_of(loaded: LoadedPolicy) -> Iterator[Calls]:
    """Inputs and outputs of the calls of the network.

    Args:
        loaded: the policy.
    """
    calls: Calls = []

    def keep(_: object, inputs: tuple[Data, Tensor], found: tuple[Output, Tensor]) -> None:
        calls.append((*inputs, found[0]))

    handle = loaded.network.register_forward_hook(keep)
    try:
        yield calls
    finally:
        handle.remove()


def with_call(moment: RecordedStep, loaded: LoadedPolicy, calls: Calls) -> RecordedStep:
    """A step with what the last call of the network computed; the calls are forgotten.

    Args:
        moment: the step.
        loaded: the policy that has just acted in it.
        calls: the calls.
    """
    messages: list[LayerMessages] = []
    if loaded.channel is not None:
        messages, loaded.channel.messages = loaded.channel.messages, []
    graph, memory, output = calls[-1]
    calls.clear()
    assert graph.edge_index is not None, "a builder has set the edges"
    changes: dict[str, Any] = {"edge_index": graph.edge_index, "messages": messages}
    changes |= {"output": output, "value": value_of(loaded, output)}
    return replace(moment, graph=graph, memory=memory, **changes)


def scene_of(env: Environment) -> Scene | None:
    """Map and objects of the first copy; None if the environment has none.

    Args:
        env: the environment.
    """
    try:
        return env.scene(0)
    except NotImplementedError:
        return None


def value_of(loaded: LoadedPolicy, output: Output) -> Tensor | None:
    """Value of each agent in the step in which a policy has just acted; None without one.

    Args:
        loaded: the policy.
        output: output of its network.
    """
    value = loaded.policy.stored.get("value", output.value)
    units = getattr(loaded.policy.learner, "values", None)
    return value if value is None or units is None else units(value)


def scale_of(loaded: LoadedPolicy) -> float:
    """Factor on the rewards that a policy was trained on.

    Args:
        loaded: the policy.
    """
    return float(getattr(loaded.policy.learner, "reward_scale", 1.0))


@checked
def record_episode(
    run: str | Path | Run,
    steps: PositiveInt | None = None,
    seed: Seed = 1_000_000,
    graph: Named | None = None,
    greedy: bool = True,
    env: dict[str, Any] | None = None,
    trust: bool = False,
) -> list[Frame]:
    """Play one episode with the last checkpoint of a run, as one frame for each step.

    Args:
        run: the run folder.
        steps: stop after so many steps, or at the end of the episode.
        seed: seed of the episode and of sampling.
        graph: another graph builder than that of the run.
        greedy: take the most likely or most valuable action; otherwise act as in training.
        env: options of the environment to change.
        trust: import classes and functions from outside the library that the run names.

    Raises:
        ValueError: the agents have no positions, so that there is nothing to draw.
    """
    with load_policy(run, 1, graph, greedy, env=env, trust=trust, attention=True) as loaded:
        spec = loaded.env.spec
        if not spec.has_position:
            raise ValueError("the agents of this environment have no positions; nothing to draw")
        return [frame_of(each, spec) for each in record(loaded, seed, steps, scenes=True)]


def frame_of(recorded: RecordedStep, spec: Spec) -> Frame:
    """A step of the first copy as it is drawn, with the attention of the last layer that has some.

    Args:
        recorded: the step.
        spec: shapes of the environment.
    """
    attended = [each for each in recorded.messages if each.weights is not None]
    agents = agent_graph(recorded.step, spec)
    agents.edge_index = attended[-1].edge_index if attended else recorded.edge_index
    alpha = attended[-1].attention if attended else None
    graph = one_graph(agents, 0, spec.num_agents)
    return Frame(graph, recorded.scene, None if alpha is None else alpha.mean(1))
