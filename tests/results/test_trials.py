"""Searches before runs: what is kept of their trials, and which one is the best."""

import pytest

from graphmarl.results.collect import TRIALS, collect_trials
from graphmarl.results.tables import read_rows
from graphmarl.results.trials import ranked, rounded, searches, trial_lines

TABLE = """trial,state,travel_time,method.learning_rate,graph.k,error
0,complete,300.5,0.00123456,4,
1,failed,,0.1,,ValueError
2,complete,280.0,0.002,2,
3,complete,280.0,0.003,3,
"""


@pytest.fixture
def folder(tmp_path):
    """A folder with the table of one search for the least travel time."""
    search = tmp_path / "runs" / "roads" / "tune-vpp-exact"
    search.mkdir(parents=True)
    (search / "trials.csv").write_text(TABLE)
    (search / "tune.yaml").write_text("steps: 5000\nmetric: travel_time\nmode: min\n")
    collect_trials(tmp_path / "runs", "abc1234", tmp_path)
    return tmp_path


def test_every_trial_is_kept_with_the_options_that_it_had(folder):
    found = read_rows(folder / TRIALS)
    assert [row["options"] for row in found] == [
        "learning_rate=0.00123456,graph.k=4",
        "learning_rate=0.1",
        "learning_rate=0.002,graph.k=2",
        "learning_rate=0.003,graph.k=3",
    ]
    assert {(row["task"], row["row"], row["env_steps"]) for row in found} == {
        ("roads", "vpp-exact-tuned", "5000")
    }
    assert [row["state"] for row in found] == ["complete", "failed", "complete", "complete"]


def test_a_search_that_is_collected_again_replaces_itself(folder):
    path = folder / "runs" / "roads" / "tune-vpp-exact" / "trials.csv"
    path.write_text(path.read_text() + "4,complete,270.0,0.004,4,\n")
    collect_trials(folder / "runs", "abc1234", folder)
    ((_, trials),) = searches(folder).items()
    assert [each["trial"] for each in trials] == ["0", "1", "2", "3", "4"]


def test_the_first_of_the_best_trials_is_the_best(folder):
    trials = searches(folder)["roads", "vpp-exact-tuned"]
    assert [each["trial"] for each in ranked(trials)] == ["2", "3", "0"]
    more = [{**each, "mode": "max"} for each in trials]
    assert [each["trial"] for each in ranked(more)] == ["0", "2", "3"]


def test_the_page_has_a_line_for_each_search(folder, tmp_path_factory):
    assert trial_lines(folder)[2:] == [
        "| roads | vpp-exact-tuned | 4 | 5,000 | 280.00 | 280.00 | 300.50 "
        "| learning_rate=0.002, graph.k=2 |"
    ]
    assert trial_lines(tmp_path_factory.mktemp("empty")) == []
    path = folder / "runs" / "roads" / "tune-vpp-exact" / "trials.csv"
    path.write_text(path.read_text().replace("complete", "failed"))
    collect_trials(folder / "runs", "abc1234", folder)
    assert trial_lines(folder) == []


def test_words_stay_and_numbers_have_three_digits():
    assert rounded("learning_rate=0.00123456,mixer=qmix") == "learning_rate=0.00123, mixer=qmix"
