"""Presets: what they name, how they are changed, and that they can be trained everywhere."""

import re
import shlex

import pytest

import graphmarl as gm
from graphmarl.cli import main
from graphmarl.experiment.config import Config
from graphmarl.experiment.preset_texts import preset_text, preset_words
from graphmarl.experiment.presets import benchmarks, find_preset, preset_steps, with_preset
from graphmarl.experiment.suite import SUITE
from graphmarl.experiment.sweep import grid
from graphmarl.methods import METHODS
from graphmarl.resolver import split_name
from graphmarl.results.run import Run

SHORT = ["--method.batch_size", "4", "--method.rollout_length", "5", "--steps", "60"]


def test_names_of_tasks_are_different_and_have_no_slash():
    assert len(benchmarks()) == sum(len(family.benchmarks) for family in SUITE.values())
    assert not any("/" in name for name in benchmarks())


def test_a_row_is_found_by_its_name_and_by_its_method():
    named = find_preset("navigation/vpp-exact-quiet")
    assert find_preset("navigation/vpp") == find_preset("navigation", "vpp") == named
    assert named.env == "navigation:num_envs=32,reward=difference" and named.steps == 100_000
    assert find_preset("navigation/dgn", "dgn") == find_preset("navigation", "dgn")
    # The only row of its method.
    assert find_preset("hallway-4x4/ndq").method == "ndq:bits=3,gamma=0.9,beta=0.02"


def test_a_row_that_is_called_like_a_method_is_of_that_method_and_so_is_the_preferred_one():
    for task, benchmark in benchmarks().items():
        rows = {name: split_name(s.method, "method")[0] for name, s in benchmark.settings.items()}
        for name in {*rows, *benchmark.preferred} & set(METHODS):
            assert rows[benchmark.preferred.get(name, name)] == name, (task, name)
        assert not set(rows) & set(benchmark.preferred), task


