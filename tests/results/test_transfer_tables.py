"""Matrices and curves of runs in other settings than those of training."""

import math

import numpy as np
import pytest
from left_runs import leave

from graphmarl.results.transfer import (
    ordered,
    read_transfer,
    trained_value,
    transfer_matrix,
    transfer_texts,
    transfer_values,
)
from graphmarl.results.transfer_plots import draw_transfer_curve, draw_transfer_matrix

SMALL, LARGE = "dgn-env.num_agents=3", "dgn-env.num_agents=10"


def leave_transfer(folder, name, own, values, trained, note="", **more):
    """A run that was evaluated with so many agents, and at its own setting."""
    path = leave(folder, name, own, env={"num_agents": trained}, **more)
    lines = ["changed,value,env_steps,episodes,return,half_width,note"]
    lines += [f"num_agents,{size},300,8,{value},1,{note}" for size, value in values.items()]
    (path / "transfer.csv").write_text("\n".join(lines) + "\n")


@pytest.fixture
def folder(tmp_path):
    leave_transfer(tmp_path, f"{SMALL}-seed0", 1.0, {10: 4.0, 100: 7.0}, 3)
    leave_transfer(tmp_path, f"{SMALL}-seed1", 3.0, {10: 6.0, 100: 8.0}, 3)
    leave_transfer(tmp_path, f"{LARGE}-seed0", 9.0, {3: 2.0, 100: 5.0}, 10)
    return tmp_path


def test_rows_are_trained_columns_evaluated_and_entries_means_over_seeds(folder):
    found = transfer_matrix(read_transfer(folder), "num_agents")
    assert list(found.index) == ["3", "10"] and list(found.columns) == ["3", "10", "100"]
    # (1 + 3) / 2, (4 + 6) / 2, (7 + 8) / 2; the own settings are those of evaluation.csv.
    assert found.loc["3"].tolist() == [2.0, 5.0, 7.5]
    assert found.loc["10"].tolist() == [2.0, 9.0, 5.0]
    values = transfer_values(read_transfer(folder), "num_agents", "return")
    assert values["3"].loc[1].tolist() == [3.0, 6.0, 8.0]


def test_texts_have_intervals_over_seeds_or_notes(folder):
    leave_transfer(folder, "qmix-seed0", 1.0, {100: ""}, 3, note="takes no other number of agents")
    found = transfer_texts(read_transfer(folder), "num_agents").set_index("trained")
    assert found.loc["dgn, 3", "10"].startswith("5.00 [4.00, 6.00")
    assert found.loc["dgn, 10", "3"] == "2.00 (one seed)"
    assert found.loc["qmix, 3", "100"] == "takes no other number of agents"
    matrix = transfer_matrix(read_transfer(folder), "num_agents")
    assert math.isnan(matrix.loc["qmix, 3", "100"]) and matrix.loc["qmix, 3", "3"] == 1.0


def test_what_was_evaluated_at_its_own_setting_is_not_added_again(tmp_path):
    leave_transfer(tmp_path, "dgn-seed0", 1.0, {3: 5.0, 10: 6.0}, 3)
    found = read_transfer(tmp_path)
    assert found["value"].tolist() == ["3", "10"] and found["return"].tolist() == [5.0, 6.0]


def test_a_folder_without_transfer_is_empty_and_says_so(tmp_path):
    leave(tmp_path, "dgn-seed0", 1.0)
    found = read_transfer(tmp_path)
    assert not len(found)
    with pytest.raises(ValueError, match="evaluated were none"):
        transfer_matrix(found, "num_agents")


def test_errors_name_what_there_is(folder):
    found = read_transfer(folder)
    with pytest.raises(ValueError, match="changed is 'size'; evaluated were num_agents"):
        transfer_matrix(found, "size")
    with pytest.raises(ValueError, match="metric is 'wins'; there are cell"):
        transfer_matrix(found, "num_agents", "wins")


def test_values_in_training_are_as_they_are_typed():
    config = {"env": {"map": "normal", "size": 24, "walls": True}, "graph": {"name": "none"}}
    assert trained_value(config, "map,size") == "normal,24"
    assert trained_value(config, "walls") == "true"
    assert trained_value(config, "graph") == "none"
    graph = {"name": "knn", "k": 3, "refresh": 5, "r": None}
    assert trained_value({**config, "graph": graph}, "graph") == "knn:k=3,refresh=5"
    assert ordered(["100", "3", "20", "3"]) == ["3", "20", "100"]
    assert ordered(["knn", "complete"]) == ["knn", "complete"]


def test_figures_show_the_numbers(folder):
    found = read_transfer(folder)
    axes = draw_transfer_matrix(found, "num_agents")
    assert [text.get_text() for text in axes.texts] == ["2", "5", "7.5", "2", "9", "5"]
    assert [t.get_text() for t in axes.get_yticklabels()] == ["3", "10"]
    curve = draw_transfer_curve(found, "num_agents")
    assert curve is not None and len(curve.lines) == 2
    assert np.asarray(curve.lines[0].get_xdata()).tolist() == [3.0, 10.0, 100.0]
    # With two seeds the interquartile mean is the mean.
    assert np.asarray(curve.lines[0].get_ydata()).tolist() == [2.0, 5.0, 7.5]


def test_graphs_have_no_curve(tmp_path):
    path = leave(tmp_path, "dgn-seed0", 1.0, graph={"name": "knn", "k": 3})
    lines = "changed,value,env_steps,episodes,return,note\ngraph,complete,300,8,2.0,\n"
    (path / "transfer.csv").write_text(lines)
    found = read_transfer(tmp_path)
    assert draw_transfer_curve(found, "graph") is None
    assert transfer_matrix(found, "graph").loc["knn:k=3"].tolist() == [1.0, 2.0]
