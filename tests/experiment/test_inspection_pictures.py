"""Inspections draw themselves, replay others in the same states, and have a page."""

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from inspected import inspected, trained
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from toy import Toy

import graphmarl as gm
from graphmarl.cli import main
from graphmarl.experiment.inspection.coverage import coverage


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return trained(str(tmp_path_factory.mktemp("runs")), checkpoint_every=20)


def test_a_replay_of_the_same_policy_is_the_recording(run):
    found = gm.inspect(run, 3)
    again = found.replay()
    for one, two in (
        (found.edges(messages=True), again.edges(messages=True)),
        (found.agents(), again.agents()),
        (found.steps(), again.steps()),
        (found.importance(), again.importance()),
    ):
        pd.testing.assert_frame_equal(one, two, check_exact=True)
    assert found.same_states(again)


def test_a_replay_with_memory_is_the_recording(tmp_path):
    options: dict[str, Any] = {"runs": str(tmp_path), "progress": False, "name": "n"}
    run = gm.train({"name": "neurcomm", "hidden": 16}, "toy:Toy", "knn:k=1", steps=1, **options)
    found = gm.inspect(run, 3)
    pd.testing.assert_frame_equal(found.agents(), found.replay().agents(), check_exact=True)


def test_a_replay_on_another_graph_is_of_the_same_states_and_actions(run):
    found = gm.inspect(run, 2)
    other = found.replay(graph="knn:k=1")
    one, two = found.agents(), other.agents()
    same = ["episode", "time", "agent", "alive", "x", "y", "action", "reward"]
    pd.testing.assert_frame_equal(one[same], two[same])
    assert not np.allclose(one["q_0"], two["q_0"])
    assert other.steps()["degree"].max() == 1 and other.title == "a, knn:k=1"
    assert isinstance(found.difference(other), Figure)
    first = found.replay(checkpoint=run.saved()[0], title="first")
    before: Any = first.recorded[1].graph
    assert before.last_action.tolist() == found.recorded[0].action.flatten().tolist()
    output: Any = first.recorded[0].output
    own = output.q.masked_fill(~first.recorded[0].graph.available, -9).argmax(-1)  # type: ignore[union-attr]
    assert own.tolist() != found.recorded[0].action.flatten().tolist(), "it would choose others"
    assert first.title == "first" and not np.allclose(one["q_0"], first.agents()["q_0"])


def test_a_difference_of_different_states_and_a_replay_of_another_game_are_refused(run, tmp_path):
    found = gm.inspect(run, 2)
    with pytest.raises(ValueError, match="different states; make the second one by `replay`"):
        found.difference(gm.inspect(run, 2, seed=5))
    options: dict[str, Any] = {"runs": str(tmp_path), "progress": False, "name": "b"}
    other = gm.train(
        "iql:hidden=16", {"name": "toy:Toy", "num_agents": 4}, None, steps=1, **options
    )
    with pytest.raises(ValueError, match="b is of another environment"):
        found.replay(other)


@pytest.mark.parametrize("name", ["dgn", "mamba_small", "iql", "mfq", "vpp"])
def test_methods_of_every_kind_are_drawn(name):
    found = inspected(name)
    assert isinstance(found.draw(1), Axes) and isinstance(found.draw([0, 2]), Figure)
    assert isinstance(found.draw(1, "importance"), Axes) and isinstance(found.draw(1, None), Axes)
    assert isinstance(found.heat_map(), Axes) and isinstance(found.statistics(), Figure)
    assert "<svg" in found._repr_html_()


def test_an_interactive_graph_has_the_importance_of_edges(run):
    pytest.importorskip("plotly")
    found = gm.inspect(run, 2)
    assert "importance" in found.view().html and '"importance"' not in found.view(False).html


def test_the_command_writes_a_page_that_needs_no_network(run, capsys):
    pytest.importorskip("plotly")
    words = ["inspect", str(run.path), "--episodes", "12", "--format", "csv", "--trust", "yes"]
    assert main([*words, "--deletion_episodes", "2"]) == 2
    assert "give --html as well" in capsys.readouterr().err
    assert main([*words, "--html", "--deletion_episodes", "2"]) == 0
    assert "index.html" in capsys.readouterr().out
    page = (run.path / "inspection" / "index.html").read_text()
    for heading in ("Learning curve", "Agent graph", "Who attends to whom", "Which edges matter"):
        assert f"<h2>{heading}</h2>" in page
    assert re.search("<td[^>]*>R2</td>", page) and re.search("<td[^>]*>importance</td>", page)
    # Beside plotly.js, which names addresses that it never opens.
    own = re.sub(r"<script>.*?</script>", "", page, flags=re.S)
    assert not re.search(r"(src|href)\s*=\s*[\"']?https?:", own)


def test_the_page_says_why_something_is_missing(tmp_path):
    pytest.importorskip("plotly")
    options: dict[str, Any] = {"runs": str(tmp_path), "progress": False, "name": "b"}
    run = gm.train("iql:hidden=16", "toy:Toy", None, steps=1, **options)
    page = gm.inspect(run).page()
    for reason in (
        "The actions depend on no edge",
        "The policy reads no edges.",
        "This method sends no messages along edges.",
    ):
        assert reason in page


def test_gradients_are_not_lost_on_graphs_of_a_recording(run):
    data: Any = gm.inspect(run).to_pyg(0)
    weight = torch.ones(1, requires_grad=True)
    (data.x * weight).sum().backward()
    assert weight.grad is not None


@pytest.mark.parametrize(
    ("name", "attention", "messages", "importance"),
    [
        ("dgn", "2 layers x 8 heads", "bits a step", "of Q"),
        ("commnet", "no: its messages have no attention", "bits a step", "nat"),
        ("iql", "no: sends no messages along edges", "no: sends no messages", "reads no edges"),
    ],
)
def test_a_table_of_methods_has_no_empty_cell(name, attention, messages, importance):
    pytest.importorskip("plotly")
    cells = coverage(inspected(name, env=Toy(num_envs=12)))
    assert all(cells.values()) and attention == cells["attention"]
    assert messages in cells["messages"] and importance in cells["importance"]
    assert cells["probe"].startswith("no:" if name == "iql" else "message: ")