@pytest.mark.parametrize(
    ("preset", "method", "message"),
    [
        ("navgation", None, "no preset is called 'navgation'; did you mean navigation"),
        ("gather", None, "did you mean gather-normal-24 or gather-normal-48"),
        ("zzz", None, "`graphmarl presets` lists all"),
        (
            "navigation",
            None,
            "several settings; write navigation/NAME, or name a method: vpp-",
        ),
        ("navigation/dgm", None, "no setting of 'dgm'; did you mean dgn"),
        ("navigation", "tarmac", "no setting of 'tarmac'; it has vpp-paper"),
        ("violated-locality", "vpp", "several settings of vpp; name one of violated-locality/roun"),
        ("navigation/dgn", "vpp", "is of the method dgn, not vpp; `--preset navigation --meth"),
    ],
)
def test_an_error_names_what_there_is(preset, method, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        find_preset(preset, method)


def test_what_is_given_changes_the_options_of_a_preset_and_keeps_the_others():
    found = with_preset("navigation/vpp", {"name": "vpp", "alpha": 0.5}, "navigation:num_envs=2")
    method, env = found["method"], found["env"]
    assert method["alpha"] == 0.5 and method["gradient"] == "exact"
    assert env == {"name": "navigation", "num_envs": "2", "reward": "difference"}
    assert found["graph"] is None and found["steps"] == 100_000
    assert with_preset("navigation/vpp", steps=7)["steps"] == 7
    knn = with_preset("navigation-30-graphs/knn-8", graph="knn:k=2")["graph"]
    assert knn == {"name": "knn", "k": "2", "refresh": "5"}
    assert with_preset("navigation-30-graphs/knn-8", graph="complete")["graph"] == "complete"
    with pytest.raises(ValueError, match="of the environment navigation, not push"):
        with_preset("navigation/vpp", env="push")


def test_without_a_preset_there_are_the_defaults():
    plain = {"method": "nvif_ppo", "env": "gather", "graph": None, "steps": 80_000}
    assert with_preset(None) == plain and preset_steps(None) == 80_000
    assert with_preset(None, "iql", steps=3) == plain | {"method": "iql", "steps": 3}


def test_the_printed_command_is_the_preset(capsys):
    assert main(["presets", "sensor/ndq"]) == 0
    assert shlex.split(capsys.readouterr().out) == ["graphmarl", *preset_words("sensor/ndq")]
    for name in ("navigation/vpp", "hallway-4x4/ndq", "gather-normal-24/dgn", "3m/qmix"):
        words, parts = preset_words(name), {}
        for option, value in zip(words[1::2], words[2::2], strict=True):
            part, _, key = option.removeprefix("--").partition(".")
            parts.setdefault(part, []).append(f"{key}={value}" if key else value)
        texts = {k: f"{v[0]}:{','.join(v[1:])}".rstrip(":") for k, v in parts.items()}
        steps = int(texts.pop("steps"))
        one = Config({**texts, "steps": steps, "seed": 0}).config
        assert one == Config({**with_preset(name), "seed": 0}).config, name


def test_the_lists_have_every_task_and_every_row():
    lines = preset_text().splitlines()
    assert [line.split()[0] for line in lines[1:-1]] == list(benchmarks())
    lines = preset_text("navigation").splitlines()
    rows = benchmarks()["navigation"].settings
    assert [line.split()[0] for line in lines[1:]] == [f"navigation/{row}" for row in rows]
    assert all("100,000" in line for line in lines[1:])
    with pytest.raises(ValueError, match="no preset is called 'nothing'"):
        preset_text("nothing")


@pytest.mark.parametrize(
    "words", [["--preset", "sensor/vdn"], ["--preset", "sensor", "--method", "vdn"]]
)
def test_the_command_line_trains_a_preset_with_changes(words, tmp_path):
    words = ["train", *words, *SHORT, "--env.num_envs", "3", "--graph", "complete"]
    assert main([*words, "--runs", str(tmp_path), "--name", "run", "--progress", "no"]) == 0
    found = Run(tmp_path / "run").config()
    assert found["method"]["name"] == "vdn" and found["method"]["batch_size"] == 4
    assert found["env"]["name"] == "sensor" and found["env"]["num_envs"] == 3
    assert found["graph"]["name"] == "complete" and found["steps"] == 60


def test_train_takes_a_preset_and_equals_its_command(tmp_path):
    method = {"name": "vdn", "batch_size": 4, "rollout_length": 5}
    options = {"steps": 60, "runs": str(tmp_path), "progress": False}
    run = gm.train(method, env="sensor:num_envs=3", preset="sensor", name="one", **options)
    again = gm.train(method, "sensor:num_envs=3", name="two", **options)
    assert run.config() == again.config() and run.metrics() == again.metrics()


def test_a_preset_stands_alone(capsys, tmp_path):
    for words, message in [
        (["--resume", "runs/x", "--preset", "sensor/vdn"], "it takes no --preset"),
        (["--config", "x.yaml", "--preset", "sensor/vdn"], "both name what is trained"),
        (["--preset", "sensor/vdn", "--env", "search"], "is of the environment sensor, not search"),
    ]:
        assert main(["train", *words, "--runs", str(tmp_path)]) == 2
        assert message in capsys.readouterr().err


def test_cells_of_a_grid_have_the_settings_of_the_preset():
    cells = grid(["dgn", "vpp", "vpp-quiet-team"], None, ["knn:k=3", "none"], preset="navigation")
    names = [cell.name for cell in cells]
    assert names[:3] == ["dgn-knn_k=3", "dgn-none", "vpp-knn_k=3"]
    assert names[4] == "vpp-quiet-team-knn_k=3"
    found = cells[0].config(steps=preset_steps("navigation")).config
    assert found["method"]["gamma"] == 0.95 and found["env"]["reward"] == "difference"
    assert cells[4].config().config["env"]["reward"] == "team"
    own = grid(["vpp"], None, preset="navigation", vary=["method.alpha=0.1,0.2"])
    assert [cell.name for cell in own] == [
        f"vpp-knn_k=4_refresh=5-method.alpha={alpha}" for alpha in (0.1, 0.2)
    ]
    with pytest.raises(ValueError, match="option alpha is given twice"):
        grid(["vpp:alpha=1"], None, preset="navigation", vary=["method.alpha=0.1,0.2"])
    with pytest.raises(ValueError, match="needs an environment, or a preset"):
        grid(["dgn"], None)


def test_an_ablation_of_an_unknown_preset_names_the_nearest(tmp_path, capsys):
    words = ["ablate", "--name", "a", "--preset", "navigatoin", "--method", "dgn"]
    assert main([*words, "--runs", str(tmp_path)]) == 2
    assert "no preset is called 'navigatoin'; did you mean navigation" in capsys.readouterr().err
    with pytest.raises(ValueError, match="no preset is called"):
        gm.ablate("a", ["dgn"], preset="navigatoin", runs=str(tmp_path))
