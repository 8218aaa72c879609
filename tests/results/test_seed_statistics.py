"""Statistics over seeds against arithmetic written out, and against all resamples counted."""

from itertools import product

import numpy as np
import pytest
from rliable.metrics import aggregate_iqm
from scipy.stats import trim_mean

from graphmarl.results.stats import (
    confidence_interval,
    curve_estimates,
    estimates,
    few_seeds,
    improvement,
    interquartile_mean,
    iqm_over_seeds,
    profiles,
)


def column(*values: float) -> np.ndarray:
    """Scores of runs in one environment."""
    return np.array(values, dtype=float)[:, None]


def test_aggregates_are_those_of_a_hand_computation():
    table = estimates({"a": column(8, 1, 100, 3, 2, 4, 6, 7)}, gamma=5.0)
    # Sorted: 1 2 | 3 4 6 7 | 8 100. A quarter of eight runs is cut at each end.
    assert table.loc["a", "iqm"] == (3 + 4 + 6 + 7) / 4
    assert table.loc["a", "mean"] == (1 + 2 + 3 + 4 + 6 + 7 + 8 + 100) / 8
    # Up to 5 lack 4, 3, 2, 1; more than 5 counts as 5.
    assert table.loc["a", "optimality_gap"] == (4 + 3 + 2 + 1) / 8


def test_aggregates_over_environments():
    scores = np.array([[0.0, 10.0, 1.0], [2.0, 30.0, 3.0]])
    row = estimates({"a": scores}).loc["a"]
    # Means of the environments: 1, 20, 2. All six sorted: 0 | 1 2 3 10 | 30.
    assert row["mean"] == pytest.approx((1 + 20 + 2) / 3)
    assert row["median"] == 2
    assert row["iqm"] == (1 + 2 + 3 + 10) / 4


def test_three_seeds_have_no_quarter_to_cut():
    row = estimates({"a": column(10, 0, 10)}).loc["a"]
    assert row["iqm"] == row["mean"] == pytest.approx(20 / 3)
    # Student's t gives 6.67 +- 14.3; no resample of these runs is below 0 or above 10.
    assert 0 <= row["mean_low"] <= row["mean_high"] <= 10


def test_the_interquartile_mean_is_that_of_rliable():
    scores = np.random.default_rng(0).normal(size=(12, 3, 4))
    for count, runs in ((1, 1), (2, 3), (3, 5), (4, 2), (5, 12)):
        part = scores[:runs, :, :count]
        assert interquartile_mean(part.ravel()) == aggregate_iqm(part)
        assert (interquartile_mean(part) == trim_mean(part, 0.25, axis=0)).all()


def test_the_interval_is_that_of_all_resamples_of_the_runs():
    values = (0.0, 1.0, 3.0, 7.0, 20.0)
    means = [np.mean(each) for each in product(values, repeat=5)]
    low, high = np.percentile(means, [2.5, 97.5])
    row = estimates({"a": column(*values)}).loc["a"]
    assert row["mean_low"] == pytest.approx(low, abs=0.35)
    assert row["mean_high"] == pytest.approx(high, abs=0.6)


def test_environments_are_resampled_apart():
    # Runs of 0 and 1, equal in two environments: the mean of sixteen fair draws has a standard
    # deviation of 0.5 / 4; if rows were drawn together, it would be that of eight, 0.5 / 2.83.
    row = estimates({"a": np.array([[0.0, 0.0], [1.0, 1.0]] * 4)}).loc["a"]
    assert row["mean"] == 0.5
    assert row["mean_high"] - row["mean_low"] == pytest.approx(2 * 1.96 * 0.5 / 4, rel=0.12)


def test_intervals_over_seeds_are_ten_times_wider_than_those_of_pooled_episodes():
    # Five seeds that learned something different, with 200 episodes each.
    generator = np.random.default_rng(0)
    seeds = [level + generator.normal(0, 0.1, 200) for level in (0, 10, 20, 30, 40)]
    pooled = confidence_interval(np.concatenate(seeds).tolist())
    row = estimates({"a": column(*(each.mean() for each in seeds))}).loc["a"]
    assert row["mean"] == pytest.approx(pooled.mean)
    assert row["mean_high"] - row["mean_low"] >= 10 * 2 * pooled.half_width


