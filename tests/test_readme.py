"""What the README shows works as it is shown."""

import importlib
import re
import sys
from pathlib import Path

import pytest
import torch
from torch_geometric.data import Data

from graphmarl.agent_graph import agent_graph
from graphmarl.cli import COMMANDS, main
from graphmarl.cli.listing import markdown_methods
from graphmarl.envs import ENVS, check_env
from graphmarl.graphs import GRAPHS, make_graph
from graphmarl.learners import QLearning
from graphmarl.nn import QNetwork
from graphmarl.results.run import Run

README = (Path(__file__).parent.parent / "README.md").read_text()


@pytest.fixture
def my_module(tmp_path, monkeypatch):
    """The classes of the section "Your own" as a module."""
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    (tmp_path / "my_module.py").write_text("\n".join(b for b in blocks if "class " in b))
    monkeypatch.syspath_prepend(str(tmp_path))
    sys.modules.pop("my_module", None)
    yield importlib.import_module("my_module")
    sys.modules.pop("my_module", None)


def test_it_is_short_and_starts_with_the_two_commands():
    lines = README.splitlines()
    assert len(lines) < 230
    first = "\n".join(lines[:20])
    assert "scripts/quickstart.sh" in first and "scripts/test.sh" in first


def test_its_tables_of_graphs_and_environments_are_those_of_the_library():
    assert re.findall(r"^\| \*\*(\w+)\*\* \|", README, re.MULTILINE) == [*GRAPHS, *ENVS]


def test_ones_own_environment_keeps_the_contract(my_module):
    check_env(my_module.Meet(), make=lambda copies: my_module.Meet(num_envs=copies))


def test_ones_own_builder_joins_the_living_of_each_graph(my_module):
    alive = torch.tensor([True, True, False, True, True, True, True])
    data = Data(alive=alive, batch=torch.tensor([0, 0, 0, 0, 1, 1, 2]), num_nodes=7)
    found = my_module.Ring()(data).edge_index.T.tolist()
    assert found == [[3, 0], [0, 1], [1, 3], [5, 4], [4, 5]]


def test_ones_own_method_and_environment_train_from_the_command_line(my_module, tmp_path):
    words = ["train", "--method", "my_module:SagePPO", "--method.hidden", "8"]
    words += ["--method.rollout_length", "5", "--graph", "my_module:Ring"]
    words += ["--env", "my_module:Meet", "--env.num_agents", "3", "--steps", "40"]
    assert main([*words, "--progress", "false", "--runs", str(tmp_path), "--name", "own"]) == 0
    assert Run(tmp_path / "own").config()["graph"] == {"name": "my_module:Ring"}


def test_ones_own_communication_is_for_q_learning_as_well(my_module):
    spec = my_module.Meet().spec
    network = QNetwork(spec.obs_size, 3, communication=my_module.Sage(spec.obs_size))
    learner = QLearning(network)
    graph = agent_graph(my_module.Meet(num_envs=2).reset(0), spec)
    alone, together = (
        learner.act(make_graph(name)(graph), torch.zeros(10, 0), True)[0].shape
        for name in ("none", "complete")
    )
    assert alone == together == (10,)
    with torch.no_grad():
        q = [network(make_graph(n)(graph), torch.zeros(10, 0))[0].q for n in ("none", "complete")]
    assert not torch.equal(q[0], q[1])


def test_the_table_of_methods_is_the_one_that_is_made_from_the_classes():
    assert markdown_methods() in README


def test_every_command_of_the_readme_is_one_of_ours():
    named = re.findall(r"(?:^|`)graphmarl (\w+)", README, re.MULTILINE)
    assert named and set(named) <= set(COMMANDS)
