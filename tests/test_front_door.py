"""What a user types first: the package, its lazy attributes and the command line."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import graphmarl as gm
from graphmarl.cli import COMMANDS, USAGE, main
from graphmarl.cli.commands import info
from graphmarl.resolver import hint


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_importing_the_package_is_quick_and_imports_no_torch():
    code = "import sys, time; t = time.perf_counter(); import graphmarl; "
    seconds, has_torch = python(
        code + "print(time.perf_counter() - t, 'torch' in sys.modules)"
    ).split()
    assert float(seconds) < 0.2 and has_torch == "False"


def test_every_name_of_the_package_is_there_and_others_are_not():
    for name in gm.__all__:
        assert getattr(gm, name) is not None and name in dir(gm)
    assert gm.METHODS["ippo"].__name__ == "IPPO"
    assert re.fullmatch(r"\d+\.\d+\.\d+", gm.__version__)
    with pytest.raises(AttributeError, match="has no attribute 'trian'"):
        gm.trian  # noqa: B018


def test_base_classes_are_where_a_user_looks_for_them():
    from graphmarl.envs import Environment
    from graphmarl.graphs import GraphBuilder
    from graphmarl.methods import Method
    from graphmarl.nn import AgentNetwork

    assert issubclass(gm.ENVS["sensor"], Environment)
    assert issubclass(gm.GRAPHS["knn"], GraphBuilder)
    assert issubclass(gm.METHODS["dgn"], Method)
    assert issubclass(AgentNetwork, torch.nn.Module)


def test_help_and_version_need_no_torch():
    for word in ("--help", "--version"):
        code = f"import sys; from graphmarl.cli import main; main(['{word}']); "
        assert python(code + "print('torch' in sys.modules)").endswith("False")


def test_the_module_is_the_command():
    done = subprocess.run(
        [sys.executable, "-m", "graphmarl", "--version"], capture_output=True, text=True
    )
    assert done.stdout.strip() == f"graphmarl {gm.__version__}"


def test_the_usage_lists_every_command():
    assert re.findall(r"^  (\w+) +\w", USAGE, re.MULTILINE)[: len(COMMANDS)] == list(COMMANDS)


def test_info_lists_versions_devices_and_threads():
    found = dict(re.split(r" +", line, maxsplit=1) for line in info().splitlines())
    assert torch.__version__.startswith(found["torch"].partition("+")[0])
    assert found["devices"].startswith("cpu")
    assert int(found["threads"]) == torch.get_num_threads() and int(found["cores"]) >= 1


@pytest.mark.parametrize(
    ("name", "allowed", "wanted"),
    [
        ("lr", ["gamma", "learning_rate", "layers"], "learning_rate"),
        ("hiden", ["gamma", "hidden"], "hidden"),
        ("batch", ["batch_size", "gamma"], "batch_size"),
        ("steps", ["gamma", "gradient_steps"], "gradient_steps"),
        ("xyz", ["gamma", "hidden"], None),
    ],
)
def test_an_unknown_option_names_the_nearest_one(name, allowed, wanted):
    assert hint(name, allowed) == (f"; did you mean {wanted!r}?" if wanted else "")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["trian"], "did you mean 'train'"),
        (
            ["train", "--method", "ippo", "--method.lr", "1"],
            "did you mean '--method.learning_rate'",
        ),
        (["train", "--step", "1"], "did you mean '--steps'"),
        (["evaluate", "runs/a", "--graph.k", "3"], "write --graph NAME:k=..."),
        (["evaluate", "runs/a", "--env.size", "3"], "write --env '{size: ...}'"),
        (
            ["train", "--method", "ippo", "--env", "size=48"],
            "names no environment; write NAME:size=48",
        ),
        (["train", "--method", "ippo", "--env", "toy:Tensor"], "does not derive from graphmarl"),
        (["train", "--method", "ippo", "--env", "toy:Tensor"], "played by `pettingzoo`"),
        (["train", "--method", "toy:Toy", "--env", "sensor"], "does not derive from graphmarl"),
        (["train", "--method", "ippo", "--env", "sensor", "--steps", "1.5"], "steps"),
        (
            ["train", "--method", "iql", "--env", "sensor", "--device", "tpu"],
            "device is 'tpu'; allowed are cpu",
        ),
    ],
)
def test_a_mistake_is_one_line_that_says_what_is_allowed(words, message, tmp_path, capsys):
    assert main([*words, *(["--runs", str(tmp_path)] if words[0] == "train" else [])]) == 2
    error = capsys.readouterr().err
    assert message in error and "Traceback" not in error
    assert not any(tmp_path.iterdir())


def test_a_run_is_loaded_and_describes_itself(tmp_path):
    options = {"name": "mine", "runs": str(tmp_path), "progress": False}
    made = gm.train({"name": "iql", "rollout_length": 5}, "toy:Toy", steps=60, seed=2, **options)
    run = gm.load(tmp_path / "mine", trust=True)
    assert run.path == made.path
    rows = run.metrics()
    done, last = int(rows[-1]["env_steps"]), rows[-1]["return"]
    for word in ("iql", "toy:Toy", "none", "seed 2", f"{done:,} of 60", f"{last:.2f}"):
        assert word in repr(run)
    page = run._repr_html_()
    assert "<svg" in page and "<td>iql</td>" in page and f"<td>{last:.2f}</td>" in page
    assert gm.evaluate(run, episodes=3).returns == gm.evaluate(made, episodes=3).returns
    with pytest.raises(FileNotFoundError, match="holds no run"):
        gm.load(Path(tmp_path) / "other")


@pytest.mark.filterwarnings("ignore:all results are of 1 seed")
def test_an_ablation_is_a_function_too(tmp_path):
    rows = gm.ablate(
        "grid",
        ["iql:rollout_length=5"],
        "toy:Toy",
        graphs=["none"],
        vary=["method.gamma=0.5,0.9"],
        seeds=1,
        steps=30,
        episodes=2,
        runs=str(tmp_path),
        progress=False,
    )
    assert rows["method.gamma"].tolist() == ["0.5", "0.9"]
    assert (tmp_path / "grid" / "table.csv").exists()
