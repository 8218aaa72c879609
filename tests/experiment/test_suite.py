"""Every named setting of the suite is one that can be trained."""

from contextlib import closing
from functools import cache

import pytest
import torch

from graphmarl.data import Trajectory
from graphmarl.experiment.config import Config
from graphmarl.experiment.policies import make_cut
from graphmarl.experiment.suite import DIDACTIC, DIDACTIC_CUTS, GATHER_OFF_POLICY, SUITE
from graphmarl.experiment.train_suite import train_suite
from graphmarl.learners import A2C, OffPolicy
from graphmarl.methods import METHODS
from graphmarl.resolver import options_of
from graphmarl.step import Spec

pytestmark = pytest.mark.usefixtures("unchecked")


def config(method: str, env: str, graph: str | None = None) -> Config:
    return Config({"method": method, "env": env, "graph": graph, "seed": 0, "steps": 1})


@cache
def spec_of(env: str) -> Spec:
    """Shapes of an environment, whose engine is not started."""
    with closing(config("iql", env).environment()) as environment:
        return environment.spec


@pytest.mark.parametrize("family", SUITE)
def test_every_named_setting_constructs(family):
    """Each distinct setting once, on the environment where it comes first; every environment."""
    built: set[tuple[str, str | None]] = set()
    for name, benchmark in SUITE[family].items():
        for row, setting in benchmark.settings.items():
            env = benchmark.env.format(reward=setting.reward)
            made = config(setting.method, env, setting.graph)
            try:
                spec = spec_of(env)
            except ImportError:
                assert name.startswith("smac-"), f"{env} needs an engine that is not installed"
                continue
            if (setting.method, setting.graph) not in built:
                assert made.learner(spec).default_graph, f"{name} {row}"
                built.add((setting.method, setting.graph))
    assert len(built) > 5


@pytest.mark.parametrize("method", ["coma", "neurcomm"])
def test_methods_with_a_single_epoch_make_four_thousand_optimiser_steps(method):
    tasks = [("mpe", "navigation"), ("cityflow", "hangzhou_4x4"), ("smac", "3m")]
    for benchmark in (SUITE[family][task] for family, task in tasks):
        if method in benchmark.settings:
            setting = benchmark.settings[method]
            env = benchmark.env.format(reward=setting.reward)
            spec, made = spec_of(env), config(setting.method, env, setting.graph)
            learner, copies = made.learner(spec), int(env.split("num_envs=")[1].split(",")[0])
            assert isinstance(learner, A2C)
            steps = learner.rollout_length
            played = Trajectory.__new__(Trajectory)
            played.spec = spec
            played.alive = torch.ones(steps, copies, spec.num_agents, dtype=torch.bool)
            played.valid = torch.ones(steps, copies, dtype=torch.bool)
            picks = list(learner.minibatches(played))
            assert benchmark.steps // (steps * copies) * len(picks) >= 4_000, env


def test_settings_of_gather_are_options_of_every_off_policy_method():
    learners = [cls for cls in METHODS.values() if issubclass(cls, OffPolicy)]
    assert len(learners) > 5
    for cls in learners:
        assert set(GATHER_OFF_POLICY) <= set(options_of(cls)), cls


def test_didactic_tasks_and_cuts_exist():
    for env, steps in DIDACTIC.values():
        assert spec_of(env).num_agents > 1 and steps > 0
    for cut in DIDACTIC_CUTS:
        make_cut(cut)


def test_rows_and_cuts_that_do_not_exist_are_refused_before_training(capsys):
    for words in (["--rows", "nobody"], ["--task", "nowhere"]):
        with pytest.raises(SystemExit):
            train_suite("help", SUITE["mpe"], "navigation", [0], 4, words)
    assert "has no row nobody; it has vpp" in capsys.readouterr().err
    with pytest.raises(ValueError, match="no cut is called 'nothing'"):
        train_suite("help", SUITE["mpe"], "navigation", [0], 4, ["--cuts", "nothing=1"])
    train_suite("help", SUITE["mpe"], "navigation", [0], 4, ["--list", "--rows", "ippo"])
    assert capsys.readouterr().out.startswith("ippo: Setting(method='ippo:")
