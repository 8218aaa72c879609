"""The tables of the papers: all of them listed, readable, and in agreement with what we make."""

import csv
import re
from collections import Counter
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
import pytest

from graphmarl.envs.magent import maps
from graphmarl.experiment.suite import SUITE
from graphmarl.experiment.suite_communication import COMMUNICATION, best_return
from graphmarl.resolver import split_name
from graphmarl.results.claims_page import missed, missed_causes
from graphmarl.results.collect import COMMUNICATION_TASKS, TUNED
from graphmarl.results.page import results_page
from graphmarl.results.trials import ranked, searches

DATASETS = Path(__file__).parent.parent / "datasets"
TABLES = sorted(path.name for path in DATASETS.glob("*.csv"))
WORDS = {
    "row",
    "reward",
    "method",
    "map",
    "task",
    "environment",
    "measure",
    "grid_distribution_of_cities",
}
WORDS |= {"name", "policy", "metric", "commit", "run", "cut", "table", "change"}
WORDS |= {"claim", "paper", "source", "statement", "family", "tasks", "contrasts", "better"}
WORDS |= {"cause", "evidence", "rows", "state", "mode", "options"}
# Where a paper may print nothing, and what not every task or method has.
OPTIONAL = {"cause", "evidence", "std", "hops", "steps", "win", "messages", "bits", "bytes"}
OPTIONAL |= {"half_width", "value"}


def rows(name):
    with open(DATASETS / name, newline="") as file:
        return list(csv.DictReader(file))


def test_the_readme_lists_every_table_and_no_other():
    listed = re.findall(r"^- `(\w+\.csv)`:", (DATASETS / "README.md").read_text(), re.MULTILINE)
    assert sorted(listed) == TABLES
    assert len(set(listed)) == len(listed)


@pytest.mark.parametrize("name", TABLES)
def test_every_number_is_one_and_no_row_comes_twice(name):
    table = rows(name)
    assert table
    for row in table:
        assert None not in row and None not in row.values(), f"{row} has another length"
        for column, cell in row.items():
            assert cell or column in OPTIONAL, f"{column} of {row}"
            if cell and column not in WORDS:
                assert np.isfinite(float(cell))
    keys = [tuple(v for k, v in row.items() if k not in ("mean", "std")) for row in table]
    assert len(set(keys)) == len(keys)


def test_best_returns_of_the_tasks_are_those_of_the_law():
    table = {
        (row["task"], row["row"]): float(row["best"]) for row in rows("best_communication.csv")
    }
    own = {
        (task, row): best_return(task, row)
        for task, benchmark in COMMUNICATION.items()
        for row in benchmark.settings
        if not row.endswith("-shuffled")
    }
    assert table == own
    alone = {
        (task, best)
        for (task, row), best in own.items()
        if row.endswith("-none") and not task.startswith("relay")
    }
    assert alone == {
        ("sensor-graphs", 12.5),
        ("hallway-graphs", 2.5),
        ("hallway-graphs", 10.0),  # with a memory
        ("grid-fixed-graphs", -1.5),
        ("grid-random-graphs", -3.0),
    }
    relay = {best for (task, row), best in own.items() if "relay" in task and "-none" in row}
    assert relay == {0.5}
    with pytest.raises(ValueError, match="on shuffled edges"):
        best_return("relay-1-hop", "dgn-shuffled")


def test_runs_of_all_tasks_with_known_best_returns_are_collected():
    for task in COMMUNICATION:
        assert sum(fnmatch(task, pattern) for pattern in COMMUNICATION_TASKS) == 1


def test_every_row_that_misses_its_best_return_is_explained_and_no_other():
    assert set(missed_causes(DATASETS)) == set(missed(DATASETS))


def test_tuned_settings_have_the_options_of_the_best_trials():
    settings = {
        (task, row): setting
        for family in SUITE.values()
        for task, benchmark in family.benchmarks.items()
        for row, setting in benchmark.settings.items()
        if row.endswith(TUNED)
    }
    found = searches(DATASETS)
    assert set(found) == set(settings)
    sizes = {(task, len(trials), trials[0]["env_steps"]) for (task, _), trials in found.items()}
    assert len(sizes) == len({task for task, _ in found})
    for key, trials in found.items():
        best = split_name(f"any:{ranked(trials)[0]['options']}", "method")[1]
        assert best.items() <= split_name(settings[key].method, "method")[1].items()


def test_nvif_table_one_is_what_our_maps_hold():
    counts = {
        (row["map"], int(row["size"])): (int(row["omnivores"]), int(row["food"]))
        for row in rows("nvif_table1.csv")
    }
    made = {("normal", size): maps.normal_map(size) for size in maps.SIZES}
    rng = np.random.default_rng(0)
    made |= {("random", size): maps.random_map(size, rng) for size in maps.SIZES}
    assert {key: (len(own), len(food)) for key, (own, food) in made.items()} == counts


def test_nvif_table_two_has_five_methods_on_each_map():
    table = rows("nvif_table2.csv")
    methods = {row["method"] for row in table}
    assert methods == {"IPPO", "DGN", "MFQ", "NVIF-DQN", "NVIF-PPO"}
    found = Counter((row["map"], int(row["size"])) for row in table)
    assert found == {(kind, size): 5 for kind in ("normal", "random") for size in maps.SIZES}
    assert all(0 < float(row["steps"]) <= 100 for row in table)


def test_nvif_table_two_obeys_the_rewards_that_it_was_put_in_order_by():
    # A food pays 4 x 1 + 5 - 5 x 0.1 = 8.5 at most, a step costs each living omnivore 0.05.
    food = {(row["map"], row["size"]): row for row in rows("nvif_table1.csv")}
    for row in rows("nvif_table2.csv"):
        here = food[row["map"], row["size"]]
        steps_cost = 0.05 * int(here["omnivores"]) * float(row["steps"])
        value = (float(row["return"]) + steps_cost) / int(here["food"])
        # The dead pay no steps, so that the value is overestimated a little where some die.
        assert value < 8.9
        if row["method"] == "NVIF-PPO":
            assert 8.2 < value < 8.5


def test_mamba_table_three_has_seven_methods_on_each_of_twenty_three_maps():
    table = rows("mamba_table3.csv")
    found = Counter(row["map"] for row in table)
    assert len(found) == 23 and set(found.values()) == {7}
    assert all(0 <= float(row["mean"]) <= 100 for row in table)


def test_ndq_messages_have_as_many_bits_for_each_other_agent():
    for row in rows("ndq_table1.csv"):
        assert int(row["message_length"]) % (int(row["agents"]) - 1) == 0


def test_rows_measured_before_a_change_are_there_and_starred():
    named = {
        (name, row.get("row"), row["commit"])
        for name in TABLES
        for row in rows(name)
        if "commit" in row and name != "measured_before.csv"
    }
    page = (DATASETS / "RESULTS.md").read_text()
    for row in rows("measured_before.csv"):
        assert (row["table"], row["row"], row["commit"]) in named, row
        assert rf"| {row['row']} \* |" in page, row
    for row, star in (("ippo", False), ("maddpgs", True), ("qtran", True)):
        assert (rf"| {row} \* |" in page) == star and (f"| {row} |" in page) != star


def test_the_page_of_results_is_what_its_generator_writes():
    assert (DATASETS / "RESULTS.md").read_text() == results_page(DATASETS)
