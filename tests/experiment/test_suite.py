"""Every named setting of the suite is one that can be trained."""

from contextlib import closing
from functools import cache

import pytest

from graphmarl.experiment.config import Config
from graphmarl.experiment.policies import make_cut
from graphmarl.experiment.suite import DIDACTIC, DIDACTIC_CUTS, GATHER_OFF_POLICY, SUITE
from graphmarl.experiment.train_suite import train_suite
from graphmarl.learners import OffPolicy
from graphmarl.methods import METHODS
from graphmarl.resolver import options_of
from graphmarl.step import Spec


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
