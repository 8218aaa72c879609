"""Tables and pictures of ablations against numbers written out."""

import numpy as np
import pandas as pd
import pytest
from left_runs import leave

from graphmarl.results.cells import differing, read_results, twins
from graphmarl.results.comparison import Comparison
from graphmarl.results.comparison_plots import draw_results, style_of
from graphmarl.results.curves import curve_of, curve_source
from graphmarl.results.tables import presented, printed, table


@pytest.fixture
def folder(tmp_path):
    options = {"layers": 1, "gamma": 0.9}
    for seed, value in enumerate((1.0, 2.0, 3.0)):
        leave(tmp_path, f"a-seed{seed}", value, {"name": "knn", "k": 3}, options)
    leave(tmp_path, "b-seed0", 7.0, {"name": "knn", "k": 8}, options)
    leave(tmp_path, "b-seed1", None, {"name": "knn", "k": 8}, options)
    leave(tmp_path, "c-seed10", 5.0, {"name": "complete"}, options | {"layers": 2})
    (tmp_path / "d-seed0").mkdir()
    return tmp_path


def test_a_row_has_what_differs_and_the_interval_over_seeds(folder):
    cells = read_results(folder)
    assert differing(cells) == ["method.layers", "graph", "graph.k"]
    rows = table(cells)
    # Three runs of 1, 2, 3: one resample in 27 is all 1, so that 2.5 % are below the mean of 1.
    assert rows.loc[0].to_dict() == {
        "cell": "a",
        "method.layers": "1",
        "graph": "knn",
        "graph.k": "3",
        "seeds": 3,
        "unfinished": 0,
        "env_steps": 300,
        "return": 2.0,
        "low": 1.0,
        "high": 3.0,
        "iqm": 2.0,
        "iqm_low": 1.0,
        "iqm_high": 3.0,
        "steps_per_second": 5.0,
        "minutes": 1.0,
    }
    assert (rows["seeds"][1], rows["unfinished"][1]) == (1, 1) and pd.isna(rows["low"].tolist()[1])
    assert rows["graph.k"][2] == "" and rows["return"][2] == 5
    assert (rows["cell"][3], rows["seeds"][3]) == ("d", 0) and pd.isna(rows["return"].tolist()[3])
    said = printed(rows).splitlines()
    assert "2.00 [1.00, 3.00]" in said[1] and "7.00 (one seed)" in said[2]
    assert table(read_results(folder, "stochastic"))["return"][0] == 11
    assert "unfinished" in presented(rows) and "unfinished" not in presented(rows.head(1))


def test_the_return_of_the_team_is_shown_where_there_is_one(tmp_path):
    leave(tmp_path, "a-seed0", 1.0, more={"team_return": -4.5})
    rows = table(read_results(tmp_path))
    assert rows["team_return"].tolist() == [-4.5] and "return" not in rows
    assert "-4.50 (one seed)" in printed(rows)


def test_another_metric_is_compared_where_it_was_measured(tmp_path):
    leave(tmp_path, "a-seed0", 1.0, more={"queue": 2.5})
    rows = table(read_results(tmp_path, metric="queue"))
    assert rows["queue"].tolist() == [2.5] and "2.50 (one seed)" in printed(rows)
    with pytest.raises(ValueError, match="metric is 'delay'; a has name, policy, return, episodes"):
        read_results(tmp_path, metric="delay")


def test_what_communication_and_transfer_cost_are_means_over_seeds(tmp_path):
    for seed, bits in enumerate((10.0, 20.0)):
        more = {"messages": 6.0, "bits": bits, "bytes": 4.0, "transfer.num_agents=9": seed}
        leave(tmp_path, f"a-seed{seed}", 1.0, more=more)
    leave(tmp_path, "b-seed0", 1.0)
    rows = table(read_results(tmp_path))
    assert rows["bits"][0] == 15 and rows["messages"][0] == 6
    assert rows["transfer.num_agents=9"][0] == 0.5
    assert pd.isna(rows["bits"].tolist()[1]) and "bytes" not in rows


def test_equal_results_on_other_graphs_are_marked(tmp_path):
    for name, graph, value in (("a", "knn", 1.0), ("b", "none", 1.0), ("c", "complete", 2.0)):
        leave(tmp_path, f"{name}-seed0", value, {"name": graph})
    leave(tmp_path, "d-seed0", 1.0, {"name": "none"}, {"layers": 7})
    cells = read_results(tmp_path)
    assert {key.rpartition("/")[2]: cell.name for key, cell in twins(cells).items()} == {"b": "a"}
    assert table(cells)["note"].tolist() == ["", "same results as a", "", ""]
    assert "note" not in table(cells[2:])