def test_one_seed_has_no_interval():
    row = estimates({"a": column(3)}, gamma=4.0).loc["a"]
    assert (row["mean"], row["iqm"], row["median"], row["optimality_gap"]) == (3, 3, 3, 1)
    ends = row.filter(regex="_(low|high)$")
    assert len(ends) == 8 and ends.isna().all()


def test_numbers_are_the_same_each_time_and_leave_the_generator_as_it_was():
    scores = {"a": column(1, 5, 2, 8, 3), "b": column(1, 2, 3, 4, 9)}
    np.random.seed(3)
    first = estimates(scores)
    after = np.random.random()
    np.random.seed(3)
    assert np.random.random() == after
    assert estimates(scores).equals(first)
    # That of one algorithm does not depend on which others there are.
    assert estimates({"b": scores["b"]}).loc["b"].equals(first.loc["b"])


def test_a_curve_has_at_each_point_what_a_table_has():
    values = np.array([[1.0, 5.0], [2.0, 6.0], [3.0, 1.0], [4.0, 2.0], [50.0, 9.0]])
    middle, low, high = curve_estimates(values[:, None])
    # Of five runs one is cut at each end.
    assert middle.tolist() == [3.0, (2 + 5 + 6) / 3]
    assert (low < middle).all() and (middle < high).all()
    table = estimates({str(point): column(*values[:, point]) for point in (0, 1)})
    assert middle.tolist() == table["iqm"].tolist()
    assert low == pytest.approx(table["iqm_low"].to_numpy(), abs=0.7)


def test_a_profile_is_the_share_of_runs_above():
    table = profiles({"a": column(1, 2, 3, 4), "b": column(2)}, np.array([0.0, 2.0, 9.0]))
    assert table["algorithm"].tolist() == [*"aaabbb"]
    assert table["share"].tolist() == [1, 2 / 4, 0, 1, 0, 0]
    assert table["low"].tolist()[:3] == [1, 0, 0] and table["high"].tolist()[:3] == [1, 1, 0]
    assert np.isnan(table["low"].tolist()[3:]).all()


def test_the_probability_of_improvement_counts_pairs_and_half_of_the_ties():
    scores = {"a": column(1, 3, 5), "b": column(0, 3), "c": column(1, 3, 5), "d": column(9)}
    table = improvement(scores, "a").set_index("than")
    # 1, 3, 5 against 0: 3 of 3; against 3: one better, one equal.
    assert table.loc["b", "probability"] == pytest.approx((3 + 1 + 0.5) / 6)
    assert table.loc["c", "probability"] == 0.5 and table.loc["d", "probability"] == 0
    assert np.isnan(table.loc["d", "low"])
    same = improvement({"a": column(1, 1, 1), "b": column(1, 1)}, "a")
    assert same["probability"].item() == same["low"].item() == same["high"].item() == 0.5


def test_few_seeds_are_said():
    assert few_seeds({"a": 5, "b": 7}) == "" == few_seeds({})
    assert few_seeds({"a": 3, "b": 5}).startswith(
        "1 of 2 results are of 3 seeds: with fewer than 5"
    )
    assert few_seeds({"a": 1, "b": 4}).startswith("all results are of 1 to 4 seeds")
    assert few_seeds({"a": 1}).startswith("all results are of 1 seed:")


def test_the_interquartile_mean_alone_is_that_of_all_aggregates():
    values = (8.0, 1.0, 100.0, 3.0, 2.0, 4.0, 6.0, 7.0)
    row = estimates({"a": column(*values)}).loc["a"]
    assert iqm_over_seeds(values) == (row["iqm"], row["iqm_low"], row["iqm_high"])
    equal = estimates({"a": column(0.3, 0.3, 0.3)}).loc["a"]
    assert iqm_over_seeds((0.3,) * 3) == pytest.approx(
        (equal["iqm"], equal["iqm_low"], equal["iqm_high"])
    )
