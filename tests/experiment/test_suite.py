"""Every named setting of the suite is one that can be trained."""

import subprocess
import sys
from contextlib import closing
from functools import cache
from pathlib import Path

import pytest
import torch

from graphmarl.data import Trajectory
from graphmarl.experiment.config import Config
from graphmarl.experiment.policies import make_cut
from graphmarl.experiment.suite import SUITE
from graphmarl.experiment.suite_magent import GATHER_OFF_POLICY, OFF_POLICY
from graphmarl.experiment.suite_types import Setting, tuned
from graphmarl.experiment.train_suite import train_suite
from graphmarl.learners import A2C, OffPolicy
from graphmarl.methods import METHODS
from graphmarl.resolver import options_of, split_name
from graphmarl.results.collect import collect_didactic
from graphmarl.results.run import Run
from graphmarl.results.tables import read_rows
from graphmarl.step import Spec

SCRIPTS = Path(__file__).parents[2] / "scripts"

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
    for name, benchmark in SUITE[family].benchmarks.items():
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
    for benchmark in (SUITE[family].benchmarks[task] for family, task in tasks):
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
    options = split_name(f"any:{GATHER_OFF_POLICY}", "method")[1]
    learners = [cls for cls in METHODS.values() if issubclass(cls, OffPolicy)]
    assert len(learners) > 5 and set(OFF_POLICY) <= set(METHODS)
    for cls in learners:
        assert set(options) <= set(options_of(cls)), cls


def test_defaults_of_a_family_exist():
    for family in SUITE.values():
        assert family.default in family.benchmarks and family.seeds and family.episodes > 0
        for cut in family.cuts:
            make_cut(cut)


def test_every_family_has_a_script_that_names_it():
    scripts = {path.stem.removeprefix("train_"): path for path in SCRIPTS.glob("train_*.py")}
    assert set(scripts) == set(SUITE)
    for family, path in scripts.items():
        assert f'train_suite("{family}", __doc__)' in path.read_text()


def words_of(text: str) -> list[list[str]]:
    """The commands of a help text, without the interpreter and the script."""
    return [line.split()[2:] for line in text.splitlines() if line.startswith("  python ")]


@pytest.mark.parametrize("family", SUITE)
def test_help_needs_no_torch_and_its_examples_are_commands(family):
    path = SCRIPTS / f"train_{family}.py"
    code = "import runpy, sys; sys.argv = [sys.argv[1], '--help']\ntry:\n  "
    code += "runpy.run_path(sys.argv[0], run_name='__main__')\nexcept SystemExit: "
    code += "print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True)
    assert done.stdout.rstrip().endswith("False"), done.stderr
    examples = words_of(done.stdout)
    assert len(examples) > 2
    for words in examples:
        train_suite(family, "help", [*words, "--list"])


def refused(*words: str) -> None:
    with pytest.raises(SystemExit):
        train_suite("mpe", "help", words)


def test_what_does_not_exist_is_refused_before_training(capsys):
    for words, message in [
        (["--method", "nobody"], "has no setting of 'nobody'; it has vpp-paper"),
        (["--task", "nowhere"], "no task is called 'nowhere'; there are navigation"),
        (["--task", "navgation"], "did you mean 'navigation'"),
        (["--preset", "jungle/dgn"], "no task is called 'jungle'"),
        (["--preset", "navigation/dgn", "--method", "dgn"], "takes no --task or --method"),
        (["--preset", "navigation/dgn", "grid/vpp"], "allowed are those of one task"),
        (["--cuts", "nothing=1"], "no cut is called 'nothing'"),
        (["--method", "iql", "--evaluate-env", "agents=3"], "no option 'agents'"),
    ]:
        refused(*words)
        assert message in capsys.readouterr().err


def test_settings_are_listed_and_nothing_is_trained(capsys):
    train_suite("mpe", "help", ["--list", "--preset", "navigation/vpp", "navigation/ippo"])
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("navigation/vpp-exact-quiet: vpp:") and "on knn:k=4" in first
    assert second.startswith("navigation/ippo: ippo:") and second.endswith("on none")
    train_suite("mpe", "help", ["--list"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + len(SUITE["mpe"].benchmarks) and lines[1].split()[0] == "navigation"


@pytest.mark.filterwarnings("ignore:all results are of 1 seed")
def test_a_script_trains_what_is_named_with_the_options_that_change_it(tmp_path, capsys):
    words = ["--task", "sensor", "--method", "vdn:rollout_length=5,batch_size=8", "--steps", "600"]
    words += ["--env", "num_envs=4", "--graph", "complete", "--seeds", "3", "--episodes", "4"]
    train_suite(
        "didactic",
        "help",
        [*words, "--runs", str(tmp_path), "--cuts", "rank=50", "--evaluate-env", "num_envs=2"],
    )
    name = "vdn-rollout_length=5,batch_size=8-complete-num_envs=4-seed3"
    run = Run(tmp_path / "sensor" / name)
    found = run.config()
    assert (found["method"]["rollout_length"], found["method"]["batch_size"]) == (5, 8)
    assert (found["env"]["num_envs"], found["graph"]["name"]) == (4, "complete")
    assert (found["steps"], found["seed"]) == (600, 3)
    assert [row["cut"] for row in read_rows(run.path / "cuts.csv")] == ["none"]
    (elsewhere,) = read_rows(run.path / "transfer.csv")
    assert (elsewhere["changed"], elsewhere["episodes"]) == ("num_envs", "4")
    assert (tmp_path / "sensor" / "report.html").exists()
    assert "greedy" in capsys.readouterr().out
    collect_didactic(tmp_path, "abc", tmp_path)
    (row,) = read_rows(tmp_path / "measured_didactic.csv")
    assert (row["task"], row["row"]) == ("sensor", name.removesuffix("-seed3"))
    assert row["env_steps"] == "600"


def test_a_tuned_setting_has_the_other_options_of_its_own():
    settings = {"a": Setting("vpp:alpha=1,size=3", "team", "links"), "b": Setting("vpp")}
    assert tuned(settings, {"a": "alpha=0.5,rounds=3", "b": "size=8"}) == {
        "a-tuned": Setting("vpp:alpha=0.5,size=3,rounds=3", "team", "links"),
        "b-tuned": Setting("vpp:size=8"),
    }