def test_several_folders_and_suites_are_environments_of_their_own(tmp_path):
    for task in ("small", "large"):
        # The settings of a suite have rewards of their own: that is not another environment.
        for row, reward in (("vpp", "team"), ("ip", "agent")):
            leave(tmp_path / "suite" / task, f"{row}-seed0", 1.0, env={"reward": reward})
    cells = read_results(tmp_path / "suite")
    assert [(cell.algorithm, cell.environment) for cell in cells] == [
        ("ip", "large"),
        ("vpp", "large"),
        ("ip", "small"),
        ("vpp", "small"),
    ]
    for folder, number in (("one", 3), ("two", 9)):
        leave(tmp_path / folder, "a-seed0", 1.0, env={"num_agents": number})
    cells = read_results([tmp_path / "one", tmp_path / "two"])
    assert [(cell.algorithm, cell.environment) for cell in cells] == [
        ("a", "navigation:num_agents=3"),
        ("a", "navigation:num_agents=9"),
    ]
    assert table(cells)["environment"].tolist() == [cell.environment for cell in cells]


def test_one_algorithm_has_one_name_in_all_environments_of_an_ablation(tmp_path):
    for number in (3, 9):
        for gamma in (0.5, 0.9):
            name = f"a-env.num_agents={number}-method.gamma={gamma}-seed0"
            leave(tmp_path, name, 1.0, None, {"gamma": gamma}, {"num_agents": number})
    found = Comparison(read_results(tmp_path))
    assert found.algorithms == ["a-method.gamma=0.5", "a-method.gamma=0.9"]
    assert found.environments == ["navigation:num_agents=3", "navigation:num_agents=9"]


def test_equal_names_in_two_folders_are_told_apart(tmp_path):
    for folder in ("one", "two"):
        leave(tmp_path / folder, "a-seed0", 1.0)
    found = Comparison(read_results([tmp_path / "one", tmp_path / "two"]))
    assert found.algorithms == ["one/a", "two/a"] and len(found.environments) == 1
    for number in (3, 9):
        path = tmp_path / "three"
        leave(path, f"a-env.num_agents={number}-seed0", 1.0, env={"num_agents": number})
    leave(tmp_path / "four", "a-seed0", 1.0, env={"num_agents": 3})
    found = Comparison(read_results([tmp_path / "three", tmp_path / "four"]))
    assert found.algorithms == ["three/a", "four/a"], "one is in two environments"
    leave(tmp_path / "four", "a-env.num_agents=3-seed0", 1.0, env={"num_agents": 3})
    found = Comparison(read_results(tmp_path / "four"))
    assert found.algorithms == ["a", "a-env.num_agents=3"]
    with pytest.raises(ValueError, match="one of them comes twice"):
        read_results([tmp_path / "one", tmp_path / "two" / ".." / "one"])
    with pytest.raises(FileNotFoundError, match="holds no runs that are called CELL-seedN"):
        read_results([tmp_path / "one", tmp_path / "five"])


def test_curves_are_read_on_steps_that_all_seeds_have(tmp_path):
    for seed, text in enumerate(("100,\n200,1.0\n300,3.0\n", "150,0.0\n250,4.0\n400,7.0\n")):
        path = leave(tmp_path, f"a-seed{seed}", 1.0)
        (path / "metrics.csv").write_text("env_steps,return\n" + text)
    (cell,) = read_results(tmp_path)
    curve = curve_of(cell, "training")
    assert curve is not None and (curve.steps[0], curve.steps[-1]) == (200, 300)
    # The second run at 200 is half way from 0 to 4, and at 300 a third of the way from 4 to 7.
    assert curve.values[:, 0] == pytest.approx([1, 2])
    assert curve.values[:, -1] == pytest.approx([3, 5])
    (tmp_path / "a-seed1" / "metrics.csv").write_text("env_steps,return\n310,1.0\n400,1.0\n")
    assert curve_of(cell, "training") is None, "there are no steps in common"


def test_evaluations_during_training_are_used_where_all_runs_have_them(tmp_path):
    for seed in (0, 1):
        path = leave(tmp_path, f"a-seed{seed}", 1.0, evaluate_greedy=True)
        assert curve_source(read_results(tmp_path)) == "training"
        (path / "evaluations.csv").write_text(f"env_steps,return\n100,{seed}\n200,{seed + 4}\n")
    cells = read_results(tmp_path)
    assert curve_source(cells) == "evaluation"
    assert curve_source(cells, "stochastic") == "training", "they were of the greedy policy"
    curve = curve_of(cells[0], "evaluation")
    assert curve is not None
    assert curve.steps.tolist() == [100, 200] and curve.values.tolist() == [[0, 4], [1, 5]]
    assert curve_source(read_results(tmp_path, metric="episodes")) == "training"


def test_the_picture_has_a_curve_a_band_and_a_final_return_for_each_cell(folder):
    figure = draw_results(Comparison(read_results(folder)))
    left, right = figure.axes
    assert len(left.lines) == 3 and len(left.collections) == 2, "of c there is one seed"
    steps, returns = np.array(left.lines[0].get_data(), dtype=float)
    assert (steps[0], steps[-1], returns[0], returns[-1]) == (200, 300, 1, 3)
    names = [label.get_text() for label in right.get_yticklabels()]
    assert names == ["a", "b (1 unfinished)", "c", "d (1 unfinished)"]
    styles = [(style["color"], style["linestyle"]) for style in map(style_of, range(28))]
    assert len(set(styles)) == 28
