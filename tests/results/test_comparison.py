"""Algorithms in several environments, against numbers written out."""

import numpy as np
import pytest
from left_runs import leave

from graphmarl.results.cells import read_results
from graphmarl.results.comparison import Comparison

VALUES = {"one": {"a": (0.0, 5.0), "b": (10.0, 10.0)}, "two": {"a": (-4.0, -4.0), "b": (0.0, -2.0)}}


@pytest.fixture
def suite(tmp_path):
    for task, rows in VALUES.items():
        for name, values in rows.items():
            for seed, value in enumerate(values):
                leave(tmp_path / task, f"{name}-seed{seed}", value)
    return tmp_path


def test_scores_are_normalised_by_what_the_runs_of_an_environment_reach(suite):
    found = Comparison(read_results(suite))
    # From 0 to 10 in one, from -4 to 0 in two.
    assert found.scores["a"].tolist() == [[0, 0], [0.5, 0]]
    assert found.scores["b"].tolist() == [[1, 1], [1, 0.5]]
    assert found.best == "b" and found.left_out == []


def test_a_range_counts_instead_and_nothing_is_clipped(suite):
    found = Comparison(read_results(suite), score_range={"one": [5, 7]})
    assert found.scores["a"].tolist() == [[-2.5, 0], [0, 0]]
    assert found.scores["b"].tolist() == [[2.5, 1], [2.5, 0.5]]
    with pytest.raises(ValueError, match="score_range has 'three'; the environments are one, two"):
        Comparison(read_results(suite), score_range={"three": [0, 1]})
    with pytest.raises(
        ValueError, match=r"score_range of one is \[1, 1\]; allowed are two numbers"
    ):
        Comparison(read_results(suite), score_range={"one": [1, 1]})


def test_less_may_be_better(suite):
    found = Comparison(read_results(suite), lower_is_better=True)
    assert found.scores["a"].tolist() == [[1, 1], [0.5, 1]] and found.best == "a"
    alone = Comparison(read_results(suite / "one"), lower_is_better=True)
    assert alone.scores["b"].tolist() == [[-10], [-10]] and alone.best == "a"


def test_one_environment_keeps_its_numbers(suite):
    assert Comparison(read_results(suite / "one")).scores["a"].tolist() == [[0], [5]]


def test_what_is_not_in_all_environments_is_left_out_and_said(suite):
    leave(suite / "one", "c-seed0", 3.0)
    leave(suite / "one", "a-seed7", 9.0)
    found = Comparison(read_results(suite))
    assert list(found.scores) == ["a", "b"] and found.scores["a"].shape == (2, 2)
    assert found.left_out == [
        "not in every environment are c",
        "1 results of a have no counterpart in every environment",
    ]


def test_curves_of_all_environments_are_on_common_steps(suite):
    (suite / "two" / "a-seed0" / "metrics.csv").write_text("env_steps,return\n250,0.0\n300,-8.0\n")
    steps, scores = Comparison(read_results(suite)).joint_curves(points=3)
    assert steps.tolist() == [250, 275, 300]
    # In one: 2 and 3 of 0 to 10; in two: 0 to -8 of -4 to 0.
    assert scores["a"].shape == (2, 2, 3)
    assert scores["a"][0, 0] == pytest.approx([0.2, 0.25, 0.3])
    assert scores["a"][0, 1] == pytest.approx([1, 0, -1])
    for path in suite.glob("two/*/metrics.csv"):
        path.write_text("env_steps,return\n400,0.0\n500,0.0\n")
    steps, scores = Comparison(read_results(suite)).joint_curves()
    assert len(steps) == 0 and scores == {}


def test_where_all_reach_the_same_all_are_the_best(tmp_path):
    for task, value in (("one", 2.0), ("two", 3.0)):
        leave(tmp_path / task, "a-seed0", value)
    assert np.array_equal(Comparison(read_results(tmp_path)).scores["a"], [[1.0, 1.0]])
