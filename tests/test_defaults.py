"""An option that passes through a class or function has one default, the same at both ends."""

import inspect
from collections.abc import Callable
from typing import Any, get_args, get_type_hints

import pytest

from graphmarl.envs import ENVS, SMAC, Batched, FromPettingZoo, Vector
from graphmarl.envs.particle.covering import Covering
from graphmarl.envs.particle.world import Particle
from graphmarl.envs.skirmish.base import SkirmishBase
from graphmarl.experiment import (
    ablate,
    communication,
    evaluate,
    grid_runs,
    inspection,
    policies,
    presets,
)
from graphmarl.experiment.inspection import recording
from graphmarl.experiment.train import train
from graphmarl.methods import METHODS
from graphmarl.methods.nvif_stages import CodeStage, FlowStage
from graphmarl.methods.ppo_agents import PPOAgents
from graphmarl.methods.q_agents import QAgents, make_mixer
from graphmarl.nn import (
    ActorCritic,
    GatedConv,
    GaussianConv,
    InferencePolicy,
    LatentAgent,
    LatentCritic,
    MonotonicMixer,
    NeighborCritic,
    NeighborValue,
    PooledCritic,
    QNetwork,
    WorldModel,
)
from graphmarl.nn.communication.flow import FlowEncoder
from graphmarl.nn.critics import ConcatCritic, CounterfactualCritic, JointCritic

M = METHODS
# Outer, inner, and options that have another name inside, or none (""): no option of the same name
# is passed on.
PAIRS: list[tuple[Callable[..., Any], Callable[..., Any], dict[str, str]]] = [
    (M["vpp"], InferencePolicy, {}),
    (M["vpp"], NeighborCritic, {}),
    (M["vpp"], NeighborValue, {}),
    (M["mamba"], WorldModel, {}),
    (M["mamba"], LatentAgent, {"policy": ""}),
    (M["mamba"], LatentCritic, {}),
    (M["nvif_dqn"], FlowEncoder, {"flow_hidden": "hidden", "hidden": ""}),
    (M["nvif_dqn"], FlowStage, {}),
    (M["nvif_dqn"], CodeStage, {}),
    (M["nvif_ppo"], ActorCritic, {}),
    (M["ndq"], make_mixer, {}),
    (M["tarmac_qmix"], make_mixer, {}),
    (M["qmix"], make_mixer, {}),
    (make_mixer, MonotonicMixer, {"hyper_hidden": "hidden"}),
    (M["ndq"], GaussianConv, {"message_hidden": "hidden"}),
    (M["pic"], PooledCritic, {}),
    (M["maddpg"], ConcatCritic, {}),
    (M["coma"], CounterfactualCritic, {"critic_hidden": "hidden"}),
    (M["qtran"], JointCritic, {}),
    (M["g2anet"], GatedConv, {"key": ""}),
    (PPOAgents, ActorCritic, {}),
    (M["nvif_ppo"], PPOAgents, {}),
    (QAgents, QNetwork, {}),
    # A run takes the threads of its process, a grid one for each process; without steps both have
    # those of a preset or of `DEFAULTS`.
    (train, grid_runs.Settings, {"threads": "", "steps": ""}),
    (ablate.ablate, grid_runs.Settings, {"steps": ""}),
    (ablate.ablate, train, {}),
    (ablate.run_seeds, grid_runs.Settings, {}),
    (evaluate.evaluate, policies.load_policy, {}),
    # Messages are recorded of one episode, unless more are asked for.
    (communication.record_messages, evaluate.evaluate, {"episodes": ""}),
    (inspection.inspect, evaluate.evaluate, {"episodes": ""}),
    (recording.record_episode, evaluate.evaluate, {}),
]
# The base class of each environment.
PAIRS += [
    (cls, base, {})
    for cls in ENVS.values()
    for base in (Batched, Vector, Particle, Covering, SkirmishBase)
    # Without a number of workers, SMAC starts as many games as there are copies.
    if issubclass(cls, base) and not issubclass(cls, (FromPettingZoo, SMAC))
]


def defaults(target: Callable[..., Any]) -> dict[str, Any]:
    parameters = inspect.signature(target).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not p.empty}


@pytest.mark.parametrize(
    ("outer", "inner", "names"), PAIRS, ids=[f"{a.__name__}-{b.__name__}" for a, b, _ in PAIRS]
)
def test_an_option_that_passes_through_has_one_default(outer, inner, names):
    mine, theirs = defaults(outer), defaults(inner)
    names = {name: name for name in mine if name in theirs} | names
    for name, other in names.items():
        assert not other or (name in mine and other in theirs), f"{name} is no option of both"
        if other:
            assert mine[name] == theirs[other], f"{name} is {mine[name]} and {theirs[other]}"


def types_of(cls: type) -> dict[str, Any]:
    """Types of the options; of a choice, what can be chosen."""
    hints = get_type_hints(cls.__init__) if "__init__" in vars(cls) else {}
    return {name: set(get_args(hint)) or hint for name, hint in hints.items()}


@pytest.mark.parametrize("name", METHODS)
def test_an_option_that_a_method_restates_has_the_type_that_its_learner_gives_it(name):
    options = types_of(METHODS[name])
    for base in METHODS[name].__mro__[1:]:
        if base.__module__.startswith("graphmarl.learners") and "__init__" in vars(base):
            passed = inspect.signature(base).parameters.values()
            for option in (p.name for p in passed if p.kind == p.KEYWORD_ONLY):
                assert option not in options or options[option] == types_of(base)[option], option


def test_steps_without_a_preset_are_those_of_a_grid():
    assert presets.DEFAULTS["steps"] == grid_runs.Settings().steps
    assert defaults(ablate.run_seeds)["steps"] == grid_runs.Settings().steps
